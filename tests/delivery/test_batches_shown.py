"""What is shown of batches and of the events in them, and their retry by hand (greenlake.md 1.5, D.14)."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from delivery.lifecycle import State
from delivery.reports.recent_deliveries import History, Retried
from delivery.reports.traces import Traces
from delivery.tickets import Ticket
from delivery.wire.parcels import Reply
from subscriptions.ground.database import Database
from subscriptions.ground.errors import Absent, Refused
from tests.clock import Clock
from tests.delivery.batching import closed, counted, given_up, members, nudged, sent, swept
from tests.delivery.craft import REMEMBERED, WORKSPACE, Craft
from tests.delivery.destinations import reply


@pytest.fixture
async def craft(database: Database, clock: Clock) -> AsyncIterator[Craft]:
    """With one wait, so that the second failure is the last."""
    async with Craft(database, clock, retry_delays=(3.0,)) as craft:
        yield craft


@pytest.fixture
def history(database: Database, clock: Clock, craft: Craft) -> History:
    return History(database, clock, craft.announced.extend)


@pytest.fixture
def traces(database: Database) -> Traces:
    return Traces(database)


@pytest.fixture(autouse=True)
async def hook(craft: Craft) -> UUID:
    return await craft.hook(batching=True)


async def test_recent_delivery(craft: Craft, history: History, hook: UUID) -> None:
    """A batch is one item with its own id, its events counted and its array as sent; its members are not listed."""
    ticket = await closed(craft, 3)
    await sent(craft, ticket, reply(503, b"busy"))

    items, total = await history.recent(WORKSPACE, hook, limit=10, offset=0)

    [item] = items
    [(parcel, _)] = craft.wire.sent
    assert total == 1
    assert (item.key, item.id, item.members) == (ticket.event, str(ticket.event), 3)
    assert (item.request_body, item.response_body) == (parcel.body, b"busy")
    assert (item.retrying, item.undelivered) == (True, True)


async def test_a_batch_is_no_event(craft: Craft, traces: Traces) -> None:
    """Nobody is shown a batch as an event, not even an operator."""
    ticket = await closed(craft)

    assert await traces.by_key(ticket.event, None) is None


async def test_retry_of_a_waiting_batch(craft: Craft, history: History, hook: UUID) -> None:
    """It is due now, and is sent once: the scheduled retry is this one."""
    ticket = await closed(craft, 3)
    await sent(craft, ticket, reply(503))

    _, retried = await history.retry(WORKSPACE, hook, ticket.event)
    [again] = await nudged(craft)
    by_ticket, by_drain = await asyncio.gather(craft.claim(again), craft.drain())

    [held] = by_ticket + by_drain
    await craft.rounds.outcomes.record([await craft.attempt(held)])
    assert retried is Retried.SUBMITTED
    assert await craft.states() == {"delivered": 4}
    assert len({parcel.body for parcel, _ in craft.wire.sent}) == 1


@pytest.mark.parametrize(("answer", "state"), [(reply(), "delivered"), (reply(410), "failed")])
async def test_retry_of_a_batch_given_up(
    craft: Craft, history: History, traces: Traces, hook: UUID, answer: Reply, state: str
) -> None:
    """The same bytes go out once more; meanwhile the members are under way again, and they end as this round ends."""
    ticket = await given_up(craft)
    craft.announced.clear()

    _, retried = await history.retry(WORKSPACE, hook, ticket.event)
    [again] = await nudged(craft)
    meanwhile = await counted(traces, craft, ticket.event)
    await sent(craft, again, answer)

    assert (retried, again) == (Retried.SUBMITTED, Ticket(ticket.event, hook, 1, 0))
    assert meanwhile == {(("bundled", 1),)}
    assert await counted(traces, craft, ticket.event) == {((state, 1),)}
    assert len({parcel.body for parcel, _ in craft.wire.sent}) == 1
    assert await craft.value("SELECT bool_and(settled) FROM parcels")


async def test_retry_of_a_member(craft: Craft, history: History, hook: UUID) -> None:
    """A member is no failure of its own, and what was delivered is not sent again."""
    ticket = await closed(craft, 3)
    [member, *_] = await members(craft, ticket.event)
    await sent(craft, ticket)

    with pytest.raises(Absent):
        await history.retry(WORKSPACE, hook, member)
    with pytest.raises(Refused, match="was delivered"):
        await history.retry(WORKSPACE, hook, ticket.event)


async def test_retry_while_paused(craft: Craft, history: History, hook: UUID, clock: Clock) -> None:
    """The retry of a batch given up waits, parked, for its webhook; its members wait with it, and expire with it."""
    ticket = await given_up(craft)
    await craft.sql("UPDATE webhooks SET status = 'DISABLED'")

    _, retried = await history.retry(WORKSPACE, hook, ticket.event)
    waiting = await craft.states()
    clock.advance(4 * 86400)
    await craft.upkeep.prune(remembered=REMEMBERED)
    await craft.upkeep.mend()

    assert (retried, waiting) == (Retried.WAITING, {"failed": 4, "parked": 1, "bundled": 3})
    assert await craft.states() == {"failed": 4, "expired": 4}


async def test_states_name_no_batch(craft: Craft, traces: Traces) -> None:
    """An event that goes to one webhook in a batch and to another by itself is counted at both."""
    await craft.hook()
    receipts = await craft.publish(2)
    craft.clock.advance(60)
    await swept(craft)

    found = [await traces.by_key(receipt.key, WORKSPACE) for receipt in receipts]

    for trace in found:
        assert trace is not None
        assert {s for s, count in trace.deliveries.items() if count} == {State.BUNDLED, State.OWED}
