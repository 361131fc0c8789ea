"""Types that cannot be reached or read: refused where they are new, and left out, said so, where they stand."""

import httpx
import pytest

from service.services import Services
from subscriptions.access.clients import Role
from subscriptions.ground.database import Database
from tests.service.callers import Callers

EVENTS = "/events/v1beta1"
TYPES = f"{EVENTS}/event-types"
TYPE = "com.acme.order.placed"


@pytest.fixture
async def operator(api: httpx.AsyncClient, callers: Callers) -> httpx.AsyncClient:
    api.headers.update(await callers.headers(Role.OPERATOR))
    return api


@pytest.mark.parametrize("name", ["com.acme.order/schema", "com.acme\u202ex", "com.acme.\u200bx", "com.\u2066acme.x"])
async def test_a_type_that_misleads(operator: httpx.AsyncClient, name: str) -> None:
    """A type that ends like the path of a schema, or that holds what nobody sees, is a 400 that says why; nothing is kept."""
    refused = await operator.post(TYPES, json={"eventType": name})

    assert (refused.status_code, "eventType" in refused.text) == (400, True)
    assert "/schema" in refused.text or "U+20" in refused.text
    assert (await operator.get(TYPES, params={"search": "acme"})).json()["total"] == 0


async def test_a_friendly_name_that_misleads(operator: httpx.AsyncClient) -> None:
    """A friendly name with a format character is a 400, new or changed; letters of any script are taken."""
    misleading = {"friendlyName": "Order \u202edecalp"}
    refused = await operator.post(TYPES, json={"eventType": TYPE, **misleading})
    taken = await operator.post(TYPES, json={"eventType": TYPE, "friendlyName": "Bestellung für Zoë 注文"})
    changed = await operator.patch(f"{TYPES}/{TYPE}", json=misleading)

    assert (refused.status_code, taken.status_code, changed.status_code) == (400, 201, 400)
    assert "friendlyName" in refused.text
    assert "U+202E" in changed.text


async def test_what_cannot_be_read_is_left_out(
    operator: httpx.AsyncClient, services: Services, database: Database
) -> None:
    """`/asyncapi.json` and test events live with a schema that holds a number beyond a double, and the document says so."""
    assert (await operator.post(TYPES, json={"eventType": TYPE})).status_code == 201
    assert (await operator.put(f"{TYPES}/{TYPE}/schema", json={"const": 1})).status_code == 201
    async with database.raw() as connection:
        await connection.execute(
            """UPDATE event_type_versions SET payload = '{"const":1e400}', details = '{"bindings":1e400}'"""
        )
    hook = {"name": "h", "destination": "https://127.0.0.1:9/", "secret": "a-shared-secret"}
    uri = (await operator.post(EVENTS + "/webhooks", json=hook)).json()["resourceUri"]
    order = [{"eventType": TYPE, "webhook": {"resourceUri": uri}}]
    assert (await operator.post(EVENTS + "/subscriptions", json=order)).status_code == 201

    document = await operator.get("/asyncapi.json")
    versions = (await services.described_types.of([TYPE])).versions[TYPE]

    assert document.status_code == 200
    [message] = [each for each in document.json()["components"]["messages"].values() if each["name"] == TYPE]
    assert message["x-hooklake-unreadable"] is True
    assert [(each.schema, each.unreadable) for each in versions] == [(None, True)]
