"""The engine over a real database: what it claims under its limits, and what it leaves when it ends."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import pytest

from delivery.ledger.claims import paces
from delivery.ledger.claims.claiming import Claim
from delivery.ledger.claims.foreign import Foreign
from delivery.tickets import Job, Ticket
from subscriptions.ground import event_keys
from tests.clock import Clock
from tests.delivery.craft import Craft
from tests.workers.carrying import SHARE, Hanging, Slow, claims, engine_of, sweeping
from workers.engine import Engine


async def test_all_slots_taken(craft: Craft) -> None:
    """With every slot taken nothing is claimed, for a lease never runs in a queue; slots that come free are
    used at once (protocol.md 4.1)."""
    engine = engine_of(craft, in_flight=8)
    hanging, other = await craft.hook(), await craft.hook()
    [slow], waiting = await craft.owe(hanging), await craft.owe(other, 5)
    wire = craft.wire.answering = Hanging(hanging)
    await engine.deliver([Ticket(slow, hanging, 0, 0)])
    await wire.until(lambda: wire.hanging == 1)
    reserved = sum(engine.slots.reserve(8, 0.0) for _ in range(2))

    await engine.deliver([Ticket(event, other, 0, 0) for event in waiting])
    while_all_hung = await claims(craft, other)
    async with sweeping(engine):
        engine.slots.give_back(reserved - 1)
        wire.let_go()
        await wire.until(lambda: wire.arrived == 5)
    await engine.close(5.0)

    assert while_all_hung == 0
    assert await craft.states(other) == {"delivered": 5}


async def test_hundreds_of_tickets(craft: Craft) -> None:
    """Tickets beyond a healthy webhook's share are waited with: all are delivered without a sweep, each once."""
    engine = engine_of(craft, patience=30.0)
    webhook = await craft.hook()
    events = await craft.owe(webhook, 400, due_in=3600)
    tickets = [Ticket(event, webhook, 0, 0) for event in events]

    await engine.deliver([*tickets, *tickets[:50]])
    await engine.close(30.0)

    assert await craft.states() == {"delivered": 400}
    assert len(craft.wire.sent) == 400
    assert engine.slots.free == 500


async def test_foreign_tickets(craft: Craft, engine: Engine, caplog: pytest.LogCaptureFixture) -> None:
    """Tickets that name no delivery of this database, as a copy's would, are counted and told once, with what to do; old and
    repeated ones are not, and those that come with them are delivered."""
    webhook = await craft.hook()
    [first, second, third] = await craft.owe(webhook, 3, due_in=3600)
    old = Ticket(first, webhook, 0, 17)
    await engine.deliver([old, Ticket(second, webhook, 0, 0), Ticket(second, webhook, 0, 0)])
    before = craft.rounds.claims.foreign.count
    craft.rounds.claims.foreign = Foreign()

    for _ in range(3):
        await engine.deliver([Ticket(event_keys.new(craft.clock()), webhook, 0, 0) for _ in range(5)])
    await engine.deliver([old, Ticket(third, webhook, 0, 0), Ticket(third, uuid4(), 0, 0)])
    await engine.close(30.0)

    assert (before, craft.rounds.claims.foreign.count) == (0, 16)
    assert await craft.states() == {"owed": 1, "delivered": 2}
    [told] = [record.getMessage() for record in caplog.records if record.getMessage().startswith("tickets.foreign")]
    assert "dropped=5 in_all=5" in told
    assert "give each its own" in told


async def test_a_backlog_of_one_webhook(craft: Craft, engine: Engine) -> None:
    """A drain goes on as answers make room, also those that came while it asked for rows: it does not wait for its next look,
    four times a second, with each share of one webhook.
    """
    webhook = await craft.hook()
    await craft.owe(webhook, 600, due_in=-1)

    await engine.drain()
    await engine.close(5.0)

    assert await craft.states() == {"delivered": 600}


async def test_a_backlog_without_a_pace(craft: Craft, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a drain finds rows of webhooks without a rate, it looks for those of others once in a while, not at each step."""
    monkeypatch.setattr("workers.engine.PACED_AGAIN", 3600.0)
    looks, claim = 0, paces.claim

    async def counted(*args: Any, **more: Any) -> Claim:
        nonlocal looks
        looks += 1
        return await claim(*args, **more)

    monkeypatch.setattr(paces, "claim", counted)
    await craft.owe(await craft.hook(), 6 * SHARE, due_in=-1)

    await engine.drain()
    await engine.close(5.0)

    assert await craft.states() == {"delivered": 6 * SHARE}
    # The first step, and those that found nothing; each of the six and each that found nothing would be thirteen.
    assert looks <= 3


async def test_a_backlog_that_takes_long(craft: Craft, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """A drain goes on while it finds rows, also those of a day that began meanwhile: the next message
    may take seconds (protocol.md 3.3)."""
    monkeypatch.setattr("workers.engine.DAYS_ANEW", 0.05)
    engine = engine_of(craft, in_flight=4)
    webhook = await craft.hook()
    await craft.owe(webhook, 60, due_in=-1)
    wire = craft.wire.answering = Slow(0.02)

    draining = asyncio.create_task(engine.drain())
    await wire.until(lambda: wire.arrived >= 10)
    clock.advance(86400)
    await craft.upkeep.make_partitions()
    await craft.owe(webhook, 1, due_in=-1)
    during = engine.free
    await draining
    await engine.close(5.0)

    assert await craft.states() == {"delivered": 61}
    assert (during, engine.free) == (0, 4)


async def test_nothing_is_left_to_drain(craft: Craft, monkeypatch: pytest.MonkeyPatch) -> None:
    """A drain ends where all that is due is in flight, though a webhook has its whole share of it and does not answer."""
    monkeypatch.setattr("workers.engine.DAYS_ANEW", 0.05)
    engine = engine_of(craft)
    webhook = await craft.hook()
    await craft.owe(webhook, SHARE, due_in=-1)
    wire = craft.wire.answering = Hanging(webhook)

    async with asyncio.timeout(10):
        await engine.drain()
    hanging, free = wire.hanging, engine.free
    wire.let_go()
    await engine.close(5.0)

    assert (hanging, free) == (SHARE, 500 - SHARE)


async def test_old_and_foreign_tickets(craft: Craft, engine: Engine) -> None:
    """Tickets that claim nothing give their slots back."""
    webhook = await craft.hook()
    [event] = await craft.owe(webhook, fence=3)

    await engine.deliver([Ticket(event, webhook, 0, fence) for fence in (0, 1, 2)])

    assert (engine.slots.free, craft.wire.sent) == (500, [])


async def test_a_closing_engine_gives_back_what_is_left(craft: Craft, clock: Clock) -> None:
    """An engine that closes lets attempts end within its grace, gives the rest back to the rows, and begins nothing more."""
    engine = engine_of(craft)
    quick, hanging = await craft.hook(), await craft.hook()
    await craft.owe(quick, 3)
    [stuck] = await craft.owe(hanging, 1)
    wire = craft.wire.answering = Hanging(hanging)
    await engine.deliver(
        [Ticket(row["event"], row["webhook"], 0, 0) for row in await craft.fetch("SELECT * FROM deliveries")]
    )
    await wire.until(lambda: wire.hanging == 1 and wire.arrived == 3)

    await engine.close(0.1)
    late = await craft.owe(quick, 1)
    await engine.deliver([Ticket(late[0], quick, 0, 0)])
    await engine.drain()

    assert await craft.states(quick) == {"delivered": 3, "owed": 1}
    row = await craft.row(stuck, hanging)
    assert (row.state, row.leased_until, row.due_at, row.lost, row.attempts) == ("owed", None, clock(), 0, 0)


async def test_probe_without_a_slot(craft: Craft) -> None:
    """A probe that finds no slot says that it proved nothing, and leaves its row alone."""
    engine = engine_of(craft, in_flight=1)
    webhook = await craft.hook(status="ERROR", challenge_request_enabled=False)
    [event] = await craft.owe(webhook, state="parked")
    engine.slots.reserve(1, 0.0)

    proved = await engine.probe(webhook)

    assert proved is None
    assert (await craft.row(event, webhook)).fence == 0


async def test_jobs_are_carried(craft: Craft) -> None:
    """Jobs are carried on the engine's loop; one that fails fails alone."""
    done: asyncio.Queue[Job] = asyncio.Queue()

    async def carry(job: Job) -> None:
        if job.fence < 0:
            raise RuntimeError("this one cannot be carried")
        await craft.jobs.run(job)
        done.put_nowait(job)

    engine = engine_of(craft, carry)
    webhook = await craft.hook()
    await craft.owe(webhook, 3, state="parked")
    await craft.upkeep.mend()
    [job] = await craft.queued_jobs()

    engine.job(Job(kind=job.kind, key=UUID(int=0), fence=-1))
    engine.job(job)

    assert await done.get() == job
    assert await craft.states() == {"owed": 3}
    await engine.close(0.0)


async def test_no_room_for_connections(craft: Craft, engine: Engine) -> None:
    """A process without file descriptors claims nothing, neither by ticket nor by drain, has no slot to offer, and spends no
    attempt; once there is room it goes on."""
    webhook = await craft.hook()
    owed = await craft.owe(webhook, 3, due_in=-1)
    craft.wire.lacking = True
    await engine.deliver([Ticket(event, webhook, 0, 0) for event in owed])
    await engine.drain()
    lacking = (engine.free, await claims(craft, webhook))
    craft.wire.lacking = False
    await engine.drain()

    assert lacking == (0, 0)
    assert await claims(craft, webhook) == 3


async def test_a_missing_vault_key(craft: Craft, engine: Engine) -> None:
    """With the vault's key missing a process claims nothing, neither by ticket nor by drain, and has no slot to offer;
    once it has the key it goes on."""
    webhook = await craft.hook()
    owed = await craft.owe(webhook, 3, due_in=-1)
    engine.barred = "secrets of webhooks are sealed with two"
    await engine.deliver([Ticket(event, webhook, 0, 0) for event in owed])
    await engine.drain()
    barred = (engine.free, await claims(craft, webhook))
    engine.barred = None
    await engine.drain()

    assert barred == (0, 0)
    assert (engine.free, await claims(craft, webhook)) == (500 - engine.slots.in_flight, 3)
