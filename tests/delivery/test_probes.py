"""Probes of a webhook in ERROR that has no challenges: one of its own deliveries at a time (protocol.md, Probe)."""

import asyncio
from datetime import timedelta

from subscriptions.database import Database
from tests.clock import Clock
from tests.delivery.craft import Craft
from tests.delivery.destinations import OLD, Gate, reply


async def test_probe_without_challenges(craft: Craft, clock: Clock) -> None:
    """An ERROR webhook without challenges is probed with one delivery at a time, not counted among its row's tries."""
    webhook = await craft.hook(status="ERROR", challenge_request_enabled=False, halted_since=clock())
    events = await craft.owe(webhook, 3, state="parked")
    await craft.upkeep.mend()
    waits = []
    for _ in range(3):
        craft.wire.answers.append(reply(503))
        await craft.greet(webhook)
        waits.append((await craft.value("SELECT due_at FROM challenges") - clock()).total_seconds())
        assert await craft.status(webhook) == "ERROR"

    assert waits == [120, 240, 480]
    assert [parcel.id for parcel, _ in craft.wire.sent] == [str(events[0])] * 3
    row = await craft.row(events[0], webhook)
    assert (row.state, row.attempts, row.due_at) == ("parked", 0, None)
    assert await craft.states() == {"parked": 3}


async def test_probe_that_succeeds(craft: Craft, clock: Clock) -> None:
    """A probe that succeeds delivers its row, makes the webhook ACTIVE and wakes the rest."""
    webhook = await craft.hook(status="ERROR", challenge_request_enabled=False, halted_since=clock(), failures=21)
    events = await craft.owe(webhook, 3, state="parked")
    await craft.upkeep.mend()
    clock.advance(3600)

    await craft.greet(webhook)
    await craft.run_jobs()

    assert await craft.status(webhook) == "ACTIVE"
    assert (await craft.row(events[0], webhook)).state == "delivered"
    assert await craft.states() == {"delivered": 1, "owed": 2}
    [row] = await craft.fetch("SELECT failures, halted_seconds, halted_since FROM webhooks")
    assert tuple(row) == (0, 3600, None)
    assert [row["purpose"] for row in await craft.fetch("SELECT purpose FROM challenges")] == ["heartbeat"]


async def test_one_probe_at_a_time(craft: Craft, database: Database, clock: Clock) -> None:
    """While a probe is in flight no other process begins one, and drains take nothing of an ERROR webhook."""
    webhook = await craft.hook(status="ERROR", challenge_request_enabled=False, destination=OLD)
    await craft.owe(webhook, 2, state="parked")
    await craft.upkeep.mend()
    [errand] = await craft.errands()
    gate, other = Gate(), Craft(database, clock)
    craft.wire.answering = gate
    probing = asyncio.create_task(craft.greeting.greet(errand, craft.probe))
    await gate.asked.wait()

    await other.greeting.greet(errand, other.probe)
    found, drained = await other.errands(), await other.drain()
    gate.open.set()
    await probing

    assert (other.wire.sent, found, drained) == ([], [], [])
    assert await craft.states() == {"delivered": 1, "parked": 1}


async def test_probe_of_a_healthy_webhook(craft: Craft) -> None:
    """A probe takes nothing of a webhook that is in ERROR no more."""
    webhook = await craft.hook(challenge_request_enabled=False)
    await craft.owe(webhook)

    assert await craft.rounds.probe(webhook) is None


async def test_probe_with_nothing_owed(craft: Craft, clock: Clock) -> None:
    """Without anything to probe with the webhook stays ERROR, and is looked at again at the same interval."""
    webhook = await craft.hook(status="ERROR", challenge_request_enabled=False)
    await craft.upkeep.mend()

    await craft.greet(webhook)
    await craft.greet(webhook)

    [row] = await craft.fetch("SELECT tries, due_at FROM challenges")
    assert (row["tries"], row["due_at"]) == (0, clock() + timedelta(seconds=60))


async def test_killed_while_it_probes(craft: Craft, clock: Clock) -> None:
    """A probe whose process died leaves its row owed under a lapsed lease: the next probe, or a drain, takes care of it."""
    webhook = await craft.hook(status="ERROR", challenge_request_enabled=False)
    [event] = await craft.owe(webhook, state="parked")
    await craft.rounds.probe(webhook)
    clock.advance(20)

    drained = await craft.drain()

    assert drained == []
    assert (await craft.row(event, webhook)).state == "parked"
    assert await craft.probe(webhook) is True
