"""Versions of event types on the way of an event: the deprecation extension, and subscriptions that understand one version."""

from typing import Any

import httpx
import msgspec
import pytest
from sqlalchemy import text

from subscriptions.access.clients import Role
from subscriptions.events.event_types import FRESH, EventTypeStore
from subscriptions.ground.database import Database
from tests.service.callers import Callers

EVENTS = "/events/v1beta1"
TYPE = "com.acme.order.placed"
SINCE, SUNSET = "2026-01-01T00:00:00.000Z", "2027-01-01T00:00:00.000Z"
OLD: dict[str, Any] = {"value": "1", "deprecated": True, "deprecatedSince": SINCE, "sunset": SUNSET}
EXTENSION = {
    "deprecated": True,
    "deprecationfrom": SINCE,
    "deprecationsunset": SUNSET,
    "deprecationmigration": "https://acme.example/new",
}


def document(dataschema: str) -> str:
    """AsyncAPI with the type, whose events have this `dataschema`."""
    return f"""asyncapi: 2.6.0
info: {{title: Orders, version: '1'}}
channels:
  {TYPE}:
    subscribe:
      message:
        headers: {{type: object, properties: {{ce_dataschema: {{const: '{dataschema}'}}}}}}
        payload: {{type: object}}
"""


@pytest.fixture
async def publisher(callers: Callers) -> dict[str, str]:
    return await callers.headers(Role.PUBLISHER)


async def registered(
    api: httpx.AsyncClient, headers: dict[str, str], version: dict[str, Any], dataschema: str = "urn:one"
) -> str:
    """The path of an event API of the group `orders`."""
    body = {"document": document(dataschema), "group": "orders", "version": version}
    answer = await api.post(EVENTS + "/event-apis", json=body, headers=headers)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["resourceUri"])


async def published(api: httpx.AsyncClient, headers: dict[str, str], **more: Any) -> dict[str, Any]:
    """The receipt of an event of the type."""
    event = {"specversion": "1.0", "id": str(len(more)), "source": "/shop", "type": TYPE, "data": {"n": 1}, **more}
    sent = {**headers, "Content-Type": "application/cloudevents+json"}
    answer = await api.post(EVENTS + "/cloudevents", content=msgspec.json.encode(event), headers=sent)
    assert answer.status_code == 202, answer.text
    receipt: dict[str, Any] = answer.json()
    return receipt


async def extension(database: Database, receipt: dict[str, Any]) -> dict[str, Any]:
    """What an event that was kept says of its deprecation."""
    async with database.transaction() as connection:
        body = await connection.scalar(text("SELECT body FROM events WHERE key = :key"), {"key": receipt["messageId"]})
    kept = msgspec.json.decode(body)
    assert kept["data"] == {"n": 1}
    return {name: value for name, value in kept.items() if name.startswith("deprecat")}


async def test_events_of_a_deprecated_version_say_so(
    api: httpx.AsyncClient, database: Database, publisher: dict[str, str]
) -> None:
    """An event of a deprecated version carries CloudEvents' deprecation extension; one that has it already keeps its own."""
    await registered(api, publisher, {**OLD, "migration": EXTENSION["deprecationmigration"]})

    assert await extension(database, await published(api, publisher, id="a")) == EXTENSION
    named = await published(api, publisher, id="b", dataschema="urn:one")
    assert await extension(database, named) == EXTENSION
    own = await published(api, publisher, id="c", deprecated=True)
    assert await extension(database, own) == {"deprecated": True}


async def test_only_the_deprecated_version_says_so(
    api: httpx.AsyncClient, database: Database, publisher: dict[str, str]
) -> None:
    """Beside a version that is not deprecated, events of that one and those that name none say nothing."""
    await registered(api, publisher, OLD)
    await registered(api, publisher, {"value": "2"}, "urn:two")

    old = await published(api, publisher, id="a", dataschema="urn:one")
    assert await extension(database, old) == {"deprecated": True, "deprecationfrom": SINCE, "deprecationsunset": SUNSET}
    for more in ({"id": "b", "dataschema": "urn:two"}, {"id": "c"}):
        assert await extension(database, await published(api, publisher, **more)) == {}


async def test_other_processes_know_within_five_seconds(
    api: httpx.AsyncClient, database: Database, publisher: dict[str, str]
) -> None:
    """A deprecation, its end and a removal by one process are seen by another once what that one knows is five seconds old."""
    steady = [0.0]
    other = EventTypeStore(database, steady=lambda: steady[0])
    path = await registered(api, publisher, {"value": "1"})
    assert (await other.unknown({TYPE}), other.deprecated) == (set(), {})
    assert FRESH <= 5.0

    changes: list[tuple[dict[str, Any] | None, set[str]]] = [
        (OLD, {TYPE}),
        ({"deprecated": False}, set()),
        (None, set()),
    ]
    for version, deprecated in changes:
        if version is None:
            assert (await api.delete(path, headers=publisher)).status_code == 204
        else:
            changed = await api.patch(path, json={"version": version}, headers=publisher)
            assert changed.status_code == 200, changed.text
        steady[0] += 5.0
        assert await other.unknown({TYPE}) == ({TYPE} if version is None else set())
        assert set(other.deprecated) == deprecated


async def test_a_subscription_understands_one_version(
    api: httpx.AsyncClient, callers: Callers, publisher: dict[str, str]
) -> None:
    """A subscription that pins a version is owed its events alone; what is current moves with the versions."""
    await registered(api, publisher, {"value": "1"})
    subscriber = await callers.headers(Role.SUBSCRIBER)
    hook = {"name": "h", "destination": "https://127.0.0.1:9/", "secret": "a-shared-secret"}
    uri = (await api.post(EVENTS + "/webhooks", json=hook, headers=subscriber)).json()["resourceUri"]
    order = {"eventType": TYPE, "webhook": {"resourceUri": uri}, "version": "1"}
    (made,) = (await api.post(EVENTS + "/subscriptions", json=[order], headers=subscriber)).json()
    assert made["version"] == "1"

    async def owed(number: str, **more: Any) -> int:
        return int((await published(api, publisher, id=number, **more))["matched"])

    assert [await owed("a"), await owed("b", dataschema="urn:one"), await owed("c", dataschema="urn:x")] == [1, 1, 0]
    await registered(api, publisher, {"value": "2"}, "urn:two")
    assert [await owed("d"), await owed("e", dataschema="urn:one"), await owed("f", dataschema="urn:two")] == [0, 1, 0]
    every = {**order, "subscriptionId": made["id"], "version": None}
    (all_of_them,) = (await api.patch(EVENTS + "/subscriptions", json=[every], headers=subscriber)).json()
    assert "version" not in all_of_them
    assert [await owed("g"), await owed("h", dataschema="urn:two")] == [1, 1]
    unknown = await api.patch(EVENTS + "/subscriptions", json=[{**every, "version": "3"}], headers=subscriber)
    assert unknown.status_code == 400
    assert f"the versions of {TYPE} are 1, 2" in unknown.text
