"""Manual retries, over the real ledger with a told clock."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from delivery.lifecycle import State
from delivery.reports.recent_deliveries import History, Retried
from delivery.tickets import Nudge, Ticket
from subscriptions.ground.database import Database
from subscriptions.ground.errors import Absent, Refused
from tests.builders import WORKSPACE, Builder, Result
from tests.clock import Clock
from tests.delivery.craft import Craft
from tests.delivery.destinations import reply

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


async def row(database: Database, key: UUID, hook: UUID, number: int = 0) -> dict[str, Any] | None:
    async with database.raw() as connection:
        found = await connection.fetchrow(
            "SELECT state, due_at, fence, attempts, leased_until FROM deliveries "
            "WHERE event = $1 AND webhook = $2 AND round = $3",
            key,
            hook,
            number,
        )
    return None if found is None else dict(found)


async def set_status(database: Database, hook: UUID, status: str) -> None:
    async with database.raw() as connection:
        await connection.execute("UPDATE webhooks SET status = $2 WHERE id = $1", hook, status)


async def test_a_waiting_retry_is_made_now(
    database: Database, clock: Clock, history: History, hook: UUID, announced: list[Nudge], builder: Builder
) -> None:
    """A row with a retry scheduled is due now, under a new fence, its attempts kept: the ticket
    claims it once (protocol.md 8.2)."""
    event = builder.event()
    later = clock() + timedelta(hours=1)
    await builder.tried(event, hook, replace(AGAIN, due_at=later))
    before = await row(database, event.key, hook)

    item, retried = await history.retry(WORKSPACE, hook, event.key)

    assert before is not None
    assert before["due_at"] == later
    assert retried is Retried.SUBMITTED
    assert (item.key, item.status, item.retrying) == (event.key, 503, True)
    assert await row(database, event.key, hook) == before | {"due_at": clock(), "fence": before["fence"] + 1}
    assert announced == [Ticket(event.key, hook, 0, before["fence"] + 1)]
    assert await builder.claim(Ticket(event.key, hook, 0, before["fence"] + 1)) == before["fence"] + 2


async def test_a_try_under_way_is_left_alone(
    database: Database, clock: Clock, history: History, hook: UUID, announced: list[Nudge], builder: Builder
) -> None:
    """With a live lease nothing changes, and the caller is told so; once it has lapsed, the retry is made (protocol.md 8.1)."""
    event = builder.event()
    await builder.tried(event, hook, AGAIN)
    await builder.claim(Ticket(event.key, hook, 0, await builder.fence(event.key, hook)))
    before = await row(database, event.key, hook)

    _, live = await history.retry(WORKSPACE, hook, event.key)
    untouched = await row(database, event.key, hook)
    clock.advance(21)
    _, lapsed = await history.retry(WORKSPACE, hook, event.key)

    assert (live, lapsed) == (Retried.UNDERWAY, Retried.SUBMITTED)
    assert untouched == before
    assert len(announced) == 1


async def test_by_hand_and_by_schedule_at_once(craft: Craft, database: Database, clock: Clock) -> None:
    """Retries asked for at the moment they fall due are each made once: by the ticket, or by the drain, and none is lost."""
    hook = await craft.hook()
    history = History(database, clock, craft.announced.extend)
    receipts = await craft.publish(20)
    await asyncio.gather(*(_fail(craft, receipt.key, hook) for receipt in receipts))
    clock.advance(3.5)
    craft.announced.clear()

    asking = asyncio.gather(*(history.retry(WORKSPACE, hook, receipt.key) for receipt in receipts))
    held = [*await craft.drain(wanted=10), *await craft.drain(wanted=10)]
    answers = await asking
    held += await craft.claim(*(nudge for nudge in craft.announced if isinstance(nudge, Ticket)))
    held += await craft.drain()

    assert sorted(each.claimed.event for each in held) == sorted(receipt.key for receipt in receipts)
    assert {retried for _, retried in answers} <= {Retried.SUBMITTED, Retried.UNDERWAY}
    await craft.rounds.outcomes.record([await craft.attempt(each) for each in held])
    assert await craft.states() == {"delivered": 20}


async def _fail(craft: Craft, event: UUID, hook: UUID) -> None:
    [held] = await craft.claim(Ticket(event, hook, 0, 0))
    await craft.rounds.outcomes.record([await craft.attempt(held, reply(503))])


async def test_a_failed_delivery_is_owed_again_as_the_next_round(
    database: Database, clock: Clock, history: History, hook: UUID, announced: list[Nudge], builder: Builder
) -> None:
    """A retry of what was given up is a new round, due now; the old one stays as it ended."""
    event = builder.event()
    await builder.tried(event, hook, FAILED)
    before = await row(database, event.key, hook)

    item, retried = await history.retry(WORKSPACE, hook, event.key)

    assert (retried, item.status, item.retrying, item.undelivered) == (Retried.SUBMITTED, 410, True, True)
    assert await row(database, event.key, hook) == before
    assert await row(database, event.key, hook, 1) == {
        "state": "owed",
        "due_at": clock(),
        "fence": 0,
        "attempts": 0,
        "leased_until": None,
    }
    assert announced == [Ticket(event.key, hook, 1, 0)]


async def test_many_retries_at_once_make_one_round(
    database: Database, builder: Builder, history: History, hook: UUID
) -> None:
    """Eight clicks on Retry at the same moment owe the event once more, not eight times (protocol.md 8.3)."""
    event = builder.event()
    await builder.tried(event, hook, FAILED)

    results = await asyncio.gather(*(history.retry(WORKSPACE, hook, event.key) for _ in range(8)))

    assert {retried for _, retried in results} == {Retried.SUBMITTED}
    assert await row(database, event.key, hook, 1) is not None
    assert await row(database, event.key, hook, 2) is None


async def test_rounds_are_items_and_the_newest_decides(builder: Builder, history: History, hook: UUID) -> None:
    """After a retry that arrived, both rounds are listed, the newest first, and neither asks for another retry."""
    event = builder.event()
    await builder.tried(event, hook, FAILED)
    await history.retry(WORKSPACE, hook, event.key)
    claimed = await builder.claim(Ticket(event.key, hook, 1, 0))
    await builder.end(Ticket(event.key, hook, 1, claimed), DELIVERED)

    items, _ = await history.recent(WORKSPACE, hook, limit=10, offset=0)

    assert [(item.status, item.success, item.retrying, item.undelivered) for item in items] == [
        (200, True, False, False),
        (410, False, False, False),
    ]


async def test_what_arrived_is_not_sent_again(
    database: Database, builder: Builder, history: History, hook: UUID, announced: list[Nudge]
) -> None:
    """A retry of what was delivered meanwhile is refused, and changes nothing (protocol.md 8.3)."""
    event = builder.event()
    await builder.tried(event, hook, AGAIN, DELIVERED)

    with pytest.raises(Refused, match="was delivered meanwhile"):
        await history.retry(WORKSPACE, hook, event.key)

    assert await row(database, event.key, hook, 1) is None
    assert announced == []


async def test_what_was_erased_cannot_be_sent_again(
    database: Database, builder: Builder, history: History, hook: UUID
) -> None:
    """Without a payload a retry is refused; the attempt is listed without it."""
    event = builder.event()
    await builder.tried(event, hook, FAILED)
    async with database.raw() as connection:
        await connection.execute("UPDATE events SET body = NULL")

    with pytest.raises(Refused, match="payload was erased"):
        await history.retry(WORKSPACE, hook, event.key)

    [item], _ = await history.recent(WORKSPACE, hook, limit=10, offset=0)
    assert item.request_body is None


@pytest.mark.parametrize(
    ("result", "number", "state"),
    [
        (replace(AGAIN, state=State.PARKED), 0, "parked"),
        (FAILED, 1, "parked"),
        # The claim that finds it parks it.
        (AGAIN, 0, "owed"),
    ],
)
async def test_a_retry_waits_for_a_webhook_that_may_not_be_sent_to(
    database: Database,
    builder: Builder,
    history: History,
    hook: UUID,
    announced: list[Nudge],
    result: Result,
    number: int,
    state: str,
) -> None:
    """While the webhook is DISABLED the retry is kept, not announced, and the caller is told that it waits."""
    event = builder.event()
    await builder.tried(event, hook, result)
    await set_status(database, hook, "DISABLED")

    _, retried = await history.retry(WORKSPACE, hook, event.key)

    found = await row(database, event.key, hook, number)
    assert retried is Retried.WAITING
    assert found is not None
    assert found["state"] == state
    assert announced == []


async def test_what_was_never_tried_is_no_failure(builder: Builder, history: History, hook: UUID) -> None:
    """An unknown id, and one that still waits for its first attempt, are not there."""
    event = builder.event()
    await builder.owe(event, hook)

    for key in (uuid4(), event.key):
        with pytest.raises(Absent):
            await history.retry(WORKSPACE, hook, key)
