"""What the machine, and the reading that it asks for, found once: each of them as short as it can be told."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from delivery.tickets import Job, JobKind
from delivery.upkeep.erasure import Erasure
from delivery.wire.parcels import Failure, Parcel, Reply
from delivery.wire.sender import Destination
from subscriptions.ground.database import Database
from subscriptions.webhooks.webhook import Change
from tests.clock import Clock
from tests.delivery.craft import WORKSPACE, Craft
from tests.delivery.destinations import reply

Answering = Callable[[Parcel, Destination], Awaitable[Reply | Failure]]


async def test_process_that_stood_still_since_its_claim(craft: Craft, database: Database, clock: Clock) -> None:
    """An attempt that could outlast its lease does not begin: another process may be sending it by then (protocol.md 4.3)."""
    webhook = await craft.hook()
    await craft.owe(webhook)
    [held] = await craft.drain()
    in_time = await craft.rounds.claims.turn(held)
    clock.advance(craft.settings.lease_margin)
    at_last = await craft.rounds.claims.turn(held)
    clock.advance(0.001)

    turn = await craft.rounds.claims.turn(held)

    assert (in_time, at_last, turn) == (True, True, False)
    clock.advance(craft.settings.delivery_timeout)
    assert len(await Craft(database, clock).drain()) == 1


@pytest.mark.parametrize("waits", [0.4, 0.0], ids=["it woke late", "it began late"])
async def test_process_that_stood_still_at_a_send_time(craft: Craft, clock: Clock, waits: float) -> None:
    """It looks again whether its webhook may be sent to, however near its send time was: the lease lets it begin 5
    s after that (protocol.md 4.8)."""
    webhook = await craft.hook(endpoint_rate_limit=60, challenge_request_enabled=False)
    await craft.sql("UPDATE webhooks SET next_at = $1", clock() + timedelta(seconds=4))
    await craft.owe(webhook)
    [held] = await craft.drain()
    clock.advance(4 - waits)

    async def oversleep(_: float) -> None:
        clock.advance(4.9)

    sleeper = Craft(craft.database, clock, sleep=oversleep)
    if not waits:
        await oversleep(0)
    while_active = await sleeper.rounds.claims.turn(held)
    clock.advance(-4.9 if waits else 0)
    await craft.webhook_lifecycle.change(WORKSPACE, webhook, Change(paused=True))

    assert (while_active, await sleeper.rounds.claims.turn(held)) == (True, False)


async def test_given_back_after_its_lease(craft: Craft, database: Database, clock: Clock) -> None:
    """A claim that is given back so late that another process has the row changes nothing."""
    webhook = await craft.hook()
    [event] = await craft.owe(webhook)
    [held] = await craft.drain()
    clock.advance(30)
    await Craft(database, clock).drain()
    before = await craft.row(event, webhook)

    await craft.rounds.claims.give_back([held])

    assert await craft.row(event, webhook) == before


async def test_probe_that_fails_after_its_webhook_healed_and_was_deleted(craft: Craft) -> None:
    """Its row was in somebody's hands when the others were cancelled, and is parked after that: the slow sweep ends it."""
    webhook = await craft.hook(status="ERROR")
    [event] = await craft.owe(webhook, state="parked")
    held = await craft.rounds.claims.probe(webhook)
    assert held is not None
    await craft.webhook_lifecycle.verify(WORKSPACE, webhook)
    await craft.webhook_lifecycle.remove(WORKSPACE, webhook, force=True)
    await craft.run_jobs()
    await craft.rounds.outcomes.record([await craft.attempt(held, reply(503))])
    left = (await craft.row(event, webhook)).state

    await craft.upkeep.mend()
    await craft.run_jobs()

    assert (left, (await craft.row(event, webhook)).state) == ("parked", "cancelled")


async def test_batch_of_the_same_millisecond(craft: Craft, clock: Clock) -> None:
    """An event's erasure finds its batches where they were closed as it came in, or by a clock that lags behind."""
    webhooks = await craft.hooks(8, batching=True)
    await craft.publish(2)
    clock.advance(-1)
    for webhook in webhooks:
        await craft.webhook_lifecycle.change(WORKSPACE, webhook, Change(batching=False))
        await craft.jobs.run(Job(kind=JobKind.BATCH, key=webhook, fence=0))
    clock.advance(1)
    [erased, _] = await craft.fetch("SELECT key FROM events WHERE type <> '' ORDER BY key")

    await Erasure(craft.database, clock, craft.announced.extend).event(erased["key"])

    assert await craft.value("SELECT count(*) FROM parcels") == 8
    assert await craft.value("SELECT count(*) FROM parcels WHERE $1 = ANY(members)", erased["key"]) == 0


async def test_challenge_of_before_a_pause(craft: Craft) -> None:
    """Its end takes nothing from the challenge that an enable put in its place, which counts its own attempts."""
    webhook = await craft.hook(status="PENDING", destination="http://127.0.0.1:9/old")
    await craft.upkeep.mend()
    answers = [asyncio.Event(), asyncio.Event()]
    craft.wire.answering = _one_after_the_other(answers)
    first = asyncio.create_task(craft.challenge(webhook))
    await _asked(craft, 1)
    await craft.webhook_lifecycle.change(WORKSPACE, webhook, Change(paused=True))
    await craft.webhook_lifecycle.change(WORKSPACE, webhook, Change(paused=False))
    second = asyncio.create_task(craft.challenge(webhook))
    await _asked(craft, 2)

    answers[0].set()
    await first
    answers[1].set()
    await second

    [challenge] = await craft.fetch("SELECT purpose, tries FROM challenges WHERE webhook = $1", webhook)
    assert (challenge["purpose"], challenge["tries"]) == ("greet", 1)


def _one_after_the_other(answers: list[asyncio.Event]) -> Answering:
    """Each request is refused as soon as its turn is given."""
    waiting = iter(answers)

    async def refuse(_: Parcel, __: Destination) -> Reply | Failure:
        await next(waiting).wait()
        return reply(500)

    return refuse


async def _asked(craft: Craft, times: int) -> None:
    while len(craft.wire.sent) < times:  # noqa: ASYNC110  the wire keeps what was sent, and calls nobody
        await asyncio.sleep(0.001)
