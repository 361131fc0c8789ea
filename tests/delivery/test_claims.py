"""Claims by ticket and by name: who may take a row, and what taking does to it (protocol.md 4)."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from delivery.tickets import Ticket
from subscriptions.ground.clock import DatabaseClock
from subscriptions.ground.database import Database
from tests.clock import Clock
from tests.delivery.craft import Craft
from tests.delivery.destinations import TIMED_OUT, reply

#: The delivery deadline and its margin, as they are set by default.
LEASE = 20.0


async def test_claim_by_ticket(craft: Craft, clock: Clock) -> None:
    """A ticket claims whatever the due time says: the fence rises, and the lease lasts the deadline
    and a margin (protocol.md 1.4, 4.2, 4.3)."""
    webhook = await craft.hook()
    [event] = await craft.owe(webhook, due_in=3600)

    held = await craft.claim(Ticket(event, webhook, 0, 0))

    assert [(h.key, h.hook.destination) for h in held] == [((event, webhook, 0, 1), "http://127.0.0.1:9/hook")]
    row = await craft.row(event, webhook)
    assert (row.state, row.fence, row.leased_until) == ("owed", 1, clock() + timedelta(seconds=LEASE))


@pytest.mark.parametrize("fence", [0, 1, 3], ids=["older", "just before", "of the future"])
async def test_old_ticket(craft: Craft, fence: int) -> None:
    """A ticket with another fence than its row's claims nothing and changes nothing."""
    webhook = await craft.hook()
    [event] = await craft.owe(webhook, fence=2)
    before = await craft.row(event, webhook)

    held = await craft.claim(Ticket(event, webhook, 0, fence))

    assert held == []
    assert await craft.row(event, webhook) == before


async def test_ticket_told_twice(craft: Craft, database: Database, clock: Clock) -> None:
    """A ticket that two processes hold, or one holds twice, claims its row once."""
    webhook = await craft.hook()
    [event] = await craft.owe(webhook)
    ticket, other = Ticket(event, webhook, 0, 0), Craft(database, clock)

    claims = await asyncio.gather(craft.claim(ticket, ticket), other.claim(ticket))

    assert sorted(len(held) for held in claims) == [0, 1]
    assert (await craft.row(event, webhook)).fence == 1


@pytest.mark.parametrize("state", ["parked", "collecting", "bundled", "delivered", "failed", "cancelled", "expired"])
async def test_state_that_admits_no_claim(craft: Craft, state: str) -> None:
    """Only owed rows are claimed, neither by ticket nor by drain (protocol.md 7.1)."""
    webhook = await craft.hook()
    [event] = await craft.owe(webhook, state=state, due_at=craft.clock())

    held = await craft.claim(Ticket(event, webhook, 0, 0)) + await craft.drain()

    assert held == []
    assert await craft.states() == {state: 1}


@pytest.mark.parametrize("by", ["ticket", "drain"])
@pytest.mark.parametrize("status", ["PENDING", "ERROR", "DISABLED"])
async def test_claim_of_a_webhook_that_may_not_be_sent_to(craft: Craft, status: str, by: str) -> None:
    """The claim that finds it parks the row: no due time, the fence unchanged (protocol.md 4.5)."""
    webhook = await craft.hook(status=status)
    [event] = await craft.owe(webhook, fence=4)

    held = await (craft.claim(Ticket(event, webhook, 0, 4)) if by == "ticket" else craft.drain())

    assert held == []
    row = await craft.row(event, webhook)
    assert (row.state, row.due_at, row.leased_until, row.fence) == ("parked", None, None, 4)


@pytest.mark.parametrize("by", ["ticket", "drain"])
async def test_claim_of_a_deleted_webhook(craft: Craft, clock: Clock, by: str) -> None:
    """The claim that finds it cancels the row (protocol.md 4.5)."""
    webhook = await craft.hook(deleted_at=clock())
    [event] = await craft.owe(webhook)

    held = await (craft.claim(Ticket(event, webhook, 0, 0)) if by == "ticket" else craft.drain())

    assert held == []
    row = await craft.row(event, webhook)
    assert (row.state, row.due_at, row.ended_at) == ("cancelled", None, clock())


async def test_live_lease(craft: Craft, clock: Clock) -> None:
    """While a lease lasts nobody else takes the row; the drain after its end does, and counts one lost attempt."""
    webhook = await craft.hook()
    [event] = await craft.owe(webhook)
    await craft.drain()
    clock.advance(LEASE - 1)
    during = await craft.drain() + await craft.claim(Ticket(event, webhook, 0, 1))
    clock.advance(1)

    [held] = await craft.drain()

    assert during == []
    assert (held.claimed.fence, held.claimed.attempts) == (2, 0)
    assert (await craft.row(event, webhook)).lost == 1


async def test_lost_tries_wait(craft: Craft, clock: Clock) -> None:
    """From the third lost attempt on the row waits 1, 2, 4 ... minutes before it is taken again (protocol.md 4.4)."""
    webhook = await craft.hook()
    [event] = await craft.owe(webhook)
    await craft.drain()
    waits = []
    for lost in range(1, 7):
        clock.advance(LEASE)
        held = await craft.drain()
        row = await craft.row(event, webhook)
        assert (row.lost, row.state, bool(held)) == (lost, "owed", lost < 3)
        if not held:
            assert row.due_at is not None
            waits.append((row.due_at - clock()).total_seconds())
            clock.advance(waits[-1] - 1)
            assert await craft.drain() == []
            clock.advance(1)
            assert len(await craft.drain()) == 1

    assert waits == [60, 120, 240, 480]


async def test_lost_tries_never_wait_long(craft: Craft, clock: Clock) -> None:
    """They wait an hour or so at most: twenty of them last half a day, as a delivery that fails does (protocol.md 4.4)."""
    webhook = await craft.hook()
    lost = (8, 9, 18)
    events = [(await craft.owe(webhook, lost=before, leased_until=clock()))[0] for before in lost]

    assert await craft.drain() == []

    rows = [await craft.row(event, webhook) for event in events]
    assert [row.lost for row in rows] == [9, 10, 19]
    assert [row.due_at for row in rows] == [clock() + timedelta(minutes=64)] * 3


async def test_twentieth_lost_try(craft: Craft, clock: Clock) -> None:
    """At twenty lost tries the claim gives the row up in place, and its notice is owed and told as an event (protocol.md 4.4)."""
    webhook = await craft.hook()
    [event] = await craft.owe(webhook, lost=19, fence=30, leased_until=clock())
    told = "com.hpe.greenlake.events.v1beta1.webhooks.delivery-failed"
    listener = await craft.hook(subscribed=told)

    held = await craft.drain()
    await craft.run_jobs()

    assert held == []
    row = await craft.row(event, webhook)
    assert (row.state, row.lost, row.due_at, row.leased_until) == ("failed", 20, None, None)
    assert row.reason == "the process that sent it was lost 20 times"
    assert row.ended_at == clock()
    assert await craft.states(listener) == {"owed": 1}
    assert await craft.value("SELECT count(*) FROM jobs") == 0


async def test_lost_try_is_no_attempt(craft: Craft, clock: Clock) -> None:
    """A lost attempt uses up none of the schedule: the next one that ends is the first attempt."""
    webhook = await craft.hook()
    [event] = await craft.owe(webhook)
    await craft.drain()
    clock.advance(LEASE)
    [held] = await craft.drain()

    await craft.rounds.outcomes.record([await craft.attempt(held, reply(503))])

    row = await craft.row(event, webhook)
    assert (row.attempts, row.lost, row.due_at) == (1, 1, clock() + timedelta(seconds=3))


async def test_erased_payload(craft: Craft) -> None:
    """A row whose payload was erased ends expired with its claim; nothing is sent."""
    webhook = await craft.hook()
    [event] = await craft.owe(webhook)
    await craft.sql("UPDATE events SET body = NULL WHERE key = $1", event)
    [held] = await craft.drain()

    await craft.rounds.outcomes.record([await craft.attempt(held)])

    row = await craft.row(event, webhook)
    assert (row.state, row.reason) == ("expired", "its payload was erased")
    assert craft.wire.sent == []


async def test_given_back(craft: Craft, clock: Clock) -> None:
    """A claim that is given back is due at once for anybody, counts as nothing, and its old
    fence is worthless (protocol.md 1.4)."""
    webhook = await craft.hook()
    [event] = await craft.owe(webhook)
    [held] = await craft.drain()

    await craft.rounds.claims.give_back([held])

    row = await craft.row(event, webhook)
    assert (row.state, row.due_at, row.leased_until, row.attempts, row.lost) == ("owed", clock(), None, 0, 0)
    await craft.rounds.outcomes.record([await craft.attempt(held, TIMED_OUT)])
    assert (await craft.row(event, webhook)).attempts == 0
    assert len(await craft.drain()) == 1


async def test_clock_follows_the_database(craft: Craft, database: Database) -> None:
    """Every answer of a claim, a record and a report brings the database's time, and a process's
    clock follows it (protocol.md 1.7)."""
    webhook = await craft.hook()
    [event] = await craft.owe(webhook)

    [held] = await craft.claim(Ticket(event, webhook, 0, 0))
    await craft.rounds.outcomes.record([await craft.attempt(held)])
    await craft.upkeep.report("worker", slots=1, free=1)

    assert len(craft.told.followed) == 3
    assert craft.told.followed == sorted(craft.told.followed)
    wrong = DatabaseClock(wall=lambda: 0.0, steady=lambda: 1000.0)
    wrong.follow(craft.told.followed[0])
    assert wrong() == craft.told.followed[0]


def test_clock_after_a_sleep() -> None:
    """A process whose wall clock and monotonic clock part by over a second knows that it slept, until it is
    told the time (protocol.md 1.7)."""
    wall, steady = [5000.0], [100.0]
    clock = DatabaseClock(wall=lambda: wall[0], steady=lambda: steady[0])
    before = datetime.fromtimestamp(5000.0, UTC)
    clock.follow(before)
    wall[0] += 3600
    steady[0] += 1

    slept = clock.slept()
    clock.follow(before + timedelta(hours=1))

    assert (slept, clock.slept()) == (True, False)
    assert clock() == before + timedelta(hours=1)


async def test_without_its_subscription(craft: Craft) -> None:
    """What was matched is owed to the webhook: a subscription that is deleted by then changes nothing (protocol.md 2.3)."""
    webhook = await craft.hook()
    await craft.publish(2)
    await craft.sql("DELETE FROM subscriptions")

    held = await craft.claim(*craft.announced)  # type: ignore[arg-type]  # tickets alone are announced here
    await craft.rounds.outcomes.record([await craft.attempt(each) for each in held])
    await craft.publish()

    assert await craft.states(webhook) == {"delivered": 2}
