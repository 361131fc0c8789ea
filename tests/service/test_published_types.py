"""Types that join the catalogue with their first event: whose they are, how they are told from others, and what bounds them."""

import asyncio
import json
import logging
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from msgspec import structs

from service.app import Configuration
from service.services import Services
from service.settings import ServiceSettings
from subscriptions.access.clients import Role
from subscriptions.catalogue.public_types import PublicTypes
from subscriptions.events.event_types import EventTypeStore
from subscriptions.events.published_types import PublishedTypes
from subscriptions.ground.errors import LimitReached
from tests.service.callers import OTHER_WORKSPACE, WORKSPACE, Callers

EVENTS = "/events/v1beta1"
PATH = EVENTS + "/event-types"
LEGACY = "/commerce/v1/events"
SCHEMA = {"type": "object", "required": ["code"]}


@pytest.fixture
def entrance() -> ServiceSettings:
    return ServiceSettings(public_catalogue=True)


@pytest.fixture
def configuration(configuration: Configuration) -> Configuration:
    return replace(configuration, ground=structs.replace(configuration.ground, max_event_types_per_workspace=3))


def order(name: str = "order.created", **more: Any) -> dict[str, Any]:
    given = {"event-type": name, "event-type-version": "v1", "event-time": "2026-05-04T12:30:00Z", "data": {"code": 1}}
    return {**given, **more}


@pytest.fixture
def services(services: Services) -> Services:
    """With types that are known for good once they were seen: how long a test takes is no matter of statements."""
    return replace(services, types=EventTypeStore(services.database, most=3, steady=lambda: 0.0))


async def listened(services: Services) -> list[str]:
    """The statements that are asked from now on, by their first words: on whichever of the connections that there are."""
    asked: list[str] = []

    def note(record: Any) -> None:
        # A new connection asks what the types of parameters are, and how PostgreSQL is set.
        if "typeinfo" not in record.query and "'jit'" not in record.query:
            asked.append(record.query.split()[0])

    async with AsyncExitStack() as held:
        for _ in range(5):
            (await held.enter_async_context(services.database.raw())).add_query_logger(note)
    return asked


async def test_a_type_of_nobody(api: httpx.AsyncClient, callers: Callers, services: Services) -> None:
    """Is made of its first event for the workspace of its publisher, marked as published, in the audit log, on no public page.
    Once it is registered it is as any other, with what was said of it."""
    publisher, operator = await callers.headers(Role.PUBLISHER), await callers.headers(Role.OPERATOR)

    taken = await api.post(LEGACY, json=order(), headers=publisher)
    marked = (await api.get(f"{PATH}/order.created.v1", headers=publisher)).json()
    public = await api.get("/docs/events")
    log = (await api.get("/audit-log/v1/logs", headers=operator)).json()["items"]
    registered = await api.post(
        PATH, json={"eventType": "order.created.v1", "friendlyName": "Ordered"}, headers=publisher
    )
    after = await PublicTypes(services.types, services.described_types).every()

    assert taken.status_code == 200
    assert (marked["origin"], marked["workspaceId"], marked["category"]) == ("published", WORKSPACE, "foreign")
    assert "order.created.v1" not in public.text
    assert [each["action"] for each in log if "order.created.v1" in json.dumps(each)] == ["event-type.published"]
    assert registered.status_code == 200
    assert (registered.json()["origin"], registered.json()["friendlyName"]) == ("registered", "Ordered")
    assert "Ordered" in {each.friendly_name for each in after.values()}


async def test_a_type_of_somebody_else(api: httpx.AsyncClient, callers: Callers) -> None:
    """Is published under, for one's own subscribers, and stays whose it is: nothing of it is counted or changed (decision 21)."""
    owner = await callers.headers(Role.PUBLISHER, workspace=OTHER_WORKSPACE)
    publisher = await callers.headers(Role.PUBLISHER)
    await api.post(LEGACY, json=order(), headers=owner)

    taken = await api.post(LEGACY, json=order(), headers=publisher)
    registered = await api.post(PATH, json={"eventType": "order.created.v1", "friendlyName": "Mine"}, headers=publisher)
    shown = (await api.get(f"{PATH}/order.created.v1", headers=owner)).json()
    event = (await api.get(f"{EVENTS}/events/{taken.json()['event-id']}", headers=publisher)).json()

    assert (taken.status_code, event["workspaceId"]) == (200, WORKSPACE)
    assert registered.status_code == 409
    assert (shown["workspaceId"], shown["origin"], shown["generation"]) == (OTHER_WORKSPACE, "published", 1)


async def test_a_type_that_was_retired(api: httpx.AsyncClient, callers: Callers) -> None:
    """Does not come back with an event, its own workspace's neither: who retired it meant that."""
    publisher = await callers.headers(Role.PUBLISHER)
    await api.post(LEGACY, json=order(), headers=publisher)
    await api.delete(f"{PATH}/order.created.v1", headers=publisher)

    refused = await api.post(LEGACY, json=order(), headers=publisher)
    again = await api.post(PATH, json={"eventType": "order.created.v1"}, headers=publisher)
    after = await api.post(LEGACY, json=order(), headers=publisher)

    said = "event type order.created.v1 was retired; the workspace that registered it, and operators, may register it again"
    assert (refused.status_code, refused.json()["moreInfo"]) == (400, f"event-type: {said}")
    assert (again.json()["origin"], after.status_code) == ("registered", 200)


@pytest.mark.parametrize("registered", [False, True])
async def test_what_another_workspace_retired(api: httpx.AsyncClient, callers: Callers, registered: bool) -> None:
    """A type that another workspace retired is made again for whoever publishes it next, also where it was registered: a name is
    not taken from everybody by one event and one DELETE. What an operator retires stays retired."""
    publisher = await callers.headers(Role.PUBLISHER)
    other = await callers.headers(Role.PUBLISHER, workspace=OTHER_WORKSPACE)
    operator = await callers.headers(Role.OPERATOR)
    await api.post(LEGACY, json=order(), headers=other)
    if registered:
        await api.post(PATH, json={"eventType": "order.created.v1"}, headers=other)
    await api.patch(f"{PATH}/order.created.v1", json={"validation": "reject"}, headers=other)
    await api.delete(f"{PATH}/order.created.v1", headers=other)

    taken = await api.post(LEGACY, json=order(), headers=publisher)
    shown = (await api.get(f"{PATH}/order.created.v1", headers=publisher)).json()
    await api.delete(f"{PATH}/order.created.v1", headers=operator)
    after = await api.post(LEGACY, json=order(), headers=other)

    assert (taken.status_code, shown["workspaceId"], shown["origin"]) == (200, WORKSPACE, "published")
    assert (shown["validation"], after.status_code) == ("off", 400)


async def test_a_full_catalogue(api: httpx.AsyncClient, callers: Callers, services: Services) -> None:
    """A workspace that has as many types as it may is told so in each door's form; what it has is taken as before, and another
    workspace has its own room. For some seconds the refusal costs no look at how many there are."""
    publisher = await callers.headers(Role.PUBLISHER)
    other = await callers.headers(Role.PUBLISHER, workspace=OTHER_WORKSPACE)
    binary = {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "a", "ce-type": "order.4.v1"}
    for number in range(3):
        assert (await api.post(LEGACY, json=order(f"order.{number}"), headers=publisher)).status_code == 200

    refused = await api.post(LEGACY, json=order("order.3"), headers=publisher)
    asked = await listened(services)
    words = await api.post("/publish", headers=publisher | binary)
    # It is told a turn of the loop later.
    await asyncio.sleep(0)
    looked = list(asked)
    standing = await api.post(LEGACY, json=order("order.1"), headers=publisher)
    theirs = await api.post(LEGACY, json=order("order.3"), headers=other)

    said = "type: the workspace has 3 event types, retired ones included, and may not have more "
    said += "(HOOKLAKE_MAX_EVENT_TYPES_PER_WORKSPACE)"
    assert (refused.status_code, refused.json()) == (403, {"status": 403, "message": f"event-{said}"})
    assert (words.status_code, words.text) == (403, said)
    assert (standing.status_code, theirs.status_code) == (200, 200)
    assert looked == ["SELECT"]


async def test_statements(api: httpx.AsyncClient, callers: Callers, services: Services) -> None:
    """A type that is known costs this door no statement more than any other door: who subscribed, and what is written."""
    publisher = await callers.headers(Role.PUBLISHER)
    occurrence = {
        "apiGroup": "compute-ops",
        "apiVersion": "v1",
        "resourceCollection": "servers",
        "event": "rebooted",
        "data": {},
    }
    for _ in range(2):
        await api.post(LEGACY, json=order(), headers=publisher)
        await api.post(f"{EVENTS}/occurrences", json=occurrence, headers=publisher)
    asked = await listened(services)

    await api.post(f"{EVENTS}/occurrences", json=occurrence, headers=publisher)
    await asyncio.sleep(0)
    there = list(asked)
    asked.clear()
    await api.post(LEGACY, json=order(), headers=publisher)
    await asyncio.sleep(0)

    assert asked == there == ["SELECT", "WITH"]


async def test_makers_at_once(services: Services) -> None:
    """However many make types at once, of one workspace or of several, each name is one type and nobody has more than he may."""

    def maker() -> PublishedTypes:
        return PublishedTypes(services.database, most=3, prefix="com.hpe.greenlake")

    async def make(name: str, by: str) -> bool:
        try:
            await maker().make(name, by=by, now=services.clock())
        except LimitReached:
            return False
        return True

    wanted = [(f"a.{number % 5}", by) for number in range(10) for by in (WORKSPACE, OTHER_WORKSPACE)]
    made = await asyncio.gather(*(make(*each) for each in wanted))

    entries, _ = await EventTypeStore(services.database).page(limit=100, offset=0, search="a.")
    mine = [each for each in entries if each.origin == "published"]
    assert len({each.type for each in mine}) == len(mine) == 5
    assert {len([each for each in mine if each.workspace_id == by]) for by in (WORKSPACE, OTHER_WORKSPACE)} == {2, 3}
    assert any(made)


async def test_a_burst_of_first_events(
    api: httpx.AsyncClient, callers: Callers, services: Services, caplog: pytest.LogCaptureFixture
) -> None:
    """A publisher that begins with many at once has all taken: the others wait for the one that makes their type, and hold
    nothing of the database meanwhile."""
    caplog.set_level(logging.INFO)
    publisher = await callers.headers(Role.PUBLISHER)

    answers = await asyncio.gather(*(api.post(LEGACY, json=order(), headers=publisher) for _ in range(150)))

    async with services.database.raw() as connection:
        noted = await connection.fetchval("SELECT count(*) FROM audit_entries WHERE action = 'event-type.published'")
    assert [each.status_code for each in answers] == [200] * 150
    assert noted == 1
    assert len([record for record in caplog.records if record.getMessage().startswith("type.published")]) == 1


async def test_what_kyma_registers_by_graphql(api: httpx.AsyncClient, callers: Callers) -> None:
    """An application that registers its event API after it began to publish: the type is described from then on and no longer
    marked, and goes on where it did, at the URL that the application is told."""
    publisher = await callers.headers(Role.PUBLISHER)
    document = "asyncapi: 1.0.0\ninfo: {title: Orders, version: '1'}\ntopics:\n  order.created.v1:\n    subscribe:\n"
    document += "      description: Somebody ordered\n      payload: {type: object, required: [code]}\n"
    first = await api.post(LEGACY, json=order(), headers=publisher)

    async def asked(query: str, **variables: Any) -> Any:
        answer = await api.post("/graphql", json={"query": query, "variables": variables}, headers=publisher)
        assert "errors" not in answer.json(), answer.text
        return answer.json()["data"]

    made = (await asked('mutation { createApplication(in: {name: "commerce"}) { id } }'))["createApplication"]["id"]
    spec = {"data": document, "eventSpecType": "ASYNC_API"}
    await asked(
        "mutation ($id: ID!, $in: EventAPIDefinitionInput!) { addEventAPI(applicationID: $id, in: $in) { id } }",
        **{"id": made, "in": {"spec": spec}},
    )
    url = await asked("query ($id: ID!) { application(id: $id) { eventingConfiguration { defaultURL } } }", id=made)
    path = "/" + url["application"]["eventingConfiguration"]["defaultURL"].split("/", 3)[3]
    shown = (await api.get(f"{PATH}/order.created.v1", headers=publisher)).json()
    await api.patch(f"{PATH}/order.created.v1", json={"validation": "reject"}, headers=publisher)
    second, wrong = [await api.post(path, json=order(data=data), headers=publisher) for data in ({"code": 1}, {})]

    assert (path, shown["origin"]) == (LEGACY, "registered")
    # Its words are the document's: until then they were made of the type.
    assert shown["description"] == "Somebody ordered"
    assert [each.status_code for each in (first, second, wrong)] == [200, 200, 400]


async def test_a_schema_holds_here_too(api: httpx.AsyncClient, callers: Callers) -> None:
    """A type whose schema rejects what does not fit refuses it at these doors as well, in their forms."""
    publisher = await callers.headers(Role.PUBLISHER)
    await api.post(LEGACY, json=order(), headers=publisher)
    path = f"{PATH}/order.created.v1"
    (await api.put(f"{path}/schema", json=SCHEMA, headers=publisher)).raise_for_status()
    (await api.patch(path, json={"validation": "reject"}, headers=publisher)).raise_for_status()
    binary = {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "a", "ce-type": "order.created.v1"}

    legacy = await api.post(LEGACY, json=order(data={}), headers=publisher)
    words = await api.post("/publish", json={}, headers=publisher | binary)
    fits = await api.post(LEGACY, json=order(), headers=publisher)

    assert (legacy.status_code, words.status_code, fits.status_code) == (400, 400, 200)
    assert legacy.json()["details"] == [{"field": "data", "type": "invalid_field", "message": "Invalid field"}]
    assert legacy.json()["moreInfo"].startswith("data: ")
    assert words.text.startswith("data: ")


def test_no_other_door_makes_types() -> None:
    """Elsewhere a type that nobody knows is a slip, and refused."""
    root = Path(__file__).parents[2]
    rooms = ("service", "workers", "delivery", "subscriptions")
    sources = [path for room in rooms for path in (root / room).rglob("*.py")]

    makers = {str(path.relative_to(root)) for path in sources if "published_types.make(" in path.read_text()}

    assert makers == {"service/api/kyma.py"}
