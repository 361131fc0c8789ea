"""A type that an event API made, and that belongs to another workspace by now: the API has no power over it any more."""

from typing import Any

import httpx
import pytest

from subscriptions.access.clients import Role
from subscriptions.ground.database import Database
from tests.service.callers import OTHER_WORKSPACE, Callers
from tests.service.test_event_apis import DOCUMENT, EVENTS, registered

TYPE = "com.acme.order.placed"
TYPES = f"{EVENTS}/event-types"
OTHERS = DOCUMENT.replace(TYPE, "com.acme.order.gone")
STRICT = DOCUMENT.replace("{type: object, properties", "{type: object, required: [zz], properties").replace(
    "{payload: {number: 1}}", "{payload: {zz: 1, number: 1}}"
)
Headers = dict[str, str]


@pytest.fixture
async def maker(callers: Callers) -> Headers:
    return await callers.headers(Role.PUBLISHER)


@pytest.fixture
async def owner(callers: Callers) -> Headers:
    return await callers.headers(Role.PUBLISHER, workspace=OTHER_WORKSPACE)


@pytest.fixture
async def handed(
    request: pytest.FixtureRequest, api: httpx.AsyncClient, callers: Callers, maker: Headers, owner: Headers
) -> str:
    """The event API of a type that an operator has given to another workspace; or retired before, and registered again."""
    operator = await callers.headers(Role.OPERATOR)
    await callers.known(OTHER_WORKSPACE)
    made = await registered(api, maker)
    if request.param == "registered again":
        assert (await api.delete(f"{TYPES}/{TYPE}", headers=operator)).status_code == 204
        assert (await api.post(TYPES, json={"eventType": TYPE}, headers=operator)).status_code == 201
    given = await api.patch(f"{TYPES}/{TYPE}", json={"workspaceId": OTHER_WORKSPACE}, headers=operator)
    assert given.status_code == 200, given.text
    return str(made["resourceUri"])


both = pytest.mark.parametrize("handed", ["handed over", "registered again"], indirect=True)


async def schema(api: httpx.AsyncClient, headers: Headers) -> Any:
    return (await api.get(f"{TYPES}/{TYPE}/schema", headers=headers)).json()["schema"]


@both
async def test_no_document_says_anything_of_it(
    api: httpx.AsyncClient, handed: str, maker: Headers, owner: Headers
) -> None:
    """Another document that describes it is a 409, under another version too, and its schema stays as it was."""
    before = await schema(api, owner)

    said = [
        await api.patch(handed, json={"document": STRICT, **version}, headers=maker)
        for version in ({}, {"version": {"value": "2.0"}})
    ]

    assert [each.status_code for each in said] == [409, 409]
    assert "is not this workspace's" in said[0].text
    assert await schema(api, owner) == before


@both
async def test_its_version_is_no_more_deprecated_by_it(
    api: httpx.AsyncClient, database: Database, handed: str, maker: Headers, owner: Headers
) -> None:
    """What becomes of the API's version is told with the events of nobody else's type."""
    gone = {"value": "9", "deprecated": True, "migration": "https://evil.example/"}
    changed = await api.patch(handed, json={"version": gone}, headers=maker)
    read = (await api.get(f"{TYPES}/{TYPE}/schema", headers=owner)).json()
    async with database.raw() as connection:
        kept = await connection.fetchval("SELECT deprecation FROM event_types WHERE type = $1", TYPE)

    assert (changed.status_code, kept) == (200, None)
    assert changed.json()["eventTypes"] == []
    assert read["version"] == "1.0"


@both
@pytest.mark.parametrize("way", ["removed", "left out"])
async def test_it_is_not_retired_with_it(
    api: httpx.AsyncClient, handed: str, maker: Headers, owner: Headers, way: str
) -> None:
    """Type and schema live on where the API is removed, or its document leaves it out; its owner may remove it."""
    if way == "removed":
        answer = await api.delete(handed + "?force=true", headers=maker)
    else:
        answer = await api.patch(handed + "?force=true", json={"document": OTHERS}, headers=maker)

    assert answer.status_code in (200, 204), answer.text
    read = await api.get(f"{TYPES}/{TYPE}", headers=owner)
    assert (read.status_code, read.json()["workspaceId"]) == (200, OTHER_WORKSPACE)
    assert await schema(api, owner) == {"type": "object", "properties": {"number": {"type": "integer"}}}
    assert (await api.delete(f"{TYPES}/{TYPE}/schema", headers=owner)).status_code == 204


@both
async def test_its_new_owner_has_what_was_said_of_it(
    api: httpx.AsyncClient, handed: str, maker: Headers, owner: Headers
) -> None:
    """At once: the API that made it lists it no more, and its schema is the new owner's own."""
    assert (await api.get(handed, headers=maker)).json()["eventTypes"] == []
    assert (await api.delete(f"{TYPES}/{TYPE}/schema", headers=owner)).status_code == 204


async def test_what_is_still_theirs_is_changed(api: httpx.AsyncClient, maker: Headers) -> None:
    """A type that stays its maker's is described, deprecated and retired by its API as ever."""
    made = await registered(api, maker)
    changed = await api.patch(made["resourceUri"], json={"version": {"value": "2.0"}}, headers=maker)
    read = (await api.get(f"{TYPES}/{TYPE}/schema", headers=maker)).json()
    removed = await api.delete(made["resourceUri"], headers=maker)

    assert (changed.status_code, read["version"], removed.status_code) == (200, "2.0", 204)
    assert (await api.get(f"{TYPES}/{TYPE}", headers=maker)).status_code == 404
