"""The audit log with what cannot be read, or told, as it stands: everybody else's entries are shown and told all the same."""

import hashlib

import httpx
import msgspec
import pytest

from delivery.settings import DeliverySettings
from delivery.upkeep.sweeping import Upkeep
from service.health.carriers import Carriers
from service.services import Services
from subscriptions.access.clients import Role
from subscriptions.ground.database import Database
from tests.clock import Clock
from tests.service.callers import OTHER_WORKSPACE, Callers
from tests.service.conftest import ask_broker

EVENTS, LOGS = "/events/v1beta1", "/audit-log/v1/logs"
AUDIT_TYPE = "com.hpe.greenlake.audit-log.v1.logs.created"
TYPE = "com.acme.order.placed"


@pytest.fixture
async def operator(api: httpx.AsyncClient, callers: Callers) -> httpx.AsyncClient:
    api.headers.update(await callers.headers(Role.OPERATOR, name="Grace"))
    return api


async def followed(api: httpx.AsyncClient) -> str:
    """A webhook of the caller's workspace that has subscribed to the audit log."""
    asked = {"name": "orders", "destination": "https://example.com/hook", "secret": "a-shared-secret"}
    path = f"{EVENTS}/webhooks/{(await api.post(f'{EVENTS}/webhooks', json=asked)).json()['id']}"
    order = {"eventType": AUDIT_TYPE, "webhook": {"resourceUri": path}}
    assert (await api.post(f"{EVENTS}/subscriptions", json=[order])).status_code == 201
    return path


@pytest.mark.parametrize("before", ['{"schema":{"const":1e400}}', '{"schema":', "[1]", '{"n":' + "7" * 5000 + "}"])
async def test_an_entry_that_cannot_be_read_blinds_nobody(
    operator: httpx.AsyncClient, services: Services, database: Database, before: str
) -> None:
    """Whatever an entry holds, the log is read by API and page, the entry in it, and entries behind it become events."""
    path = await followed(operator)
    async with database.raw() as connection:
        await connection.execute("UPDATE audit_entries SET before = $1 WHERE action = 'webhook.registered'", before)
    await operator.patch(path, json={"description": "behind"})

    await services.assembly.audit_events.publish()
    listed = await operator.get(LOGS)
    shown = [await operator.get(each["resourceUri"]) for each in listed.json()["items"]]
    async with database.raw() as connection:
        bodies = [msgspec.json.decode(row["body"]) for row in await connection.fetch("SELECT body FROM events")]
        untold = await connection.fetchval("SELECT count(*) FROM audit_entries WHERE NOT told")

    assert {each.status_code for each in (listed, *shown)} == {200}
    actions = [each["data"]["additional_info"]["action"] for each in bodies]
    assert sorted(actions) == ["subscription.created", "webhook.changed", "webhook.registered"]
    assert untold == 0


async def test_a_schema_is_told_by_its_digest(
    operator: httpx.AsyncClient, callers: Callers, services: Services
) -> None:
    """An entry says a schema's dialect, digest and length: what others wrote is in none; a number beyond a double is refused."""
    publisher = await callers.headers(Role.PUBLISHER, workspace=OTHER_WORKSPACE)
    await operator.post(f"{EVENTS}/event-types", json={"eventType": TYPE}, headers=publisher)
    path = f"{EVENTS}/event-types/{TYPE}/schema"

    taken = await operator.put(path, content=b'{"title":"secret plan"}', headers=publisher)
    refused = await operator.put(path, content=b'{"properties":{"a":{"const":1e400}}}', headers=publisher)
    log = await operator.get(LOGS)

    assert (taken.status_code, refused.status_code, log.status_code) == (201, 400, 200)
    assert "schema/properties/a/const" in refused.text
    assert "secret plan" not in log.text
    [change] = [each["after"] for item in log.json()["items"] for each in item["changes"] if each["field"] == "schema"]
    assert change["bytes"] == len(b'{"title":"secret plan"}')
    assert change["sha256"] == hashlib.sha256(b'{"title":"secret plan"}').hexdigest()
    assert "2020-12" in change["dialect"]


async def test_health_tells_what_stays_untold(
    operator: httpx.AsyncClient, services: Services, database: Database, clock: Clock
) -> None:
    """Entries of the audit log that have been no events for more than a minute are said to be missing; others are not."""
    await followed(operator)

    upkeep = Upkeep(services.database, services.assembly.base.clock, DeliverySettings(), lambda _nudges: None)

    async def missing() -> list[str]:
        return [each for each in (await Carriers(upkeep, ask_broker).look()).missing if "audit log" in each]

    fresh = await missing()
    services.assembly.base.clock.follow(clock.advance(90))
    late = await missing()
    await services.assembly.audit_events.publish()
    told = await missing()

    assert (fresh, told) == ([], [])
    assert late == ["entries of the audit log have waited to be told for 90 s"]
