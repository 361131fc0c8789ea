"""Numbers over HTTP: of all, of a workspace, of a webhook, to those who may see them (greenlake.md 1.13)."""

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from delivery.ledger.counts import rollups
from delivery.upkeep.counting import Counting
from subscriptions.access.clients import Role
from subscriptions.ground.database import Database
from subscriptions.webhooks.webhook import Owner, Webhook
from tests.builders import Builder
from tests.clock import Clock
from tests.service.callers import Callers

PATH = "/events/v1beta1/metrics"
OTHER = "485d4628bb5911eeb355f27748645044"
THEIRS = Owner(workspace_id=OTHER, principal="user:2", created_by="another program")


@pytest.fixture
async def hook(builder: Builder) -> Webhook:
    return await builder.webhook()


async def counted(database: Database, hook: Webhook, at: datetime, statuses: list[int], took: int = 100) -> None:
    """As if attempts had been recorded at that time; those that were answered 2xx delivered a second after publication."""
    came_to = [3 if 200 <= status < 300 else 0 for status in statuses]
    async with database.raw() as connection:
        await connection.execute(
            "INSERT INTO outcome_counts VALUES ($1, $2, $3, $4, $5, $6)",
            *(at, [hook.id] * len(statuses), statuses, came_to, [took] * len(statuses)),
            [1000 if bits else -1 for bits in came_to],
        )
        async with connection.transaction():
            await rollups.fold(connection, at_most=1000)


async def asked(api: httpx.AsyncClient, **query: str) -> Any:
    response = await api.get(PATH, params=query)
    assert response.status_code == 200, response.text
    return response.json()


async def test_an_hour_minute_by_minute(
    api: httpx.AsyncClient, callers: Callers, database: Database, clock: Clock, hook: Webhook
) -> None:
    """Sixty points, in each what was recorded in its minute, zeros elsewhere; the totals and quantiles are those of all."""
    api.headers.update(await callers.headers(Role.SUBSCRIBER))
    await counted(database, hook, clock() - timedelta(minutes=5), [200, 204, 503, 0])
    await counted(database, hook, clock() - timedelta(minutes=59), [200])
    await counted(database, hook, clock() - timedelta(minutes=61), [410] * 9)

    body = await asked(api)

    assert (body["span"], body["stepSeconds"], len(body["points"])) == ("HOUR", 60, 60)
    assert [place for place, point in enumerate(body["points"]) if point["attempts"]] == [0, 54]
    point = body["points"][54]
    assert (point["attempts"], point["succeeded"], point["failed"], point["delivered"]) == (4, 2, 2, 2)
    assert point["answers"] == {"2xx": 2, "3xx": 0, "4xx": 0, "5xx": 1, "none": 1}
    assert (body["total"]["attempts"], body["total"]["delivered"]) == (5, 3)
    assert body["latency"]["receiver"]["p95Milliseconds"] == pytest.approx(100, rel=0.1)
    assert body["latency"]["publishedToAnswered"]["p50Milliseconds"] == pytest.approx(1000, rel=0.1)
    assert body["points"][30]["latency"] == {}
    assert body["now"]["webhooks"] == {"PENDING": 0, "ACTIVE": 1, "WARNING": 0, "ERROR": 0, "DISABLED": 0}


@pytest.mark.parametrize(("span", "points", "back"), [("day", 24, 23), ("WEEK", 168, 167), ("month", 30, 29 * 24)])
async def test_longer_spans(
    api: httpx.AsyncClient,
    callers: Callers,
    database: Database,
    clock: Clock,
    hook: Webhook,
    span: str,
    points: int,
    back: int,
) -> None:
    """A day and a week by hours, a month by days, in UTC."""
    api.headers.update(await callers.headers(Role.VIEWER))
    await counted(database, hook, clock(), [200])
    await counted(database, hook, clock() - timedelta(hours=back), [500])

    body = await asked(api, span=span)

    assert len(body["points"]) == points
    assert [point["attempts"] for point in body["points"]][:: points - 1] == [1, 1]
    assert body["total"]["answers"]["5xx"] == 1


async def test_whose_numbers(
    api: httpx.AsyncClient, callers: Callers, database: Database, clock: Clock, builder: Builder, hook: Webhook
) -> None:
    """A subscriber is told of its own workspace, an operator of all, of one, or of a webhook; nobody of others' webhooks."""
    theirs = await builder.webhook(owner=THEIRS)
    await counted(database, hook, clock(), [200])
    await counted(database, theirs, clock(), [200] * 4)

    api.headers.update(await callers.headers(Role.SUBSCRIBER))
    assert (await asked(api))["total"]["attempts"] == 1
    assert (await asked(api, webhookId=str(hook.id)))["total"]["attempts"] == 1
    assert "now" not in await asked(api, webhookId=str(hook.id))
    for status, query in (
        (404, {"webhookId": str(theirs.id)}),
        (404, {"webhookId": str(uuid4())}),
        (400, {"webhookId": "mine"}),
        (400, {"span": "YEAR"}),
        (403, {"workspaceId": OTHER}),
    ):
        assert (await api.get(PATH, params=query)).status_code == status, query

    api.headers.update(await callers.headers(Role.OPERATOR))
    assert (await asked(api))["total"]["attempts"] == 5
    assert (await asked(api, workspaceId=OTHER))["total"]["attempts"] == 4
    assert (await asked(api, webhookId=str(theirs.id)))["total"]["attempts"] == 4

    api.headers.update(await callers.headers(Role.PUBLISHER))
    assert (await api.get(PATH)).status_code == 403


async def test_what_waits_now(
    api: httpx.AsyncClient, callers: Callers, services: Any, clock: Clock, builder: Builder, hook: Webhook
) -> None:
    """The newest sample: how much, for how many, and since when."""
    api.headers.update(await callers.headers(Role.SUBSCRIBER))
    event = builder.event()
    await builder.owe(event, hook.id)
    clock.advance(40)
    counting: Counting = services.assembly.counting
    await counting.count()

    now = (await asked(api))["now"]

    assert (now["waiting"], now["waitingMore"], now["waitingFor"]) == (1, False, 1)
    assert "oldestWaitingAt" in now


async def test_what_nobody_counted_is_left_out(
    api: httpx.AsyncClient, callers: Callers, services: Any, clock: Clock, hook: Webhook
) -> None:
    """A step without a sample says nothing of what waited; when it was counted last is told."""
    api.headers.update(await callers.headers(Role.SUBSCRIBER))
    await services.assembly.counting.count()
    counted_at = clock()
    clock.advance(120)

    body = await asked(api)

    assert [point.get("waiting") for point in body["points"][-3:]] == [0, None, None]
    assert body["now"]["countedAt"].startswith(counted_at.isoformat()[:19])


async def test_the_statuses_of_a_webhook(api: httpx.AsyncClient, callers: Callers, builder: Builder) -> None:
    """From its registration on, newest first, by pages; of one's own webhooks alone."""
    api.headers.update(await callers.headers(Role.SUBSCRIBER))
    given = {
        "name": "Mine",
        "destination": "https://example.com/hook",
        "secret": "a secret that is long enough",
        "challengeRequestEnabled": False,
    }
    made = (await api.post("/events/v1beta1/webhooks", json=given)).json()
    path = f"/events/v1beta1/webhooks/{made['id']}"
    await api.patch(path, json={"paused": True})

    body = (await api.get(f"{path}/states")).json()
    assert [(each["status"], each["stateReason"][:16]) for each in body["items"]] == [
        ("DISABLED", "Webhook Disabled"),
        ("ACTIVE", ""),
    ]
    second = (await api.get(f"{path}/states?limit=1&offset=1")).json()
    assert (second["count"], second["total"], second["items"]) == (1, 2, body["items"][1:])
    theirs = await builder.webhook(owner=THEIRS)
    assert (await api.get(f"/events/v1beta1/webhooks/{theirs.id}/states")).status_code == 404
