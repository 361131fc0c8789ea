"""Spreads: an event with many webhooks is owed in chunks, exactly once whoever dies meanwhile (protocol.md 2.6)."""

import asyncio
import itertools
from collections.abc import Sequence

import pytest

from delivery.tickets import Job, Nudge, Ticket
from delivery.upkeep.jobs import LEASE
from subscriptions.ground.database import Database
from tests.clock import Clock
from tests.delivery.craft import Announce, Craft


def killed_by(announcement: int) -> Announce:
    """The end of a worker's process right after the commit of its n-th chunk, before its announcement."""
    count = itertools.count(1)

    def announce(_: Sequence[Nudge]) -> None:
        if next(count) == announcement:
            raise asyncio.CancelledError

    return announce


async def spread(craft: Craft) -> Job:
    """Publishes one event, and answers its spread."""
    await craft.publish()
    [queued_job] = craft.announced
    assert isinstance(queued_job, Job)
    craft.announced.clear()
    return queued_job


async def test_worker_killed_between_chunks(database: Database, clock: Clock, craft: Craft) -> None:
    """A spread of 2,000 whose worker is killed between chunks goes on after the lease: exactly 2,000 rows."""
    webhooks = await craft.hooks(2000)
    queued_job = await spread(craft)
    victim = Craft(database, clock, announce=killed_by(2))
    with pytest.raises(asyncio.CancelledError):
        await victim.jobs.run(queued_job)
    halfway = await craft.states()
    too_early = await craft.queued_jobs()
    clock.advance(LEASE + 1)

    [found] = await craft.queued_jobs()
    await craft.jobs.run(found)

    assert halfway == {"owed": 1000}
    assert too_early == []
    assert await craft.states() == {"owed": 2000}
    assert await craft.value("SELECT count(*) FROM spreads") == 0
    # The second chunk was committed but never announced: its rows are due, and the sweep finds them.
    assert [nudge.webhook for nudge in craft.announced if isinstance(nudge, Ticket)] == webhooks[1000:]
    assert await craft.queued_jobs() == []


async def test_overtaken_worker(database: Database, clock: Clock, craft: Craft) -> None:
    """A worker that stood still past its lease while another finished the spread adds nothing and announces nothing."""
    await craft.hooks(1200)
    queued_job = await spread(craft)
    other = Craft(database, clock)
    overtaking: list[asyncio.Task[None]] = []
    announced: list[Nudge] = []

    async def overtake() -> None:
        for found in await other.queued_jobs():
            await other.jobs.run(found)

    def stand_still(nudges: Sequence[Nudge]) -> None:
        announced.extend(nudges)
        if not overtaking:
            clock.advance(LEASE + 1)
            overtaking.append(asyncio.create_task(overtake()))

    slow = Craft(database, clock, announce=stand_still)

    await slow.jobs.run(queued_job)
    await overtaking[0]

    assert await craft.states() == {"owed": 1200}
    both = [*announced, *other.announced]
    assert len(both) == len(set(both)) == 1200
    assert await craft.value("SELECT count(*) FROM spreads") == 0


async def test_two_workers_with_one_ticket(database: Database, clock: Clock, craft: Craft) -> None:
    """Two workers that are handed the same spread at once: one carries it out."""
    await craft.hooks(600)
    queued_job = await spread(craft)
    other = Craft(database, clock)

    await asyncio.gather(craft.jobs.run(queued_job), other.jobs.run(queued_job))

    assert await craft.states() == {"owed": 600}
    assert sorted((len(craft.announced), len(other.announced))) == [0, 600]


async def test_who_gets_a_row(craft: Craft, clock: Clock) -> None:
    """A spread parks rows of webhooks that may not be sent to without announcing them, and skips deleted ones."""
    active = await craft.hooks(500)
    disabled = await craft.hooks(3, status="DISABLED")
    await craft.hooks(2, deleted_at=clock())
    queued_job = await spread(craft)

    await craft.jobs.run(queued_job)

    assert await craft.states() == {"owed": 500, "parked": 3}
    assert {n.webhook for n in craft.announced if isinstance(n, Ticket)} == set(active)
    for webhook in disabled:
        assert await craft.states(webhook) == {"parked": 1}


async def test_others_are_not_held_up(craft: Craft) -> None:
    """Beside a fan-out of thousands, an event with one webhook is owed in the transaction that accepts both."""
    await craft.hooks(1000)
    other = await craft.hook(subscribed="com.hpe.greenlake.compute.v1.servers.deleted")

    await asyncio.gather(
        craft.publish(), craft.intake.publish([craft.event(kind="com.hpe.greenlake.compute.v1.servers.deleted")])
    )

    assert await craft.states() == {"owed": 1}
    assert await craft.states(other) == {"owed": 1}


async def test_burst_of_fan_outs(craft: Craft, clock: Clock) -> None:
    """One transaction writes at most 5,000 rows: of a burst of events with 400 webhooks each, the
    rest is spread (protocol.md 2.6)."""
    await craft.hooks(400)

    await craft.publish(20)

    assert await craft.states() == {"owed": 4800}
    assert await craft.value("SELECT count(*) FROM spreads") == 8
    clock.advance(2)
    await craft.run_jobs()
    assert await craft.states() == {"owed": 8000}
