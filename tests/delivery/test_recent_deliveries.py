"""Recent deliveries, over the real ledger with a told clock."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from delivery.lifecycle import State
from delivery.reports.recent_deliveries import COVERED, History, RecentDelivery
from delivery.tickets import Nudge, Ticket
from subscriptions.ground.database import Database
from subscriptions.ground.errors import Absent
from tests.builders import WORKSPACE, Builder, Result
from tests.clock import Clock

AGAIN = Result(state=State.OWED, status=503, reason="503 Service Unavailable")
FAILED = Result(state=State.FAILED, status=410, reason="410 Gone")
DELIVERED = Result()


@pytest.fixture
def announced() -> list[Nudge]:
    return []


@pytest.fixture
def history(database: Database, clock: Clock, announced: list[Nudge]) -> History:
    return History(database, clock, announced.extend)


@pytest.fixture
async def hook(builder: Builder) -> UUID:
    return (await builder.webhook()).id


async def recent(history: History, hook: UUID, *, limit: int = 200, offset: int = 0) -> list[RecentDelivery]:
    return (await history.recent(WORKSPACE, hook, limit=limit, offset=offset))[0]


async def test_an_item_shows_the_last_attempt_whole(
    builder: Builder, clock: Clock, history: History, hook: UUID
) -> None:
    """What was sent and answered is there as it was recorded; the item counts its attempts."""
    event = builder.event(id="x-1")
    last = Result(
        status=200,
        request_headers=b'[["Content-Type","application/json"]]',
        response_headers=b'[["X","1"],["X","2"]]',
        response_body=b"\xff\x00",
    )
    accepted = clock()
    clock.advance(2)
    await builder.tried(event, hook, AGAIN, last)

    [item] = await recent(history, hook)

    assert [(each.number, each.status) for each in item.attempts] == [(1, AGAIN.status), (2, 200)]
    assert replace(item, attempts=()) == RecentDelivery(
        webhook=hook,
        workspace_id=WORKSPACE,
        round=0,
        key=event.key,
        id="x-1",
        type="com.test.v1.things.changed",
        members=None,
        created_at=accepted,
        updated_at=clock() + timedelta(milliseconds=250),
        attempt_count=2,
        success=True,
        status=200,
        reason="200 OK",
        retrying=False,
        undelivered=False,
        request_headers=(("Content-Type", "application/json"),),
        request_body=event.body,
        response_headers=(("X", "1"), ("X", "2")),
        response_body=b"\xff\x00",
    )


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        ((DELIVERED,), (True, False, False)),
        ((AGAIN,), (False, True, True)),
        ((AGAIN, AGAIN, FAILED), (False, False, True)),
        ((AGAIN, DELIVERED), (True, False, False)),
        ((replace(AGAIN, state=State.PARKED),), (False, True, True)),
    ],
)
async def test_whether_it_arrived_and_whether_it_is_tried_again(
    builder: Builder,
    history: History,
    hook: UUID,
    results: tuple[Result, ...],
    expected: tuple[bool, bool, bool],
) -> None:
    """An item says whether its last attempt succeeded, whether another is to come, and whether a retry makes sense."""
    await builder.tried(builder.event(), hook, *results)

    [item] = await recent(history, hook)

    assert (item.success, item.retrying, item.undelivered) == expected


async def test_only_what_was_tried_is_listed(builder: Builder, history: History, hook: UUID) -> None:
    """A delivery that waits for its first attempt is no recent delivery."""
    await builder.owe(builder.event(), hook)

    assert await history.recent(WORKSPACE, hook, limit=200, offset=0) == ([], 0)


async def test_pages_run_from_the_latest_event_back(
    builder: Builder, clock: Clock, history: History, hook: UUID
) -> None:
    """Latest event first; pages neither overlap nor leave anything out, and another webhook's are not among them."""
    other = (await builder.webhook()).id
    made = []
    for _ in range(5):
        clock.advance(1)
        made.append(builder.event())
        await builder.tried(made[-1], hook, AGAIN, DELIVERED)
    await builder.tried(builder.event(), other, DELIVERED)

    pages = [await history.recent(WORKSPACE, hook, limit=2, offset=offset) for offset in (0, 2, 4, 6)]

    assert [item.key for items, _ in pages for item in items] == [event.key for event in reversed(made)]
    assert [total for _, total in pages] == [5, 5, 5, 5]


async def test_the_list_covers_the_last_thousand(
    database: Database, clock: Clock, history: History, hook: UUID, builder: Builder
) -> None:
    """Of 1,003 deliveries the list and its total cover the newest 1,000 (greenlake.md D.14)."""
    async with database.raw() as connection:
        for _ in range(COVERED + 3):
            clock.advance(0.001)
            event = builder.event()
            await connection.execute(
                "INSERT INTO events (key, id, source, type, workspace_id, body) VALUES ($1, '', '', '', $2, '{}')",
                event.key,
                WORKSPACE,
            )
        await connection.execute(
            "INSERT INTO deliveries (event, webhook, round, state, fence, attempts, lost) "
            "SELECT key, $1, 0, 'delivered', 2, 2, 0 FROM events",
            hook,
        )
        await connection.execute(
            "INSERT INTO attempts (webhook, event, round, fence, started_at, milliseconds, success, reason, request_headers) "
            "SELECT $1, key, 0, fence, $2, 1, fence = 2, '', '[]' FROM events, generate_series(1, 2) AS fence",
            hook,
            clock(),
        )

    items, total = await history.recent(WORKSPACE, hook, limit=200, offset=900)

    assert (len(items), total, items[0].attempt_count) == (100, COVERED, 2)


async def test_a_success_is_shown_whatever_came_after_it(
    database: Database, builder: Builder, history: History, hook: UUID
) -> None:
    """A late success followed by the failure of a newer claim stays a success."""
    event = builder.event()
    await builder.owe(event, hook)
    first = await builder.claim(Ticket(event.key, hook, 0, 0))
    async with database.raw() as connection:
        await connection.execute("UPDATE deliveries SET leased_until = NULL")
    second = await builder.claim(Ticket(event.key, hook, 0, first))

    await builder.end(Ticket(event.key, hook, 0, first), DELIVERED)
    await builder.end(Ticket(event.key, hook, 0, second), FAILED)

    [item] = await recent(history, hook)
    assert (item.success, item.status, item.attempt_count, item.undelivered) == (True, 200, 2, False)


async def test_a_workspace_sees_its_own_webhooks_alone(
    builder: Builder, history: History, hook: UUID, announced: list[Nudge]
) -> None:
    """A stranger is told that the webhook does not exist, whether he lists or retries; an operator sees it."""
    event = builder.event()
    await builder.tried(event, hook, FAILED)

    with pytest.raises(Absent):
        await history.recent("f" * 32, hook, limit=1, offset=0)
    with pytest.raises(Absent):
        await history.retry("f" * 32, hook, event.key)

    assert (await history.recent(None, hook, limit=1, offset=0))[1] == 1
    assert announced == []


async def test_attempts_of_a_deleted_webhook_stay_readable_to_operators(
    database: Database, clock: Clock, history: History, hook: UUID, builder: Builder
) -> None:
    """After a deletion the workspace gets nothing, an operator the attempts; there is nothing
    left to retry (greenlake.md D.14)."""
    event = builder.event()
    await builder.tried(event, hook, FAILED)
    async with database.raw() as connection:
        await connection.execute("UPDATE webhooks SET deleted_at = $2 WHERE id = $1", hook, clock())

    with pytest.raises(Absent):
        await recent(history, hook)
    items, total = await history.recent(None, hook, limit=10, offset=0)
    with pytest.raises(Absent):
        await history.retry(None, hook, event.key)

    assert ([item.key for item in items], total) == ([event.key], 1)
