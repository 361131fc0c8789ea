"""Test events: to one webhook alone, and published to all who have subscribed."""

import json
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from delivery.tickets import Nudge, Ticket
from service.services import Services
from subscriptions.access.clients import Role
from subscriptions.events import catalogue, samples
from subscriptions.events.event import Naming
from subscriptions.events.samples import SampleType
from subscriptions.ground import event_keys
from subscriptions.ground.errors import HooklakeError
from tests.clock import Clock
from tests.service.callers import OTHER_WORKSPACE, WORKSPACE, Callers

WEBHOOKS = "/events/v1beta1/webhooks"
ALL = "/events/v1beta1/test-events"
REBOOTED = "com.hpe.greenlake.compute-ops.v1.servers.rebooted"
CREATED = "com.hpe.greenlake.identity.v1.users.created"
CHALLENGE = "com.hpe.greenlake.events.v1beta1.webhooks.verification"


@pytest.fixture
async def subscriber(api: httpx.AsyncClient, callers: Callers) -> httpx.AsyncClient:
    """The API's client, as a subscriber."""
    api.headers.update(await callers.headers(Role.SUBSCRIBER))
    return api


async def hook(api: httpx.AsyncClient, **more: Any) -> str:
    asked = {"name": f"hook {uuid4().hex[:8]}", "destination": "https://127.0.0.1:9/", "secret": "s3cr3tKey"}
    made = await api.post(WEBHOOKS, json={**asked, "challengeRequestEnabled": False, **more})
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


async def subscribe(api: httpx.AsyncClient, webhook: str, event_type: str = REBOOTED) -> None:
    wanted = {"eventType": event_type, "webhook": {"resourceUri": f"{WEBHOOKS}/{webhook}"}}
    made = await api.post("/events/v1beta1/subscriptions", json=[wanted])
    assert made.status_code == 201, made.text


async def owed(services: Services) -> list[tuple[str, str, dict[str, Any]]]:
    """Webhook, state and event of each delivery."""
    statement = "SELECT d.webhook, d.state, e.body FROM deliveries d JOIN events e ON e.key = d.event"
    async with services.database.raw() as connection:
        return [
            (str(row["webhook"]), row["state"], json.loads(row["body"])) for row in await connection.fetch(statement)
        ]


def named(refused: httpx.Response) -> tuple[int, list[str]]:
    return refused.status_code, [issue["subject"] for issue in refused.json()["errorDetails"][0]["issues"]]


async def test_one_webhook_alone_gets_a_test_event(
    subscriber: httpx.AsyncClient, services: Services, announced: list[Nudge]
) -> None:
    """Two have subscribed, one is tried: it is owed one event, announced and marked, of its workspace (greenlake.md 1.11)."""
    tried, other = await hook(subscriber), await hook(subscriber)
    for each in (tried, other):
        await subscribe(subscriber, each)
    announced.clear()

    answer = await subscriber.post(f"{WEBHOOKS}/{tried}/test", json={"eventType": REBOOTED})

    assert answer.status_code == 202, answer.text
    [(webhook, state, event)] = await owed(services)
    assert (webhook, state, event["type"], event["subject"]) == (tried, "owed", REBOOTED, WORKSPACE)
    assert event[samples.MARK] is True
    assert (event["id"], event["source"]) == (answer.json()["id"], answer.json()["source"])
    [ticket] = announced
    assert isinstance(ticket, Ticket)
    async with services.database.raw() as connection:
        entry = await connection.fetchrow(
            "SELECT subject, actor_name FROM audit_entries WHERE action = 'webhook.tested'"
        )
    assert entry is not None
    assert entry["subject"] == tried
    assert (str(ticket.webhook), str(ticket.event)) == (tried, answer.json()["messageId"])


async def test_data_of_ones_own_go_out_to_the_letter(subscriber: httpx.AsyncClient, services: Services) -> None:
    """Number literals of `data` stay as they were given; null is nothing given."""
    tried = await hook(subscriber)
    body = f'{{"eventType": "{REBOOTED}", "data": {{"load": 1.0, "big": 12345678901234567890}}}}'

    given = await subscriber.post(
        f"{WEBHOOKS}/{tried}/test", content=body, headers={"Content-Type": "application/json"}
    )
    null = await subscriber.post(f"{WEBHOOKS}/{tried}/test", json={"eventType": REBOOTED, "data": None})

    assert (given.status_code, null.status_code) == (202, 202)
    async with services.database.raw() as connection:
        bodies = {str(row["key"]): row["body"] for row in await connection.fetch("SELECT key, body FROM events")}
    assert b'"data":{"load":1.0,"big":12345678901234567890}' in bodies[given.json()["messageId"]]
    assert json.loads(bodies[null.json()["messageId"]])["data"]["type"] == "compute-ops/server"


async def test_a_webhook_that_is_not_sent_to_keeps_its_test_event(
    subscriber: httpx.AsyncClient, services: Services
) -> None:
    """PENDING: parked; one that batches: collecting. The answer says so."""
    pending = await hook(subscriber, challengeRequestEnabled=True)
    batching = await hook(subscriber, batching=True)

    states = [
        (await subscriber.post(f"{WEBHOOKS}/{each}/test", json={"eventType": REBOOTED})).json()["state"]
        for each in (pending, batching)
    ]

    assert states == ["parked", "collecting"]
    assert {(webhook, state) for webhook, state, _ in await owed(services)} == {
        (pending, "parked"),
        (batching, "collecting"),
    }


@pytest.mark.parametrize(
    ("asked", "refused"),
    [
        ({"eventType": "com.example.nothing"}, (400, ["eventType"])),
        ({"eventType": CHALLENGE}, (400, ["eventType"])),
        ({"eventType": CREATED, "data": []}, (400, ["data"])),
        ({"eventType": REBOOTED, "data": "words"}, (400, ["data"])),
        ({"eventType": CREATED, "data": {"createdAt": "yesterday"}}, (400, ["data.createdAt"])),
        ({"data": {}}, (422, ["eventType"])),
    ],
)
async def test_refused(
    subscriber: httpx.AsyncClient, services: Services, asked: dict[str, Any], refused: tuple[int, list[str]]
) -> None:
    """A type that is not in the catalogue or that only we send, and data that its category does not allow; nothing is kept."""
    tried = await hook(subscriber)

    answer = await subscriber.post(f"{WEBHOOKS}/{tried}/test", json=asked)

    assert named(answer) == refused
    assert await owed(services) == []


async def test_nobody_elses_webhook_is_tried(
    api: httpx.AsyncClient, subscriber: httpx.AsyncClient, callers: Callers, services: Services
) -> None:
    """404 for a webhook of another workspace, 403 for viewers and publishers; an operator's test is the webhook's workspace's."""
    tried = await hook(subscriber)
    asked = {"eventType": REBOOTED}
    others = await callers.headers(Role.SUBSCRIBER, workspace=OTHER_WORKSPACE)
    operator = await callers.headers(Role.OPERATOR, workspace=OTHER_WORKSPACE)

    answers = [
        (await api.post(f"{WEBHOOKS}/{tried}/test", json=asked, headers=headers)).status_code
        for headers in (others, await callers.headers(Role.VIEWER), await callers.headers(Role.PUBLISHER), operator)
    ]

    assert answers == [404, 403, 403, 202]
    [(_, _, event)] = await owed(services)
    assert event["subject"] == WORKSPACE


async def test_a_test_event_is_published_to_all_who_subscribed(
    subscriber: httpx.AsyncClient, callers: Callers, services: Services
) -> None:
    """An operator's, for any workspace; a publisher's, for its own: receipts as of any event (greenlake.md 1.11)."""
    hooks = {await hook(subscriber), await hook(subscriber)}
    for each in hooks:
        await subscribe(subscriber, each)
    await callers.known(OTHER_WORKSPACE)
    operator = await callers.headers(Role.OPERATOR, workspace=OTHER_WORKSPACE)
    publisher = await callers.headers(Role.PUBLISHER)
    asked = {"eventType": REBOOTED}

    theirs = await subscriber.post(ALL, json={**asked, "workspaceId": WORKSPACE}, headers=operator)
    own = await subscriber.post(ALL, json=asked, headers=publisher)
    foreign = await subscriber.post(ALL, json={**asked, "workspaceId": OTHER_WORKSPACE}, headers=publisher)
    unknown = await subscriber.post(ALL, json={**asked, "workspaceId": "0" * 32}, headers=operator)
    denied = await subscriber.post(ALL, json=asked)

    assert (theirs.status_code, theirs.json()["matched"]) == (202, 2)
    assert (own.status_code, own.json()["matched"]) == (202, 2)
    assert (foreign.status_code, unknown.status_code, denied.status_code) == (403, 400, 403)
    assert {webhook for webhook, _, _ in await owed(services)} == hooks


def test_every_documented_type_has_a_test_event(clock: Clock) -> None:
    """What is made up for a type keeps the rules of its category, under any prefix; types of others are relayed."""
    naming = Naming(prefix="com.example.cloud")
    types = [entry.type for entry in catalogue.documented(naming.prefix)] + ["org.acme.thing", "ACME/Order"]

    for each in types:
        of = SampleType(type=each, workspace_id=WORKSPACE, naming=naming)
        made = samples.made(of, key=event_keys.new(clock()), now=clock())
        event = json.loads(made.body)
        assert (event["type"], event[samples.MARK], event["id"]) == (each, True, str(made.key))
        assert event["data"]


def test_nobody_asks_for_a_challenge_to_be_signed(clock: Clock) -> None:
    """A type that ends as that of challenges is sent by nobody, under any prefix; of delivery-failed the data is ours."""
    for event_type, data in (
        (CHALLENGE, None),
        ("org.acme.webhooks.verification", None),
        (Naming().prefix + catalogue.DELIVERY_FAILED, b"{}"),
    ):
        of = SampleType(type=event_type, workspace_id=WORKSPACE, naming=Naming())
        with pytest.raises(HooklakeError):
            samples.made(of, key=UUID(int=1), now=clock(), data=data)
