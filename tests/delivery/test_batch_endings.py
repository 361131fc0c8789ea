"""How batches end, and their members with them, whatever ends them (protocol.md 7.3)."""

import asyncio
from collections.abc import AsyncIterator
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest

from delivery.reports.traces import Traces
from delivery.upkeep.sweeping import PARTITIONED
from subscriptions.events import sdk
from subscriptions.events.catalogue import DELIVERY_FAILED
from subscriptions.events.event import Naming
from subscriptions.ground import partitions
from subscriptions.ground.database import Database
from tests.clock import Clock
from tests.delivery.batching import closed, counted, given_up, members, sent, swept
from tests.delivery.craft import REMEMBERED, TYPE, WORKSPACE, Craft
from tests.delivery.destinations import reply

FAILED_TYPE = Naming().prefix + DELIVERY_FAILED


@pytest.fixture
async def craft(database: Database, clock: Clock) -> AsyncIterator[Craft]:
    """With one wait, so that the second failure is the last."""
    async with Craft(database, clock, retry_delays=(3.0,)) as craft:
        yield craft


@pytest.fixture
def traces(database: Database) -> Traces:
    return Traces(database)


@pytest.fixture(autouse=True)
async def hook(craft: Craft) -> UUID:
    return await craft.hook(batching=True)


async def test_members_are_delivered_with_their_batch(craft: Craft, traces: Traces) -> None:
    """The members are delivered with their batch, each with its answer; before, they stand as bundled."""
    ticket = await closed(craft, 4)
    before = await counted(traces, craft, ticket.event)
    await sent(craft, ticket, reply(204))

    [first, *_] = await members(craft, ticket.event)
    row = await craft.row(first, ticket.webhook)
    assert before == {(("bundled", 1),)}
    assert await counted(traces, craft, ticket.event) == {(("delivered", 1),)}
    assert (row.status, row.attempts, row.ended_at) == (204, 1, craft.clock())
    assert await craft.value("SELECT count(*) FROM parcels WHERE NOT settled") == 0


async def test_given_up(craft: Craft, traces: Traces) -> None:
    """The members fail with their batch, and one notice names the batch and its events."""
    told = await craft.hook(subscribed=FAILED_TYPE)
    ticket = await given_up(craft)
    ids = [str(event) for event in await members(craft, ticket.event)]

    await craft.run_jobs()
    await craft.run_jobs()

    [notice] = await craft.fetch("SELECT body FROM events WHERE type = $1", FAILED_TYPE)
    data: Any = sdk.to_sdk(notice["body"]).get_data()
    assert await counted(traces, craft, ticket.event) == {(("failed", 1),)}
    assert (data["failureId"], data["batchId"], data["attempts"]) == (str(ticket.event), str(ticket.event), 2)
    assert data["events"] == [{"id": event, "type": TYPE} for event in ids]
    assert "event" not in data
    assert await craft.states(told) == {"owed": 1}


async def test_notices_given_up(craft: Craft) -> None:
    """A batch of nothing but notices that is given up is told to nobody."""
    await craft.know(FAILED_TYPE)
    await craft.sql("UPDATE subscriptions SET event_type = $1", FAILED_TYPE)
    await craft.intake.publish([craft.event(n, kind=FAILED_TYPE) for n in range(2)])
    craft.clock.advance(60)
    [ticket] = await swept(craft)
    await sent(craft, ticket, reply(503))
    craft.clock.advance(4)
    [held] = await craft.drain()
    await craft.rounds.outcomes.record([await craft.attempt(held, reply(500))])

    await craft.run_jobs()

    assert await craft.states() == {"failed": 3}
    assert await craft.value("SELECT count(*) FROM events WHERE type = $1", FAILED_TYPE) == 2
    assert await craft.value("SELECT count(*) FROM jobs") == 0


async def test_killed_while_it_records(craft: Craft, database: Database, clock: Clock) -> None:
    """A process that is gone between the end of a batch and that of its members has recorded neither: it is sent again."""
    ticket = await closed(craft, 3)
    [member, *_] = await members(craft, ticket.event)
    [held] = await craft.claim(ticket)
    ended = await craft.attempt(held)
    async with database.raw() as other, other.transaction():
        await other.execute("SELECT 1 FROM deliveries WHERE event = $1 FOR UPDATE", member)
        recording = asyncio.create_task(craft.rounds.outcomes.record([ended]))
        waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        while not await craft.value(waits):  # noqa: ASYNC110 -- the server sets no event
            await asyncio.sleep(0.01)
        recording.cancel()
        await asyncio.wait([recording])
    halfway = await craft.states()
    clock.advance(60)

    [again] = await craft.drain()
    await craft.rounds.outcomes.record([await craft.attempt(again)])

    assert halfway == {"owed": 1, "bundled": 3}
    assert await craft.states() == {"delivered": 4}


async def test_late_success(craft: Craft, clock: Clock, traces: Traces) -> None:
    """A success that comes after the batch was given up makes its members delivered, as it does the batch."""
    ticket = await closed(craft, 3)
    [slow] = await craft.claim(ticket)
    late = await craft.attempt(slow)
    for _ in range(2):
        clock.advance(120)
        [held] = await craft.drain()
        await craft.rounds.outcomes.record([await craft.attempt(held, reply(503))])
    before = await counted(traces, craft, ticket.event)

    await craft.rounds.outcomes.record([late])

    assert before == {(("failed", 1),)}
    assert await craft.states() == {"delivered": 4}


async def test_members_expire_with_an_erased_batch(craft: Craft) -> None:
    """A batch whose payload was erased ends expired, and its members with it."""
    ticket = await closed(craft, 3)
    await craft.sql("UPDATE events SET body = NULL WHERE key = $1", ticket.event)

    await sent(craft, ticket)

    assert await craft.states() == {"expired": 4}
    assert craft.wire.sent == []


async def test_a_delete_cancels_what_is_collecting_and_bundled(craft: Craft, clock: Clock, hook: UUID) -> None:
    """A delete cancels what is collecting and what is bundled; a batch under way is recorded as it turns out."""
    flying = await closed(craft, 2)
    await closed(craft, 3)
    [held] = await craft.claim(flying)
    await craft.publish(4)

    await craft.webhook_lifecycle.remove(WORKSPACE, hook, force=True)
    await craft.run_jobs()
    during = await craft.states()
    await craft.rounds.outcomes.record([await craft.attempt(held)])

    assert during == {"owed": 1, "bundled": 2, "cancelled": 8}
    assert await craft.states() == {"delivered": 3, "cancelled": 8}
    assert (await craft.drain(), await swept(craft)) == ([], [])


async def test_published_while_deleted(craft: Craft, clock: Clock) -> None:
    """What a publication owed while the webhook was being deleted is cancelled by the slow sweep, once."""
    await craft.publish(3)
    await craft.sql("UPDATE webhooks SET deleted_at = $1", clock())

    await craft.upkeep.mend()
    await craft.upkeep.mend()
    jobs = await craft.value("SELECT count(*) FROM jobs")
    await craft.run_jobs()

    assert (jobs, await craft.states()) == (1, {"cancelled": 3})


@pytest.mark.parametrize("state", ["failed", "cancelled", "expired", "delivered"])
async def test_parted_from_its_members(craft: Craft, state: str) -> None:
    """Members of a batch that was ended by another than its record follow with the slow sweep."""
    for _ in range(2):
        await closed(craft, 2)
    ticket = await closed(craft, 3)
    await craft.sql(
        "UPDATE deliveries SET state = $2, due_at = NULL, ended_at = $3 WHERE event = $1",
        *(ticket.event, state, craft.clock()),
    )

    await craft.upkeep.mend()

    assert await craft.states() == {state: 4, "owed": 2, "bundled": 4}
    assert await craft.value("SELECT count(*) FROM parcels WHERE settled") == 1


async def test_unsettled_day(craft: Craft, database: Database, clock: Clock) -> None:
    """A day past retention is not dropped while a batch of it has ended and its members have not."""
    past = Clock()
    past.now = clock().replace(hour=12) - timedelta(days=35)
    day = past().date()
    async with database.raw() as connection:
        await partitions.make(connection, PARTITIONED, [day])
    await closed(Craft(database, past), 2)
    await craft.sql("UPDATE deliveries SET state = 'failed'")
    await craft.upkeep.prune(remembered=REMEMBERED)
    before = await days(craft)
    await craft.upkeep.mend()

    await craft.upkeep.prune(remembered=REMEMBERED)

    assert (day in before, day in await days(craft)) == (True, False)


async def days(craft: Craft) -> list[date]:
    """Those with partitions."""
    async with craft.database.raw() as connection:
        return await partitions.kept(connection, "parcels")
