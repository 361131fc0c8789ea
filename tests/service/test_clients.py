"""Clients over HTTP: made, listed, given a new secret and revoked by operators, and by nobody else."""

import logging
from typing import Any

import httpx
import pytest

from subscriptions.access.clients import Role
from tests.clock import Clock
from tests.service.callers import WORKSPACE, Callers

PATH = "/authorization/v2/clients"


@pytest.fixture
async def operator(api: httpx.AsyncClient, callers: Callers) -> httpx.AsyncClient:
    """The API's client, as an operator."""
    api.headers.update(await callers.headers(Role.OPERATOR))
    return api


def asked(**more: Any) -> dict[str, Any]:
    return {"name": "audit log", "workspaceId": WORKSPACE, "roles": ["publisher", "viewer"], **more}


async def grant(api: httpx.AsyncClient, client: dict[str, Any], secret: str) -> int:
    """What the token endpoint answers to the client."""
    form = {"grant_type": "client_credentials", "client_id": client["id"], "client_secret": secret}
    request = api.build_request("POST", f"/authorization/v2/oauth2/{client['workspaceId']}/token", data=form)
    # Who asks there names itself once.
    del request.headers["Authorization"]
    return (await api.send(request)).status_code


async def test_a_client_is_created_with_a_secret_shown_once(
    operator: httpx.AsyncClient, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """201 with Location and the secret, which opens the token endpoint, is in no log, and is never shown again."""
    with caplog.at_level(logging.INFO):
        response = await operator.post(PATH, json=asked(anyWorkspace=True))

    made = response.json()
    secret = made.pop("clientSecret")
    assert (response.status_code, response.headers["cache-control"]) == (201, "no-store")
    assert response.headers["location"] == made["resourceUri"] == f"{PATH}/{made['id']}"
    assert made == {
        "id": made["id"],
        "type": "authorization/client",
        "name": "audit log",
        "workspaceId": WORKSPACE,
        "roles": ["publisher", "viewer"],
        "anyWorkspace": True,
        "resourceUri": f"{PATH}/{made['id']}",
        "createdAt": clock().strftime("%Y-%m-%dT%H:%M:%S.000Z"),
    }
    assert await grant(operator, made, secret) == 200
    assert (await operator.get(response.headers["location"])).json() == made
    assert f"client.created client={made['id']}" in caplog.text
    assert secret not in caplog.text


async def test_a_new_workspace(operator: httpx.AsyncClient) -> None:
    """Without `workspaceId` the client is the first of a workspace that nobody else has."""
    first, second = [
        (await operator.post(PATH, json={"name": "one", "roles": ["subscriber"]})).json() for _ in range(2)
    ]

    assert len({first["workspaceId"], second["workspaceId"], WORKSPACE}) == 3


@pytest.mark.parametrize(
    ("change", "status", "named"),
    [
        ({"name": ""}, 400, "name"),
        ({"name": None}, 422, "name"),
        ({"roles": []}, 400, "roles"),
        ({"roles": ["admin"]}, 422, "roles[0]"),
        ({"workspaceId": "main"}, 400, "workspaceId"),
        ({"anyWorkspace": "yes"}, 422, "anyWorkspace"),
        ({"clientSecret": "mine"}, 422, "clientSecret"),
    ],
)
async def test_a_refused_client_names_its_field(
    operator: httpx.AsyncClient, change: dict[str, Any], status: int, named: str
) -> None:
    """Each names its field, and nothing is made."""
    response = await operator.post(PATH, json=asked(**change))

    [issue] = response.json()["errorDetails"][0]["issues"]
    assert (response.status_code, issue["subject"]) == (status, named)
    assert (await operator.get(PATH)).json()["total"] == 0


async def test_clients_are_listed_newest_first(operator: httpx.AsyncClient, clock: Clock) -> None:
    """Newest first in the list envelope, revoked ones with `revokedAt`, no secrets."""
    made = []
    for number in range(3):
        made.append((await operator.post(PATH, json=asked(name=f"client {number}"))).json())
        clock.advance(1)
    await operator.delete(f"{PATH}/{made[1]['id']}")

    page = (await operator.get(PATH, params={"limit": 2, "offset": 1})).json()

    assert (page["count"], page["offset"], page["total"]) == (2, 1, 3)
    assert [item["name"] for item in page["items"]] == ["client 1", "client 0"]
    assert ["revokedAt" in item for item in page["items"]] == [True, False]
    assert not any("clientSecret" in item for item in page["items"])


async def test_a_rotated_secret_replaces_the_old_one(operator: httpx.AsyncClient) -> None:
    """The answer has the new secret, and the old one stops working."""
    made = (await operator.post(PATH, json=asked())).json()

    response = await operator.post(f"{PATH}/{made['id']}/rotate")

    rotated = response.json()
    assert (response.status_code, response.headers["cache-control"]) == (200, "no-store")
    assert rotated == made | {"clientSecret": rotated["clientSecret"]}
    assert [await grant(operator, made, each["clientSecret"]) for each in (made, rotated)] == [401, 200]


async def test_a_revoked_client_gets_no_tokens(operator: httpx.AsyncClient) -> None:
    """204; it gets no more tokens, and can neither be revoked nor given a secret again."""
    made = (await operator.post(PATH, json=asked())).json()
    one = f"{PATH}/{made['id']}"

    response = await operator.delete(one)

    again = [await operator.delete(one), await operator.post(f"{one}/rotate")]
    assert (response.status_code, await grant(operator, made, made["clientSecret"])) == (204, 401)
    assert [each.status_code for each in again] == [404, 404]


@pytest.mark.parametrize("identifier", ["3a0e8f6c-6d3b-4b51-9d0a-0a6d1e6f2c55", "no-uuid"])
async def test_unknown_clients(operator: httpx.AsyncClient, identifier: str) -> None:
    """404 in GreenLake's form."""
    one = f"{PATH}/{identifier}"

    answers = [await operator.get(one), await operator.delete(one), await operator.post(f"{one}/rotate")]

    assert {(each.status_code, each.json()["errorCode"]) for each in answers} == {(404, "HPE_GL_ERROR_NOT_FOUND")}
