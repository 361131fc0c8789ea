"""What leaves by age: payloads first where that is wished, then whole days; and who waits for it."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest

from delivery.ledger.owing import deliveries
from delivery.ledger.upkeep import retention
from subscriptions.ground import partitions
from subscriptions.ground.database import Database
from tests.clock import Clock
from tests.delivery.batching import given_up, members
from tests.delivery.craft import REMEMBERED, Craft
from tests.delivery.destinations import reply

DAY = 86400
WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted AND mode = 'AccessExclusiveLock'"
KEPT, UNDELIVERED = 30 * DAY, 3 * DAY


@pytest.fixture
async def past(craft: Craft) -> AsyncIterator[Clock]:
    """A clock that stands at noon of a day that has partitions, 40 days ago."""
    clock = Clock()
    clock.now = datetime.now(UTC).replace(hour=12, microsecond=0) - timedelta(days=40)
    days = [clock().date(), clock().date() + timedelta(days=1)]
    async with craft.database.raw() as connection:
        await partitions.make(connection, deliveries.PARTITIONED, days)
    yield clock
    for day in days:
        for table in deliveries.PARTITIONED:
            await craft.sql(f'DROP TABLE IF EXISTS "{partitions.name_of(table, day)}"')


def aged(database: Database, seconds: float, *, payloads: float = 0.0) -> Craft:
    """Doors whose clock stands `seconds` after the end of the past day."""
    clock = Clock()
    end = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=39)
    clock.now = end + timedelta(seconds=seconds)
    return Craft(database, clock, keep_payloads=payloads)


async def there(craft: Craft, day: date) -> int:
    """How many of the day's tables there are."""
    names = [partitions.name_of(table, day) for table in deliveries.PARTITIONED]
    return int(await craft.value("SELECT count(*) FROM pg_class WHERE relname = ANY($1)", names))


async def tried(database: Database, clock: Clock, status: int = 200) -> tuple[UUID, UUID]:
    """A delivery of the clock's time that was tried once: (event, webhook)."""
    craft = Craft(database, clock)
    webhook = await craft.hook(challenge_request_enabled=False)
    [event] = await craft.owe(webhook)
    [held] = await craft.drain()
    await craft.rounds.outcomes.record([await craft.attempt(held, reply(status, b"an answer"))])
    return event, webhook


@pytest.mark.parametrize(("seconds", "left"), [(KEPT - 1, 4), (KEPT, 0)])
async def test_a_day_is_over_at_its_end(database: Database, past: Clock, seconds: float, left: int) -> None:
    """A day leaves when its last moment is older than records are kept, and not a second earlier."""
    await tried(database, past)
    craft = aged(database, seconds)

    await craft.upkeep.prune(remembered=REMEMBERED)

    assert await there(craft, past().date()) == left


async def test_publishing_behind_a_long_read(craft: Craft, database: Database, past: Clock) -> None:
    """Whoever reads for long holds up the drop, and nobody behind it: an event that is published meanwhile is accepted."""
    await craft.hook()
    async with database.raw() as reader, reader.transaction():
        await reader.fetch("SELECT count(*) FROM events")
        dropping = asyncio.create_task(craft.upkeep.prune(remembered=REMEMBERED))
        while not await craft.value(WAITING) and not dropping.done():
            pass

        [receipt] = await craft.publish()

        await dropping
    assert (receipt.duplicate, await there(craft, past().date())) == (False, 4)


async def test_dropping_while_everybody_works(craft: Craft, database: Database, past: Clock) -> None:
    """A day leaves while events are published, claimed and recorded; none of that fails or waits for the other."""
    await craft.hook()

    async def work() -> None:
        for _ in range(15):
            await craft.publish(3)
            await craft.rounds.outcomes.record([await craft.attempt(held, reply(200)) for held in await craft.drain()])

    craft.clock.advance(2)
    await asyncio.gather(work(), craft.upkeep.prune(remembered=REMEMBERED))
    craft.clock.advance(5)
    await craft.rounds.outcomes.record([await craft.attempt(held, reply(200)) for held in await craft.drain()])

    assert (await craft.states(), await there(craft, past().date())) == ({"delivered": 45}, 0)


async def test_what_never_ends(database: Database, past: Clock) -> None:
    """What is sent again by hand for ever holds its day up as long as undelivered events are kept; then
    it ends expired (protocol.md 1.9)."""
    craft = Craft(database, past)
    webhook = await craft.hook(status="DISABLED", batching=True)
    await craft.owe(webhook, state="collecting")
    await craft.owe(webhook, state="owed", due_in=1e7)
    [leased] = await craft.owe(webhook, leased_until=past() + timedelta(days=400))
    waits, lets_go = aged(database, KEPT + UNDELIVERED - 1), aged(database, KEPT + UNDELIVERED)
    await waits.upkeep.prune(remembered=REMEMBERED)
    before = await craft.states()

    await lets_go.upkeep.prune(remembered=REMEMBERED)

    assert before == {"collecting": 1, "owed": 2} or before == {"expired": 1, "owed": 2}
    assert await craft.states() == {"expired": 2, "owed": 1}
    assert ((await craft.row(leased, webhook)).state, await there(craft, past().date())) == ("owed", 4)


async def test_batch_that_never_ends(database: Database, past: Clock) -> None:
    """A batch takes its members along."""
    craft = Craft(database, past)
    await craft.hook(batching=True)
    await craft.publish(3)
    past.advance(60)
    await craft.run_jobs()
    old = aged(database, KEPT + UNDELIVERED)
    day = past().date()

    async with database.raw() as connection:
        await retention.let_go(connection, day, now=old.clock(), chunk=10)

    assert await craft.states() == {"expired": 4}


async def test_payloads_leave_earlier(database: Database, past: Clock) -> None:
    """Past their own time bodies, headers and answers are gone; everything else of the day is as it was, and smaller."""
    event, webhook = await tried(database, past)
    craft = aged(database, 5 * DAY, payloads=5 * DAY)
    before = await craft.row(event, webhook)

    await craft.upkeep.prune(remembered=REMEMBERED)

    [kept] = await craft.fetch("SELECT id, source, type, workspace_id, body FROM events")
    [attempt] = await craft.fetch(
        "SELECT status, reason, request_headers, response_headers, response_body FROM attempts"
    )
    assert (kept["id"], kept["source"], kept["body"]) == (str(event), "//here", None)
    assert tuple(attempt) == (200, "200 OK", b"[]", None, None)
    assert (await craft.row(event, webhook), await there(craft, past().date())) == (before, 4)


@pytest.mark.parametrize(("seconds", "payloads"), [(5 * DAY - 1, 5 * DAY), (29 * DAY, 0)])
async def test_payloads_that_stay(database: Database, past: Clock, seconds: float, payloads: float) -> None:
    """Not a second earlier; and with no time of their own as long as the rest."""
    await tried(database, past)
    craft = aged(database, seconds, payloads=payloads)

    await craft.upkeep.prune(remembered=REMEMBERED)

    assert await craft.value("SELECT body FROM events") is not None
    assert await craft.value("SELECT response_body FROM attempts") == b"an answer"


async def test_payloads_of_an_unfinished_day(database: Database, past: Clock) -> None:
    """A day's payloads leave together, once nothing of it is unfinished: what waits for a retry keeps what it will send."""
    event, webhook = await tried(database, past, 503)
    craft = aged(database, 5 * DAY, payloads=DAY)
    await craft.upkeep.prune(remembered=REMEMBERED)
    waiting = await craft.value("SELECT count(body) FROM events")
    [held] = await craft.drain()
    await craft.rounds.outcomes.record([await craft.attempt(held, reply(200))])

    await craft.upkeep.prune(remembered=REMEMBERED)

    assert (waiting, await craft.value("SELECT count(body) FROM events")) == (1, 0)
    assert (await craft.row(event, webhook)).state == "delivered"


async def test_stripped_once(database: Database, past: Clock) -> None:
    """A day whose payloads have left is left alone, by two processes that look at once as well."""
    await tried(database, past)
    crafts = [aged(database, 5 * DAY, payloads=DAY) for _ in range(2)]
    await asyncio.gather(*(craft.upkeep.prune(remembered=REMEMBERED) for craft in crafts))
    tables = "SELECT relfilenode FROM pg_class WHERE relname = ANY($1) ORDER BY relname"
    names = [partitions.name_of(table, past().date()) for table in retention.STRIPPED]
    once = await crafts[0].fetch(tables, names)

    await crafts[0].upkeep.prune(remembered=REMEMBERED)

    assert await crafts[0].value("SELECT count(body) FROM events") == 0
    assert await crafts[0].fetch(tables, names) == once


async def test_late_record_of_a_stripped_day(database: Database, past: Clock) -> None:
    """A record that comes after the payloads have left is kept without its own."""
    craft = Craft(database, past)
    webhook = await craft.hook()
    [event] = await craft.owe(webhook)
    [held] = await craft.drain()
    ended = await craft.attempt(held, reply(200, b"an answer"))
    await craft.sql("UPDATE deliveries SET state = 'failed', leased_until = NULL, fence = fence + 1")
    await aged(database, 5 * DAY, payloads=DAY).upkeep.prune(remembered=REMEMBERED)

    await craft.rounds.outcomes.record([ended])

    [attempt] = await craft.fetch("SELECT status, request_headers, response_body FROM attempts")
    assert (tuple(attempt), (await craft.row(event, webhook)).state) == ((200, b"[]", None), "delivered")


async def test_stripped_day_is_whole(database: Database, past: Clock) -> None:
    """The table that took the day's place is a partition like any other: found by its index, and dropped with its day."""
    event, _ = await tried(database, past)
    day = past().date()
    craft = aged(database, KEPT, payloads=DAY)
    async with database.raw() as connection:
        stripped = await retention.strip(connection, day)
        days = await partitions.kept(connection, "events")
        plan = await connection.fetch("EXPLAIN SELECT id FROM events WHERE key = $1", event)

    await craft.upkeep.prune(remembered=REMEMBERED)

    assert (stripped, day in days, "Index Scan" in str(plan)) == (True, True, True)
    assert await there(craft, day) == 0


async def test_replay_of_a_batch_without_its_payload(database: Database, past: Clock) -> None:
    """A batch and its members lose their payloads together."""
    craft = Craft(database, past, retry_delays=(3.0,))
    await craft.hook(batching=True)
    ticket = await given_up(craft)
    async with database.raw() as connection:
        await connection.execute("DELETE FROM jobs")
        await retention.strip(connection, past().date())

    events = [ticket.event, *await members(craft, ticket.event)]
    assert await craft.value("SELECT count(*) FROM events WHERE key = ANY($1) AND body IS NULL", events) == 4
