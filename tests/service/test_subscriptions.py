"""Subscriptions over HTTP: arrays, lists, deletions and refusals in GreenLake's forms."""

from typing import Any
from uuid import uuid4

import httpx
import pytest

from subscriptions.clients import Role
from tests.clock import Clock
from tests.service.callers import OTHER_WORKSPACE, Callers

PATH = "/events/v1beta1/subscriptions"
WEBHOOKS = "/events/v1beta1/webhooks"
PREFIX = "com.hpe.greenlake."
AUDIT = PREFIX + "audit-log.v1.logs.created"
EXPIRING = PREFIX + "subscriptions.v1.expiring-subscriptions"
SAMPLES = [f"{PREFIX}sample-publisher.v1beta1.sample-event{number}" for number in range(1, 5)]


def order(webhook: str, event_type: str = AUDIT, **more: Any) -> dict[str, Any]:
    return {"eventType": event_type, "webhook": {"resourceUri": webhook}, **more}


def issues(response: httpx.Response) -> list[tuple[str, str]]:
    return [(issue["source"], issue["subject"]) for issue in response.json()["errorDetails"][0]["issues"]]


@pytest.fixture
async def subscriber(api: httpx.AsyncClient, callers: Callers) -> httpx.AsyncClient:
    """The API's client, as a subscriber."""
    api.headers.update(await callers.headers(Role.SUBSCRIBER, name="Licence watch"))
    return api


@pytest.fixture
async def webhook(subscriber: httpx.AsyncClient) -> str:
    """The resource URI of a webhook of the subscriber's workspace."""
    return await register(subscriber, "First")


async def register(subscriber: httpx.AsyncClient, name: str) -> str:
    asked = {"name": name, "destination": "https://127.0.0.1:9/", "secret": "s3cr3tKey"}
    made = (await subscriber.post(WEBHOOKS, json=asked)).json()
    uri: str = made["resourceUri"]
    return uri


@pytest.mark.parametrize("wrapped", [True, False])
async def test_subscribing(subscriber: httpx.AsyncClient, webhook: str, clock: Clock, wrapped: bool) -> None:
    """An array or one object is answered with 201, Location and an array, every required field there."""
    one = order(webhook, EXPIRING, eventFilter="")

    response = await subscriber.post(PATH, json=[one] if wrapped else one)

    [body] = response.json()
    now = clock().strftime("%Y-%m-%dT%H:%M:%S.000Z")
    assert response.status_code == 201, response.text
    assert response.headers["location"] == body["resourceUri"] == f"{PATH}/{body['id']}"
    assert body == {
        "id": body["id"],
        "type": "events/subscription",
        "serviceManager": "HPE GreenLake Platform",
        "apiGroup": "subscriptions",
        "eventType": EXPIRING,
        "friendlyName": "Expiring subscriptions",
        "description": body["description"],
        "resourceUri": f"{PATH}/{body['id']}",
        "webhook": {"resourceUri": webhook},
        "hpePrincipal": body["hpePrincipal"],
        "createdBy": "Licence watch",
        "createdAt": now,
        "updatedBy": "Licence watch",
        "updatedAt": now,
        "generation": 1,
    }


@pytest.mark.parametrize(
    ("body", "status", "named"),
    [
        ([], 400, ["body"]),
        ("text", 422, ["body"]),
        ([{"eventType": AUDIT}], 422, ["[0].webhook"]),
        ([{"eventType": AUDIT, "webhook": {"resourceUri": "x"}, "colour": 1}], 422, ["[0].colour"]),
        ([{"eventType": AUDIT, "webhook": {"resourceUri": "x", "id": "y"}}], 422, ["[0].webhook.id"]),
        ({"eventType": AUDIT, "webhook": {"resourceUri": "x"}}, 400, ["webhook.resourceUri"]),
        ([order(f"{PATH}/{uuid4()}")], 400, ["[0].webhook.resourceUri"]),
        ([order(f"{WEBHOOKS}/{uuid4()}"), order("x")], 400, ["[1].webhook.resourceUri"]),
        ([order(f"{WEBHOOKS}/{uuid4()}")], 400, ["[0].webhook.resourceUri"]),
        ([order(f"{WEBHOOKS}/{uuid4()}", eventFilter="a eq 1")], 400, ["[0].eventFilter"]),
    ],
)
async def test_refused_subscriptions(
    subscriber: httpx.AsyncClient, webhook: str, body: Any, status: int, named: list[str]
) -> None:
    """A refusal names item and field, and nothing is subscribed."""
    response = await subscriber.post(PATH, json=body)

    assert (response.status_code, issues(response)) == (status, [("field", name) for name in named])
    assert (await subscriber.get(PATH)).json()["total"] == 0


async def test_unknown_and_repeated_types(subscriber: httpx.AsyncClient, webhook: str) -> None:
    """A type that is not in the catalogue, and one that the webhook has already, are 400s that name it."""
    await subscriber.post(PATH, json=order(webhook))

    unknown = await subscriber.post(PATH, json=[order(webhook, EXPIRING), order(webhook, "com.example.nothing")])
    repeated = await subscriber.post(PATH, json=order(webhook))

    assert (unknown.status_code, issues(unknown)) == (400, [("field", "[1].eventType")])
    assert "com.example.nothing" in unknown.json()["message"]
    assert (repeated.status_code, issues(repeated)) == (400, [("field", "eventType")])
    assert (await subscriber.get(PATH)).json()["total"] == 1


async def test_the_sixth_subscription(subscriber: httpx.AsyncClient, webhook: str) -> None:
    """Over the limit: 403 with GreenLake's code, and a message that names the limit."""
    for event_type in [AUDIT, *SAMPLES]:
        assert (await subscriber.post(PATH, json=order(webhook, event_type))).status_code == 201

    response = await subscriber.post(PATH, json=order(webhook, EXPIRING))

    assert (response.status_code, response.json()["errorCode"]) == (403, "HPE_GL_UNIFIED_EVENTS_REGISTRATION_FORBIDDEN")
    assert "more than 5" in response.json()["message"]


async def test_lists(subscriber: httpx.AsyncClient, webhook: str, clock: Clock) -> None:
    """Newest first, by webhook or for the workspace; a limit of 100 is clamped to 10 (greenlake.md D.2)."""
    others = [await register(subscriber, name) for name in ("Second", "Third")]
    for each in (webhook, *others):
        for event_type in SAMPLES:
            clock.advance(1)
            await subscriber.post(PATH, json=order(each, event_type))

    everything = (await subscriber.get(PATH, params={"limit": 100, "offset": 0})).json()
    named = f"webhookId eq '{webhook.rpartition('/')[2]}'"
    of_one = (await subscriber.get(PATH, params={"filter": named, "limit": 3, "offset": 1})).json()

    assert (everything["count"], everything["offset"], everything["total"]) == (10, 0, 12)
    assert [item["eventType"] for item in everything["items"][:4]] == SAMPLES[::-1]
    assert {item["webhook"]["resourceUri"] for item in of_one["items"]} == {webhook}
    assert [item["eventType"] for item in of_one["items"]] == SAMPLES[2::-1]
    assert (of_one["count"], of_one["offset"], of_one["total"]) == (3, 1, 4)


@pytest.mark.parametrize(
    "text", ["webhookId", "webhookId eq 'x'", "id eq '1'", "webhookId ne '3fa85f64-5717-4562-b3fc-2c963f66afa6'"]
)
async def test_other_filters(subscriber: httpx.AsyncClient, text: str) -> None:
    """Any filter but the documented one is a 400 that names the parameter."""
    response = await subscriber.get(PATH, params={"filter": text})

    assert (response.status_code, issues(response)) == (400, [("query.parameter", "filter")])


async def test_deletion(subscriber: httpx.AsyncClient, webhook: str) -> None:
    """Repeated ids end several with 204; one that is unknown ends none with 404; none or no UUID is a 400."""
    made = (await subscriber.post(PATH, json=[order(webhook, each) for each in SAMPLES])).json()
    ids = [each["id"] for each in made]

    unknown = await subscriber.delete(PATH, params={"id": [ids[0], str(uuid4())]})
    after_unknown = (await subscriber.get(PATH)).json()["total"]
    done = await subscriber.delete(PATH, params={"id": ids[:3]})
    bad = [await subscriber.delete(PATH), await subscriber.delete(PATH, params={"id": "x"})]

    assert (unknown.status_code, unknown.json()["errorCode"], after_unknown) == (404, "HPE_GL_ERROR_NOT_FOUND", 4)
    assert (done.status_code, done.content) == (204, b"")
    assert [(each.status_code, issues(each)) for each in bad] == [(400, [("query.parameter", "id")])] * 2
    assert [item["id"] for item in (await subscriber.get(PATH)).json()["items"]] == [ids[3]]


async def test_workspaces_are_apart(
    api: httpx.AsyncClient, subscriber: httpx.AsyncClient, webhook: str, callers: Callers
) -> None:
    """A stranger can neither subscribe a webhook, nor see its subscriptions, nor end them."""
    [made] = (await subscriber.post(PATH, json=order(webhook))).json()
    stranger = await callers.headers(Role.SUBSCRIBER, workspace=OTHER_WORKSPACE)

    subscribed = await api.post(PATH, json=order(webhook, EXPIRING), headers=stranger)
    listed = await api.get(PATH, headers=stranger)
    ended = await api.delete(PATH, params={"id": made["id"]}, headers=stranger)

    assert (subscribed.status_code, listed.json()["total"], ended.status_code) == (400, 0, 404)
    assert (await subscriber.get(PATH)).json()["total"] == 1
