"""What tests of batches do again and again.

What is expected of batches is left to those tests.
"""

from uuid import UUID

import msgspec

from delivery.attempts.endings import ClaimedDelivery
from delivery.reports.traces import Traces
from delivery.tickets import Job, JobKind, Ticket
from delivery.wire.parcels import Failure, Reply
from tests.delivery.craft import WORKSPACE, Craft
from tests.delivery.destinations import reply


async def nudged(craft: Craft) -> list[Ticket]:
    """Carries out the announced closings, and answers the tickets that were announced, which are taken away."""
    queued_jobs = [nudge for nudge in craft.announced if isinstance(nudge, Job) and nudge.kind is JobKind.BATCH]
    for queued_job in queued_jobs:
        await craft.jobs.run(queued_job)
    tickets = [nudge for nudge in craft.announced if isinstance(nudge, Ticket)]
    craft.announced.clear()
    return tickets


async def swept(craft: Craft) -> list[Ticket]:
    """As `nudged`, the nudges lost and found by the sweep."""
    craft.announced.clear()
    craft.announced.extend(queued_job for queued_job in await craft.queued_jobs() if queued_job.kind is JobKind.BATCH)
    return await nudged(craft)


async def closed(craft: Craft, count: int = 10) -> Ticket:
    """A batch of so many events, its minute being over."""
    await craft.publish(count)
    craft.clock.advance(craft.settings.batch_wait)
    [ticket] = await swept(craft)
    return ticket


async def sent(craft: Craft, ticket: Ticket, *answers: Reply | Failure) -> ClaimedDelivery:
    """Claims the parcel, sends it, and records what it came to."""
    [held] = await craft.claim(ticket)
    await craft.rounds.outcomes.record([await craft.attempt(held, *answers)])
    return held


async def given_up(craft: Craft, count: int = 3) -> Ticket:
    """A batch that failed as often as it may; its notice is written down."""
    ticket = await closed(craft, count)
    await sent(craft, ticket, reply(503))
    craft.clock.advance(4)
    [held] = await craft.drain()
    await craft.rounds.outcomes.record([await craft.attempt(held, reply(500))])
    return ticket


async def counted(traces: Traces, craft: Craft, parcel: UUID) -> set[tuple[tuple[str, int], ...]]:
    """How the deliveries of the members stand, as each member's trace tells it."""
    found = set()
    for event in await members(craft, parcel):
        trace = await traces.by_key(event, WORKSPACE)
        assert trace is not None
        found.add(tuple((str(state), count) for state, count in trace.deliveries.items() if count))
    return found


async def members(craft: Craft, parcel: UUID) -> list[UUID]:
    """The keys of its events."""
    found: list[UUID] = await craft.value("SELECT members FROM parcels WHERE id = $1", parcel)
    return found


async def parcels(craft: Craft) -> list[list[UUID]]:
    """The members of all parcels."""
    return [row["members"] for row in await craft.fetch("SELECT members FROM parcels ORDER BY id")]


def numbers(body: bytes) -> set[int]:
    """What the events of a batch have in them."""
    return {event["data"]["number"] for event in msgspec.json.decode(body)}
