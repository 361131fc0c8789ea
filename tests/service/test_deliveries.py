"""Recent deliveries and retries over HTTP, in GreenLake's forms (greenlake.md 1.5)."""

from dataclasses import replace
from uuid import uuid4

import httpx
import pytest
from msgspec import structs

from delivery.kept_answers import BRIEF_BODY, KeptAnswers
from delivery.ledger.records import challenge_attempts
from delivery.lifecycle import State
from delivery.tickets import Nudge, Ticket
from delivery.upkeep.erasure import Erasure
from delivery.wire.parcels import Reply
from subscriptions.access.clients import Role
from subscriptions.ground import event_keys
from subscriptions.ground.database import Database
from subscriptions.webhooks.webhook import Webhook
from tests.builders import WORKSPACE, Builder, Result
from tests.clock import Clock
from tests.service.callers import Callers

TYPE = "com.test.v1.things.changed"
REFUSED = Result(
    state=State.FAILED,
    status=None,
    reason="connection refused by 127.0.0.1:9",
    response_headers=None,
    response_body=None,
)
ANSWERED = Result(
    status=200,
    request_headers=b'[["Content-Type","application/json"],["Authorization","***"]]',
    response_headers=b'[["Set-Cookie","a"],["set-cookie","b"],["Server","x"]]',
    response_body=b"caf\xc3\xa9 \xff\x00",
)


@pytest.fixture
async def hook(builder: Builder) -> Webhook:
    return await builder.webhook()


@pytest.fixture
async def subscriber(api: httpx.AsyncClient, callers: Callers) -> httpx.AsyncClient:
    """The API's client, as a subscriber."""
    api.headers.update(await callers.headers(Role.SUBSCRIBER))
    return api


def path(hook: Webhook) -> str:
    return f"/events/v1beta1/webhooks/{hook.id}"


async def test_a_delivered_event(subscriber: httpx.AsyncClient, builder: Builder, clock: Clock, hook: Webhook) -> None:
    """Every field of a success: headers as lists whatever their case, the event as JSON, the answer as text."""
    event = builder.event(id="x-1")
    await builder.tried(event, hook.id, ANSWERED)

    response = await subscriber.get(path(hook) + "/recent-deliveries")

    at = clock().strftime("%Y-%m-%dT%H:%M:%S")
    assert response.status_code == 200, response.text
    assert response.json() == {
        "count": 1,
        "offset": 0,
        "total": 1,
        "items": [
            {
                "id": "x-1",
                "type": "events/deliveryFailure",
                "httpResponseCode": 200,
                "status": "SUCCESS",
                "retryStatus": "NORETRY",
                "description": TYPE,
                "reason": "200 OK",
                "createdAt": f"{at}.000Z",
                "updatedAt": f"{at}.250Z",
                "generation": 1,
                "requestHeaders": {"Content-Type": ["application/json"], "Authorization": ["***"]},
                "requestBody": {
                    "specversion": "1.0",
                    "id": "x-1",
                    "source": "//global.test/things",
                    "type": TYPE,
                    "data": {"n": 1.5},
                },
                "responseHeaders": {"Set-Cookie": ["a", "b"], "Server": ["x"]},
                "responseBody": "café \ufffd\0",
                "resourceUri": path(hook),
                "subject": f"events.{WORKSPACE}.{hook.id}",
                "attempts": [
                    {
                        "number": 1,
                        "startedAt": f"{at}.000Z",
                        "milliseconds": 250,
                        "status": "SUCCESS",
                        "httpResponseCode": 200,
                        "reason": "200 OK",
                        "follows": "NOTHING",
                    }
                ],
            }
        ],
    }


async def test_an_answer_that_was_cut(
    api: httpx.AsyncClient, callers: Callers, builder: Builder, clock: Clock, hook: Webhook
) -> None:
    """Where less is kept of an answer than came the delivery says `truncated`, and shows all else; who may only look does not see
    the beginning of a digest that the cut went through."""
    event = builder.event()
    answers = KeptAnswers(per_hour=1, between=4096)
    digests = b" " * (BRIEF_BODY - 40) + b"0123456789abcdef" * 1000
    long = Reply(status=200, headers=(("Server", "x"), ("X-Long", "y" * 300)), body=digests, truncated=False)
    headers, body = answers.keep(WORKSPACE, long, clock())
    answered = replace(ANSWERED, response_headers=headers, response_body=body)
    await builder.tried(event, hook.id, answered)

    told = []
    for role in (Role.SUBSCRIBER, Role.VIEWER):
        api.headers.update(await callers.headers(role))
        [item] = (await api.get(path(hook) + "/recent-deliveries")).json()["items"]
        told.append((item["truncated"], item["responseHeaders"], item["responseBody"].strip(), "erased" in item))
        assert item["requestBody"]["id"] == event.id

    shown = {"Server": ["x"], "X-Long": ["(300 bytes)"]}
    assert told == [(True, shown, "0123456789abcdef" * 2 + "01234567", False), (True, shown, "", False)]


async def test_a_batch(subscriber: httpx.AsyncClient, database: Database, builder: Builder, hook: Webhook) -> None:
    """A batch is one item: its own id twice, how many events it had, and the array that was sent."""
    event = builder.event()
    batch = structs.replace(event, type="", body=b"[%b,%b]" % (event.body, event.body))
    await builder.tried(batch, hook.id, REFUSED)
    async with database.raw() as connection:
        statement = "INSERT INTO parcels (id, webhook, members) VALUES ($1, $2, ARRAY[$1, $1]::uuid[])"
        await connection.execute(statement, batch.key, hook.id)

    [item] = (await subscriber.get(path(hook) + "/recent-deliveries")).json()["items"]

    assert (item["id"], item["batchId"], item["failureId"]) == (str(batch.key),) * 3
    assert item["description"] == "Batch of 2 events"
    assert [each["id"] for each in item["requestBody"]] == [event.id, event.id]


async def test_a_failure_without_an_answer(subscriber: httpx.AsyncClient, builder: Builder, hook: Webhook) -> None:
    """Where no answer came the code is 0 and the reason says why; the failureId is there to be retried."""
    event = builder.event()
    await builder.tried(event, hook.id, REFUSED)

    [item] = (await subscriber.get(path(hook) + "/recent-deliveries")).json()["items"]

    assert {
        "httpResponseCode": 0,
        "status": "FAILURE",
        "retryStatus": "NORETRY",
        "reason": "connection refused by 127.0.0.1:9",
        "responseHeaders": {},
        "responseBody": "",
        "failureId": str(event.key),
    }.items() <= item.items()


async def test_an_erased_failure(
    subscriber: httpx.AsyncClient, database: Database, clock: Clock, hook: Webhook, builder: Builder
) -> None:
    """Of what is not sent again because it was erased the reason says so."""
    event = builder.event()
    await builder.tried(event, hook.id, REFUSED)
    await Erasure(database, clock, lambda _nudges: None).event(event.key)

    [item] = (await subscriber.get(path(hook) + "/recent-deliveries")).json()["items"]

    said = "connection refused by 127.0.0.1:9; its payload was erased meanwhile, so it is not sent again"
    assert (item["reason"], item["erased"], item["retryStatus"]) == (said, True, "NORETRY")


async def test_a_challenge(subscriber: httpx.AsyncClient, database: Database, clock: Clock, hook: Webhook) -> None:
    """A challenge, which is owed to nobody, has the one attempt that it is."""
    key = event_keys.new(clock())
    tried = challenge_attempts.ChallengeAttempt(
        webhook=hook.id,
        workspace_id=WORKSPACE,
        key=key,
        source="//x",
        type="com.test.verification",
        body=b"{}",
        started_at=clock(),
        milliseconds=3,
        success=False,
        status=401,
        reason="no",
        request_headers=b"[]",
        response_headers=b"[]",
        response_body=b"",
    )
    await challenge_attempts.keep(database, tried)

    [item] = (await subscriber.get(path(hook) + "/recent-deliveries")).json()["items"]

    [attempt] = item["attempts"]
    assert (attempt["number"], attempt["httpResponseCode"], attempt["reason"]) == (1, 401, "no")
    assert attempt["follows"] == "NOTHING"


async def test_deliveries_are_paged_latest_first(
    subscriber: httpx.AsyncClient, builder: Builder, clock: Clock, hook: Webhook
) -> None:
    """Latest first, in pages; a limit beyond 200 is clamped; one that is no number is a 400."""
    for number in range(3):
        clock.advance(1)
        await builder.tried(builder.event(id=f"x-{number}"), hook.id, ANSWERED)

    pages = [
        (await subscriber.get(path(hook) + "/recent-deliveries", params=query)).json()
        for query in ({"limit": 500}, {"limit": 1, "offset": 1}, {"offset": 3})
    ]
    bad = await subscriber.get(path(hook) + "/recent-deliveries", params={"limit": "x"})

    assert [[item["id"] for item in page["items"]] for page in pages] == [["x-2", "x-1", "x-0"], ["x-1"], []]
    assert [(page["count"], page["offset"], page["total"]) for page in pages] == [(3, 0, 3), (1, 1, 3), (0, 3, 3)]
    assert bad.status_code == 400


async def test_a_retry(subscriber: httpx.AsyncClient, builder: Builder, hook: Webhook, announced: list[Nudge]) -> None:
    """200 with the last attempt and every required field; the event is owed again and announced."""
    event = builder.event()
    await builder.tried(event, hook.id, REFUSED)

    response = await subscriber.post(f"{path(hook)}/delivery-failures/{event.key}/retry")

    body = response.json()
    required = "id,type,httpResponseCode,resourceUri,requestHeaders,requestBody,responseHeaders,responseBody"
    assert response.status_code == 200, response.text
    assert {*required.split(","), "createdAt", "updatedAt", "generation", "failureId"} <= body.keys()
    assert (body["failureId"], body["retryStatus"]) == (str(event.key), "RETRY")
    assert body["message"] == "Delivery failures retried submitted."
    assert announced == [Ticket(event.key, hook.id, 1, 0)]


async def test_a_retry_of_what_arrived_or_never_was(
    subscriber: httpx.AsyncClient, builder: Builder, hook: Webhook
) -> None:
    """What was delivered is a 400 that says so; an unknown id, or one that is no UUID, is a 404."""
    event = builder.event()
    await builder.tried(event, hook.id, ANSWERED)

    answers = [
        await subscriber.post(f"{path(hook)}/delivery-failures/{failure}/retry")
        for failure in (event.key, uuid4(), "no-uuid")
    ]

    assert [each.status_code for each in answers] == [400, 404, 404]
    assert "delivered" in answers[0].json()["message"]
    said = (
        "Delivery failure not found; the webhook's recent deliveries (GET .../recent-deliveries) show the failureId of each "
        "that has not arrived"
    )
    assert {each.json()["message"] for each in answers[1:]} == {said}


async def test_a_retry_too_many(
    subscriber: httpx.AsyncClient, database: Database, builder: Builder, hook: Webhook
) -> None:
    """What was sent again by hand as often as can be counted is a 400 that says so, and changes nothing."""
    event = builder.event()
    await builder.tried(event, hook.id, REFUSED)
    async with database.raw() as connection:
        await connection.execute("UPDATE deliveries SET round = 32767 WHERE event = $1", event.key)

    response = await subscriber.post(f"{path(hook)}/delivery-failures/{event.key}/retry")

    assert response.status_code == 400
    assert "32767 times" in response.json()["message"]
    async with database.raw() as connection:
        assert await connection.fetchval("SELECT count(*) FROM deliveries WHERE event = $1", event.key) == 1
