"""People and sessions over HTTP: operators do there what the dashboard's pages do."""

from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import httpx
import pytest

from service.services import Services
from subscriptions.access.clients import Role
from subscriptions.access.people import OutsidePerson, PersonDraft
from subscriptions.access.sessions import Browser
from tests.service.callers import OTHER_WORKSPACE, WORKSPACE, Callers

PEOPLE, SESSIONS = "/authorization/v2/people", "/authorization/v2/sessions"
HERE = Browser(address="192.0.2.1", agent="A browser")


@pytest.fixture
async def operator(api: httpx.AsyncClient, callers: Callers) -> httpx.AsyncClient:
    api.headers.update(await callers.headers(Role.OPERATOR))
    return api


def asked(name: str = "Ada@example.com", workspace: str = WORKSPACE) -> dict[str, object]:
    return {"name": name, "workspaceId": workspace, "roles": ["viewer"]}


async def test_a_person_from_first_to_last(operator: httpx.AsyncClient, services: Services) -> None:
    """Somebody is let in, comes by a link, gets other roles, is signed out, and removed."""
    made = await operator.post(PEOPLE, json=asked())
    path = made.headers["location"]
    link = (await operator.post(f"{path}/link")).json()["link"]
    [token] = parse_qs(urlsplit(link).query)["link"]
    session = await services.people.sign_in_by_link(token, HERE, now=services.clock())
    changed = await operator.patch(path, json={"roles": ["subscriber", "viewer"]})
    [listed] = (await operator.get(SESSIONS, params={"person": made.json()["id"]})).json()["items"]
    others = (await operator.get(SESSIONS, params={"person": str(uuid4())})).json()
    ended = await operator.delete(listed["resourceUri"])
    again = await operator.delete(listed["resourceUri"])
    read = (await operator.get(path)).json()
    removed = await operator.delete(path)
    late = [await operator.patch(path, json={"roles": ["viewer"]}), await operator.post(f"{path}/link")]

    assert (made.status_code, made.json()["name"], made.json()["signedInAt"]) == (201, "ada@example.com", None)
    assert changed.json()["roles"] == ["subscriber", "viewer"]
    assert (listed["person"]["name"], listed["address"], listed["agent"]) == (
        "ada@example.com",
        "192.0.2.1",
        "A browser",
    )
    assert others == {"items": [], "count": 0}
    assert (ended.status_code, again.status_code, removed.status_code) == (204, 404, 204)
    assert await services.people.session(session, now=services.clock()) is None
    assert (read["hasPassword"], read["issuer"], read["removedAt"]) == (False, "", None)
    assert [each.status_code for each in late] == [404, 404]
    assert (await operator.get(path)).json()["removedAt"] is not None


async def test_lists_and_refusals(operator: httpx.AsyncClient, services: Services, callers: Callers) -> None:
    """People are listed page after page and by workspace; a name is one person's, and an issuer's people are the issuer's."""
    for number in range(3):
        await operator.post(PEOPLE, json=asked(f"p{number}", OTHER_WORKSPACE if number == 1 else WORKSPACE))
    await callers.known(OTHER_WORKSPACE)
    first = (await operator.get(PEOPLE, params={"limit": 2})).json()
    second = (await operator.get(PEOPLE, params={"limit": 2, "after": first["next"]})).json()
    theirs = (await operator.get(PEOPLE, params={"workspaceId": OTHER_WORKSPACE})).json()
    draft = PersonDraft(name="Grace", workspace_id=WORKSPACE, roles=frozenset({Role.VIEWER}))
    outside = OutsidePerson(issuer="https://id.example", subject="1", draft=draft)
    await services.people.vouched(outside, HERE, now=services.clock())
    [grace] = [each for each in (await operator.get(PEOPLE)).json()["items"] if each["issuer"]]
    refused = [
        await operator.post(PEOPLE, json=asked("P0")),
        await operator.post(PEOPLE, json=asked(" ")),
        await operator.post(PEOPLE, json=asked() | {"roles": []}),
        await operator.post(PEOPLE, json=asked() | {"password": "x"}),
        await operator.patch(grace["resourceUri"], json={"roles": ["operator"]}),
        await operator.get(PEOPLE, params={"after": "x"}),
        await operator.get(SESSIONS, params={"person": "x"}),
        await operator.delete(f"{PEOPLE}/{uuid4()}"),
    ]

    assert sorted(each["name"] for each in [*first["items"], *second["items"]]) == ["p0", "p1", "p2"]
    assert (first["count"], second["count"], "next" in second) == (2, 1, False)
    assert [each["name"] for each in theirs["items"]] == ["p1"]
    assert [each.status_code for each in refused] == [409, 400, 400, 422, 409, 400, 400, 404]
