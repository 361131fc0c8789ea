"""Webhooks over HTTP: what a change or a deletion answers, and what it leaves."""

from typing import Any

import httpx
import pytest

from service.services import Services
from subscriptions.access.clients import Role
from tests import canaries
from tests.clock import Clock
from tests.service.callers import Callers

PATH = "/events/v1beta1/webhooks"
SECRET = canaries.planted("secret")


def registration(**more: Any) -> dict[str, Any]:
    return {"name": "Licences", "destination": "https://127.0.0.1:9/hook", "secret": SECRET, **more}


def issues(response: httpx.Response) -> list[tuple[str, str]]:
    return [(issue["source"], issue["subject"]) for issue in response.json()["errorDetails"][0]["issues"]]


@pytest.fixture
async def subscriber(api: httpx.AsyncClient, callers: Callers) -> httpx.AsyncClient:
    """The API's client, as a subscriber."""
    api.headers.update(await callers.headers(Role.SUBSCRIBER, name="Licence watch"))
    return api


@pytest.mark.parametrize("media_type", ["application/merge-patch+json", "application/json"])
async def test_a_patch_changes_what_it_names(subscriber: httpx.AsyncClient, clock: Clock, media_type: str) -> None:
    """PATCH changes what it names in both media types and raises the generation by one; the rest stays."""
    made = (await subscriber.post(PATH, json=registration(challengeRequestEnabled=False))).json()
    clock.advance(1)

    response = await subscriber.patch(
        f"{PATH}/{made['id']}", content=b'{"description":"New"}', headers={"Content-Type": media_type}
    )

    body = response.json()
    assert response.status_code == 200, response.text
    assert body == made | {"description": "New", "generation": 2, "updatedAt": body["updatedAt"]}
    assert body["updatedAt"] > made["updatedAt"]
    assert (await subscriber.get(f"{PATH}/{made['id']}")).json() == body


@pytest.mark.parametrize("cleared", ["", None])
async def test_a_second_secret_is_cleared(subscriber: httpx.AsyncClient, cleared: str | None) -> None:
    """`"secondarySecret": ""` clears it, and so does merge-patch's null; the webhook has to prove itself again."""
    made = (await subscriber.post(PATH, json=registration(secondarySecret="zweites"))).json()

    body = (await subscriber.patch(f"{PATH}/{made['id']}", json={"secondarySecret": cleared})).json()

    assert (made["dualSecret"], body["dualSecret"], body["status"]) == (True, False, "PENDING")


@pytest.mark.parametrize(
    ("change", "status", "named"),
    [
        ({"colour": "red"}, 422, "colour"),
        ({"name": None}, 422, "name"),
        ({"paused": "no"}, 422, "paused"),
        ({"name": ""}, 400, "name"),
        ({"authType": "APIKey"}, 400, "apiKey"),
        ({"destination": "http://10.0.0.1/"}, 400, "destination"),
    ],
)
async def test_refused_changes(subscriber: httpx.AsyncClient, change: dict[str, Any], status: int, named: str) -> None:
    """A refused change names its field and leaves the webhook as it was."""
    made = (await subscriber.post(PATH, json=registration())).json()

    response = await subscriber.patch(f"{PATH}/{made['id']}", json=change)

    assert (response.status_code, issues(response)) == (status, [("field", named)])
    assert (await subscriber.get(f"{PATH}/{made['id']}")).json() == made


async def test_pausing_names_who_did_it(subscriber: httpx.AsyncClient) -> None:
    """`paused: true` shows as DISABLED with its literal stateReason; `false` asks for a new challenge (greenlake.md 1.3, D.8)."""
    made = (await subscriber.post(PATH, json=registration())).json()

    paused = (await subscriber.patch(f"{PATH}/{made['id']}", json={"paused": True})).json()
    resumed = (await subscriber.patch(f"{PATH}/{made['id']}", json={"paused": False})).json()

    assert (paused["paused"], paused["status"]) == (True, "DISABLED")
    assert paused["stateReason"] == f"Webhook Disabled by user: {made['hpePrincipal']}"
    assert (resumed["paused"], resumed["status"], "stateReason" in resumed) == (False, "PENDING", False)


async def test_a_deleted_webhook_frees_its_name(subscriber: httpx.AsyncClient) -> None:
    """204 without a body; afterwards it is not found, and its name is free."""
    made = (await subscriber.post(PATH, json=registration())).json()

    response = await subscriber.delete(f"{PATH}/{made['id']}")

    assert (response.status_code, response.content) == (204, b"")
    assert (await subscriber.get(f"{PATH}/{made['id']}")).status_code == 404
    assert (await subscriber.delete(f"{PATH}/{made['id']}")).status_code == 404
    assert (await subscriber.post(PATH, json=registration())).status_code == 201


async def test_deletion_with_subscriptions(subscriber: httpx.AsyncClient, services: Services) -> None:
    """Refused with 400 unless `force=true`, which ends them too (greenlake.md D.12); another word is a 400."""
    made = (await subscriber.post(PATH, json=registration())).json()
    order = {
        "eventType": "com.hpe.greenlake.audit-log.v1.logs.created",
        "webhook": {"resourceUri": made["resourceUri"]},
    }
    assert (await subscriber.post("/events/v1beta1/subscriptions", json=[order])).status_code == 201

    answers = [
        await subscriber.delete(f"{PATH}/{made['id']}", params=query)
        for query in ({}, {"force": "false"}, {"force": "perhaps"}, {"force": "true"})
    ]

    assert [each.status_code for each in answers] == [400, 400, 400, 204]
    assert issues(answers[0]) == issues(answers[2]) == [("query.parameter", "force")]
    async with services.database.raw() as connection:
        assert await connection.fetchval("SELECT count(*) FROM subscriptions") == 0


KEYED = {"authType": "APIKey", "apiKey": canaries.planted("api-key")}
OAUTH = {
    "authType": "Oauth",
    "clientId": "a client",
    "clientSecret": canaries.planted("client-secret"),
    "issuerUrl": "https://127.0.0.1:9/token",
}


@pytest.mark.parametrize(
    ("credentials", "moved", "named"),
    [
        (KEYED, {"destination": "https://127.0.0.1:10/hook"}, "apiKey"),
        (KEYED, {"destination": "https://127.0.0.2:9/hook", "challengeRequestEnabled": False}, "apiKey"),
        (KEYED, {"destination": "http://127.0.0.1:9/hook"}, "apiKey"),
        (OAUTH, {"issuerUrl": "https://127.0.0.2:9/token"}, "clientSecret"),
        (OAUTH, {"destination": "https://127.0.0.2:9/hook"}, "clientSecret"),
    ],
    ids=["port", "unchallenged", "scheme", "token endpoint", "where its tokens go"],
)
async def test_a_new_origin_brings_its_credential(
    subscriber: httpx.AsyncClient, credentials: dict[str, str], moved: dict[str, Any], named: str
) -> None:
    """A stored key or secret is sent to no other origin than it was given for: without it the change
    is a 400 (greenlake.md 4.3)."""
    made = (await subscriber.post(PATH, json=registration(**credentials))).json()

    refused = await subscriber.patch(f"{PATH}/{made['id']}", json=moved)
    kept = (await subscriber.get(f"{PATH}/{made['id']}")).json()
    taken = await subscriber.patch(f"{PATH}/{made['id']}", json={**moved, named: credentials[named]})

    assert (refused.status_code, issues(refused)) == (400, [("field", named)])
    assert kept == made
    assert taken.status_code == 200, taken.text
    assert taken.json().items() >= moved.items()


async def test_the_same_origin_keeps_its_credential(subscriber: httpx.AsyncClient) -> None:
    """Another path, or the same host in other letters, is no other place; nor has a webhook without credentials one to bring."""
    made = (await subscriber.post(PATH, json=registration(destination="https://Hooks.example/a", **KEYED))).json()
    plain = (await subscriber.post(PATH, json=registration(name="Plain"))).json()

    answers = [
        await subscriber.patch(f"{PATH}/{made['id']}", json={"destination": "https://hooks.example:443/b?c=d"}),
        await subscriber.patch(f"{PATH}/{plain['id']}", json={"destination": "https://hooks.example/b"}),
    ]

    assert [each.status_code for each in answers] == [200, 200]
