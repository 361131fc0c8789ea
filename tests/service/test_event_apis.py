"""Event APIs over HTTP: a document in, its types in the catalogue, and what may be done with it by whom."""

import json
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from subscriptions.access.clients import Role
from subscriptions.ground.database import Database
from subscriptions.ground.tables import audit_entries
from tests.service.callers import OTHER_WORKSPACE, WORKSPACE, Callers

EVENTS = "/events/v1beta1"
PATH = EVENTS + "/event-apis"
DOCUMENT = """asyncapi: 2.6.0
info: {title: Orders, version: '1.0', description: What is ordered}
servers: {bus: {url: 'broker.example:9092', protocol: kafka, protocolVersion: '3', security: [{key: []}]}}
channels:
  com.acme.order.placed:
    subscribe:
      message:
        title: Order placed
        payload: {type: object, properties: {number: {type: integer}}}
        examples: [{payload: {number: 1}}]
components: {securitySchemes: {key: {type: userPassword}}}
"""


@pytest.fixture
async def publisher(callers: Callers) -> dict[str, str]:
    return await callers.headers(Role.PUBLISHER)


async def registered(api: httpx.AsyncClient, headers: dict[str, str], **more: Any) -> dict[str, Any]:
    """The event API of the document."""
    answer = await api.post(PATH, json={"document": DOCUMENT} | more, headers=headers)
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    assert answer.headers["Location"] == body["resourceUri"]
    return body


async def test_a_document_is_registered_and_read(
    api: httpx.AsyncClient, callers: Callers, publisher: dict[str, str]
) -> None:
    """What a document says is told by the API that it makes; everybody who may read the catalogue may read it."""
    made = await registered(api, publisher, group="orders", application="shop")
    viewer = await callers.headers(Role.VIEWER, workspace=OTHER_WORKSPACE)

    assert (made["name"], made["description"], made["group"], made["application"]) == (
        "Orders",
        "What is ordered",
        "orders",
        "shop",
    )
    assert made["version"] == {"value": "1.0", "deprecated": False, "forRemoval": False}
    assert made["workspaceId"] == WORKSPACE
    assert made["servers"] == [
        {
            "name": "bus",
            "url": "broker.example:9092",
            "protocol": "kafka",
            "protocolVersion": "3",
            "description": "",
            "security": [{"name": "key", "type": "userPassword", "description": ""}],
        }
    ]
    read = (await api.get(made["resourceUri"], headers=viewer)).json()
    assert read == {name: value for name, value in made.items() if name != "workspaceId"}
    document = await api.get(made["resourceUri"] + "/document", headers=viewer)
    assert (document.text, document.headers["Content-Type"]) == (DOCUMENT, "application/yaml")
    (event,) = (await api.get(made["resourceUri"] + "/events", headers=viewer)).json()["items"]
    assert event["payload"] == {"type": "object", "properties": {"number": {"type": "integer"}}}
    assert (event["eventType"], event["examples"], event["revision"]) == ("com.acme.order.placed", [{"number": 1}], 1)
    of_type = await api.get(f"{EVENTS}/event-types/com.acme.order.placed", headers=viewer)
    assert of_type.json()["friendlyName"] == "Order placed"
    for query in ("group=orders", "eventType=com.acme.order.placed", "search=RDERS"):
        (listed,) = (await api.get(f"{PATH}?{query}", headers=viewer)).json()["items"]
        assert (listed["id"], listed["eventTypeCount"]) == (made["id"], 1)
    assert (await api.get(f"{PATH}?group=none", headers=viewer)).json()["total"] == 0


async def test_faults_of_a_document_are_told(api: httpx.AsyncClient, publisher: dict[str, str]) -> None:
    """A document that cannot be taken is a 400 whose details have a pointer each, and the line; nothing is kept of it."""
    broken = DOCUMENT.replace("type: integer", "type: whole").replace("title: Order placed", "titel: x")
    answer = await api.post(PATH, json={"document": broken}, headers=publisher)

    assert answer.status_code == 400
    at = "/channels/com.acme.order.placed/subscribe/message"
    assert f'"{at}"' in answer.text
    assert f'"{at}/payload/properties/number/type"' in answer.text
    assert "(line 7)" in answer.text
    assert (await api.get(PATH, headers=publisher)).json()["total"] == 0
    for wrong, status in (("{", 400), ("a: [" * 100, 413), ("a: *b", 400)):
        assert (await api.post(PATH, json={"document": wrong}, headers=publisher)).status_code == status


async def test_a_change_that_breaks_consumers_is_a_conflict(api: httpx.AsyncClient, publisher: dict[str, str]) -> None:
    """A wider type under the same version is a 409 with its pointer, and taken under another version."""
    made = await registered(api, publisher)
    wider = DOCUMENT.replace("type: integer", "type: [integer, string]")

    refused = await api.patch(made["resourceUri"], json={"document": wider}, headers=publisher)
    taken = await api.patch(
        made["resourceUri"], json={"document": wider, "version": {"value": "2.0"}}, headers=publisher
    )

    assert refused.status_code == 409
    assert "/channels/com.acme.order.placed/subscribe/message/payload/properties/number" in refused.text
    assert "(line 9)" in refused.text
    assert taken.json()["version"]["value"] == "2.0"
    assert taken.json()["generation"] == 2


async def test_others_do_not_touch_it(api: httpx.AsyncClient, callers: Callers, publisher: dict[str, str]) -> None:
    """Another workspace's publisher gets a 403 for changing and removing, and a 409 for describing its types."""
    made = await registered(api, publisher)
    stranger = await callers.headers(Role.PUBLISHER, workspace=OTHER_WORKSPACE)

    assert (await api.patch(made["resourceUri"], json={"name": "x"}, headers=stranger)).status_code == 403
    assert (await api.delete(made["resourceUri"] + "?force=true", headers=stranger)).status_code == 403
    assert (await api.post(PATH, json={"document": DOCUMENT}, headers=stranger)).status_code == 409
    assert (await api.get(made["resourceUri"], headers=publisher)).json() == made


async def test_types_with_subscriptions_go_by_force(
    api: httpx.AsyncClient, callers: Callers, publisher: dict[str, str]
) -> None:
    """DELETE is a 409 while webhooks have subscribed, and with force a 204 after which its types are in the catalogue no more."""
    made = await registered(api, publisher)
    subscriber = await callers.headers(Role.SUBSCRIBER)
    hook = {"name": "h", "destination": "https://127.0.0.1:9/", "secret": "a-shared-secret"}
    uri = (await api.post(EVENTS + "/webhooks", json=hook, headers=subscriber)).json()["resourceUri"]
    order = [{"eventType": "com.acme.order.placed", "webhook": {"resourceUri": uri}}]
    assert (await api.post(EVENTS + "/subscriptions", json=order, headers=subscriber)).status_code == 201

    refused = await api.delete(made["resourceUri"], headers=publisher)
    removed = await api.delete(made["resourceUri"] + "?force=true", headers=publisher)

    assert (refused.status_code, removed.status_code) == (409, 204)
    assert "com.acme.order.placed has 1 subscriptions" in refused.text
    assert (await api.get(made["resourceUri"], headers=publisher)).status_code == 404
    assert (await api.get(EVENTS + "/event-types/com.acme.order.placed", headers=publisher)).status_code == 404


async def test_what_is_done_is_audited(api: httpx.AsyncClient, database: Database, publisher: dict[str, str]) -> None:
    """Registering, changing and removing leave an entry each, with the document's digest and its types."""
    made = await registered(api, publisher)
    await api.patch(made["resourceUri"], json={"name": "New"}, headers=publisher)
    await api.delete(made["resourceUri"], headers=publisher)

    async with database.transaction() as connection:
        mine = audit_entries.c.subject == made["id"]
        rows = {row.action: row for row in await connection.execute(select(audit_entries).where(mine))}
    assert rows.keys() == {"event-api.registered", "event-api.changed", "event-api.removed"}
    assert made["digest"] in rows["event-api.registered"].after
    renamed = rows["event-api.changed"]
    assert (renamed.before, renamed.after) == ('{"name":"Orders"}', '{"name":"New"}')


@pytest.mark.parametrize(
    ("version", "field"),
    [
        ({"value": "1", "deprecatedSince": "yesterday", "deprecated": True}, "version.deprecatedSince"),
        ({"value": "1", "sunset": "2026-13-01T00:00:00Z"}, "version.sunset"),
        ({"value": "1", "migration": "not a uri"}, "version.migration"),
        ({"value": "1", "migration": "javascript:alert(1)"}, "version.migration"),
    ],
)
async def test_a_version_is_read_strictly(
    api: httpx.AsyncClient, publisher: dict[str, str], version: dict[str, Any], field: str
) -> None:
    """A moment that is none, and an address that is no URI or none that one goes to, are named."""
    answer = await api.post(PATH, json={"document": DOCUMENT, "version": version}, headers=publisher)
    assert answer.status_code == 400
    assert field in answer.text


@pytest.mark.parametrize("text", ["half \\ud800", "nul \\u0000"])
async def test_words_that_no_database_keeps_are_refused(
    api: httpx.AsyncClient, publisher: dict[str, str], text: str
) -> None:
    """Half of a surrogate pair is no character, and PostgreSQL has no NUL: where words are taken neither is."""
    for field in (
        f'"name": "{text}"',
        f'"group": "{text}"',
        f'"description": "{text}"',
        f'"version": {{"value": "{text}"}}',
    ):
        body = f'{{"document": {json.dumps(DOCUMENT)}, {field}}}'
        answer = await api.post(PATH, content=body, headers=publisher | {"Content-Type": "application/json"})
        assert answer.status_code in (400, 422), field


async def test_a_version_is_merged_member_by_member(api: httpx.AsyncClient, publisher: dict[str, str]) -> None:
    """A PATCH of one member leaves the others (RFC 7396, 2); null is what it is where nobody says anything."""
    made = await registered(api, publisher)
    uri, until = made["resourceUri"], "2027-01-01T00:00:00.000Z"

    async def version(**given: Any) -> dict[str, Any]:
        answer = await api.patch(uri, json={"version": given}, headers=publisher)
        assert answer.status_code == 200, answer.text
        return dict(answer.json()["version"])

    first = await version(deprecated=True, migration="https://new.example/orders")
    both = await version(sunset=until)
    assert both == {**first, "sunset": until}
    assert (both["value"], both["deprecated"], both["migration"]) == (
        made["version"]["value"],
        True,
        "https://new.example/orders",
    )
    assert await version(migration=None, deprecated=None, sunset=None) == {
        "value": both["value"],
        "deprecated": False,
        "forRemoval": False,
    }
    for nothing in ({"version": None}, {"name": None}, {"document": None}, {"version": {"value": None}}):
        assert (await api.patch(uri, json=nothing, headers=publisher)).status_code == 422, nothing


async def test_a_document_that_sends_nothing_is_warned_of(api: httpx.AsyncClient, publisher: dict[str, str]) -> None:
    """What whoever receives events wrote of them brings no type, and the answer says so; others warn of nothing."""
    receiving = DOCUMENT.replace("subscribe:", "publish:")

    made = await registered(api, publisher, document=receiving)
    changed = await api.patch(made["resourceUri"], json={"document": DOCUMENT}, headers=publisher)

    assert (made["eventTypes"], len(made["warnings"])) == ([], 1)
    assert "its application sends no message" in made["warnings"][0]
    assert (changed.status_code, "warnings" in changed.json()) == (200, False)
