"""What owners and operators see of what was tried, of what waits, and of whose it is."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from delivery.lifecycle import State
from delivery.reports import backlogs
from delivery.reports.backlogs import Backlogs
from delivery.tickets import Ticket
from service.services import Services
from subscriptions.access.clients import Role
from subscriptions.ground import event_keys
from subscriptions.ground.database import Database
from subscriptions.webhooks.webhook import Owner, Webhook
from tests.builders import Builder, Result
from tests.clock import Clock
from tests.service.callers import OTHER_WORKSPACE, WORKSPACE, Callers

EVENTS = "/events/v1beta1"
AWAY = Result(state=State.OWED, status=None, reason="no answer within 15 s", response_headers=None, response_body=None)
BUSY = Result(state=State.OWED, status=503, reason="503 Service Unavailable")
STRANGER = Owner(workspace_id=OTHER_WORKSPACE, principal="user:2", created_by="another")


@pytest.fixture
async def hook(builder: Builder) -> Webhook:
    return await builder.webhook()


def at(clock: Clock, seconds: float = 0) -> str:
    return (clock() + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


async def failing(builder: Builder, clock: Clock, hook: Webhook) -> Any:
    """An event whose delivery was tried twice, ten seconds apart, and is due again in twenty."""
    made = builder.event()
    await builder.tried(made, hook.id, AWAY)
    clock.advance(10)
    ticket = Ticket(made.key, hook.id, 0, await builder.fence(made.key, hook.id))
    fence = await builder.claim(ticket)
    due = replace(BUSY, due_at=clock() + timedelta(seconds=20))
    await builder.end(ticket._replace(fence=fence), due)
    return made


ATTEMPTS = ["number", "milliseconds", "status", "httpResponseCode", "reason", "follows"]


async def test_every_attempt(
    api: httpx.AsyncClient, callers: Callers, builder: Builder, clock: Clock, hook: Webhook
) -> None:
    """Recent deliveries and the event tell each attempt: which, when, how long, what came, and what follows when."""
    began = at(clock)
    event = await failing(builder, clock, hook)
    headers = await callers.headers(Role.SUBSCRIBER, Role.PUBLISHER)

    [item] = (await api.get(f"{EVENTS}/webhooks/{hook.id}/recent-deliveries", headers=headers)).json()["items"]
    trace = (await api.get(f"{EVENTS}/events/{event.key}", headers=headers)).json()

    first, second = item["attempts"]
    assert [first[name] for name in ATTEMPTS] == [1, 250, "FAILURE", 0, "no answer within 15 s", "ATTEMPT"]
    assert [second[name] for name in ATTEMPTS] == [2, 250, "FAILURE", 503, "503 Service Unavailable", "ATTEMPT"]
    assert (first["startedAt"], first["nextAttemptAt"]) == (began, at(clock))
    assert (second["startedAt"], second["nextAttemptAt"]) == (at(clock), at(clock, 20))
    uri = f"{EVENTS}/webhooks/{hook.id}"
    assert trace["webhooks"] == [{"resourceUri": uri, "state": "owed", "attempts": [first, second]}]


async def test_what_follows_the_last(
    api: httpx.AsyncClient, callers: Callers, builder: Builder, clock: Clock, hook: Webhook
) -> None:
    """Nothing where it arrived or was given up; a wait where the webhook may not be sent to."""
    results = (Result(), Result(state=State.FAILED, status=400), Result(state=State.PARKED, status=503))
    for result in results:
        clock.advance(1)
        await builder.tried(builder.event(), hook.id, result)

    path = f"{EVENTS}/webhooks/{hook.id}/recent-deliveries"
    items = (await api.get(path, headers=await callers.headers(Role.VIEWER))).json()["items"]

    assert [item["attempts"][-1]["follows"] for item in items] == ["WAIT", "NOTHING", "NOTHING"]
    assert not [item for item in items if "nextAttemptAt" in item["attempts"][-1]]


async def test_attempts_are_the_workspaces_own(
    api: httpx.AsyncClient, callers: Callers, builder: Builder, clock: Clock, hook: Webhook
) -> None:
    """Who publishes for other workspaces sees how many webhooks an event has there, not which; operators see all."""
    event = await failing(builder, clock, hook)
    publisher = await callers.headers(Role.PUBLISHER, workspace=OTHER_WORKSPACE, any_workspace=True)

    theirs = (await api.get(f"{EVENTS}/events/{event.key}", headers=publisher)).json()
    operators = await api.get(f"{EVENTS}/events/{event.key}", headers=await callers.headers(Role.OPERATOR))

    assert (theirs["deliveries"]["owed"], "webhooks" in theirs) == (1, False)
    assert len(operators.json()["webhooks"]) == 1


async def test_what_is_kept_for_a_paused_webhook(
    api: httpx.AsyncClient, callers: Callers, builder: Builder, clock: Clock, hook: Webhook
) -> None:
    """Its owner sees how much is kept, and since when."""
    oldest = builder.event()
    await builder.owe(oldest, hook.id, sendable=False)
    for sendable in (False, True):
        clock.advance(60)
        await builder.owe(builder.event(), hook.id, sendable=sendable)

    shown = (await api.get(f"{EVENTS}/webhooks/{hook.id}", headers=await callers.headers(Role.VIEWER))).json()

    since = event_keys.time_of(oldest.key).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
    assert shown["backlog"] == {"owed": 1, "parked": 2, "collecting": 0, "more": False, "keptSince": since}


async def test_a_backlog_is_counted_no_further(database: Database, builder: Builder, hook: Webhook) -> None:
    """However much waits, so many index entries are read: beyond that the answer says that there are more."""
    for _ in range(5):
        await builder.owe(builder.event(), hook.id)

    found = (await Backlogs(database).of([hook.id], most=3))[hook.id]

    assert (found.owed, found.more) == (3, True)
    async with database.raw() as connection:
        await connection.execute(
            "INSERT INTO deliveries (event, webhook, round, state, due_at, fence, attempts, lost)"
            " SELECT $1, gen_random_uuid(), 0, 'owed', now(), 0, 0, 0 FROM generate_series(1, 20000)",
            builder.event().key,
        )
        await connection.execute("ANALYZE deliveries")
        asked = backlogs.BACKLOGS.replace("$1", f"'{{{hook.id}}}'").replace("$2", "3")
        plan = "\n".join([row["QUERY PLAN"] for row in await connection.fetch("EXPLAIN " + asked)])
    assert "Seq Scan on deliveries" not in plan, plan


@pytest.mark.parametrize("purpose", ["probe", "earned"])
async def test_when_an_error_is_probed(
    api: httpx.AsyncClient, callers: Callers, database: Database, clock: Clock, hook: Webhook, purpose: str
) -> None:
    """Behind GreenLake's words an ERROR says when the next probe is, unless that waits for an event, and what asks at once."""
    async with database.raw() as connection:
        said = "HMAC validation failed. Please verify webhook secret."
        await connection.execute("UPDATE webhooks SET status = 'ERROR', state_reason = $1", said)
        due = clock() + timedelta(seconds=90)
        await connection.execute(
            "INSERT INTO challenges (webhook, epoch, purpose, tries, due_at, fence) VALUES ($1, 0, $2, 0, $3, 0)",
            *(hook.id, purpose, due),
        )
    path, headers = f"{EVENTS}/webhooks/{hook.id}", await callers.headers(Role.SUBSCRIBER)

    shown = [
        (await api.get(path, headers=headers)).json(),
        (await api.get(f"{EVENTS}/webhooks", headers=headers)).json()["items"][0],
        (await api.get(f"{EVENTS}/webhooks", headers=await callers.headers(Role.OPERATOR))).json()["items"][0],
        (await api.patch(path, json={"description": "another"}, headers=headers)).json(),
    ]

    when = f"the next probe at {due:%H:%M:%S} UTC; " if purpose == "probe" else ""
    assert {each["stateReason"] for each in shown} == {f"{said} ({when}POST {path}/verify asks now)"}


async def test_operators_lists(
    api: httpx.AsyncClient,
    callers: Callers,
    services: Services,
    database: Database,
    clock: Clock,
    hook: Webhook,
    builder: Builder,
) -> None:
    """Operators see whose each webhook is, how it fares and what waits for it, of one status or one workspace."""
    other = await builder.webhook(owner=STRANGER)
    await builder.owe(builder.event(), other.id)
    async with database.raw() as connection:
        await connection.execute(
            "UPDATE webhooks SET status = 'ERROR', failures = 21, last_failure_at = $2 WHERE id = $1", other.id, clock()
        )
    operator = await callers.headers(Role.OPERATOR)

    async def listed(query: str = "", headers: dict[str, str] = operator) -> list[str]:
        response = await api.get(f"{EVENTS}/webhooks{query}", headers=headers)
        assert response.status_code == 200, response.text
        return sorted(item["id"] for item in response.json()["items"])

    [item] = (await api.get(f"{EVENTS}/webhooks?status=error", headers=operator)).json()["items"]
    assert (item["id"], item["workspaceId"], item["failures"]) == (str(other.id), OTHER_WORKSPACE, 21)
    assert (item["lastFailureAt"], item["backlog"]["owed"]) == (at(clock), 1)
    assert await listed() == sorted([str(hook.id), str(other.id)])
    assert await listed(f"?workspaceId={OTHER_WORKSPACE}") == [str(other.id)]
    assert await listed(f"?workspaceId={OTHER_WORKSPACE}&status=ACTIVE") == []
    assert await listed(f"?workspaceId={WORKSPACE}", await callers.headers(Role.VIEWER)) == [str(hook.id)]


@pytest.mark.parametrize(
    ("path", "role", "status"),
    [
        ("/events/v1beta1/webhooks?status=BROKEN", Role.VIEWER, 400),
        (f"/events/v1beta1/webhooks?workspaceId={OTHER_WORKSPACE}", Role.VIEWER, 403),
        (f"/events/v1beta1/subscriptions?workspaceId={OTHER_WORKSPACE}", Role.VIEWER, 403),
        (f"/events/v1beta1/subscriptions?workspaceId={OTHER_WORKSPACE}", Role.OPERATOR, 400),
        ("/authorization/v2/clients?workspaceId=mine", Role.OPERATOR, 400),
    ],
)
async def test_what_no_list_covers(
    api: httpx.AsyncClient, callers: Callers, path: str, role: Role, status: int
) -> None:
    """An unknown status, somebody else's workspace, one that there is not: refused by name, not answered with nothing."""
    response = await api.get(path, headers=await callers.headers(role))

    assert response.status_code == status, response.text
    [detail] = response.json()["errorDetails"]
    assert detail["issues"][0]["source"] == "query.parameter"


async def test_the_other_lists(api: httpx.AsyncClient, callers: Callers, builder: Builder, hook: Webhook) -> None:
    """Subscriptions and clients are listed by workspace too."""
    operator = await callers.headers(Role.OPERATOR)
    other = await builder.webhook(owner=STRANGER)
    for each in (hook, other):
        order = {
            "eventType": "com.hpe.greenlake.audit-log.v1.logs.created",
            "webhook": {"resourceUri": f"{EVENTS}/webhooks/{each.id}"},
        }
        await api.post(EVENTS + "/subscriptions", json=[order], headers=operator)
    await callers.known(OTHER_WORKSPACE)
    query = f"?workspaceId={OTHER_WORKSPACE}"

    subscriptions = (await api.get(EVENTS + "/subscriptions" + query, headers=operator)).json()
    clients = (await api.get("/authorization/v2/clients" + query, headers=operator)).json()

    assert [item["workspaceId"] for item in subscriptions["items"]] == [OTHER_WORKSPACE]
    assert [item["workspaceId"] for item in clients["items"]] == [OTHER_WORKSPACE]
    assert UUID(subscriptions["items"][0]["id"])
