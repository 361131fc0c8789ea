"""What webhooks that hang, refuse or flood take from the others of one process: their share, and no more."""

import asyncio
from collections import deque
from datetime import timedelta
from uuid import UUID

import pytest

from delivery.tickets import Ticket
from subscriptions.ground.database import Database
from subscriptions.webhooks.webhook import Change
from tests.clock import Clock
from tests.delivery.craft import WORKSPACE, Craft
from tests.delivery.destinations import NEW, OLD, Gate
from tests.workers.carrying import OTHER, SHARE, Hanging, Refusing, claims, engine_of, sweeping
from workers.engine import Engine
from workers.webhook_slots import Circuit


async def test_one_webhook_hangs(craft: Craft, engine: Engine) -> None:
    """10,000 rows owed to a webhook that hangs: however often one sweeps, claims of it stay at its share and shrink with
    its time-outs, and each row of a healthy one beside it arrives."""
    hanging, healthy = await craft.hook(), await craft.hook(workspace=OTHER)
    owed = await craft.owe(hanging, 10_000, due_in=-60)
    wire = craft.wire.answering = Hanging(hanging)
    async with sweeping(engine):
        for turn in (1, 2, 3):
            await craft.owe(healthy, 20)
            # Tickets of the hanging one come along as well: those beyond its share are dropped.
            await engine.deliver([Ticket(event, hanging, 0, 0) for event in owed[9000 : 9000 + 200 * turn]])
            await wire.until(lambda turn=turn: wire.arrived == 20 * turn)  # type: ignore[misc]  # bound at once
        while_it_hung = await claims(craft, hanging)
        wire.let_go()
        await wire.until(lambda: wire.hanging == 1)
        await craft.owe(healthy, 20)
        await wire.until(lambda: wire.arrived == 80)

    assert while_it_hung == SHARE
    # 64 time-outs halved the share to one, so one more try began, and no other.
    assert await claims(craft, hanging) - await recorded(craft, hanging) == SHARE + 1
    assert await craft.value("SELECT count(*) FROM deliveries WHERE webhook = $1 AND fence = 0", hanging) == 9935


async def recorded(craft: Craft, webhook: UUID) -> int:
    """A record that puts a row off raises its fence too."""
    return int(await craft.value("SELECT sum(attempts) FROM deliveries WHERE webhook = $1", webhook))


async def test_yesterdays_backlog(database: Database, clock: Clock, craft: Craft, engine: Engine) -> None:
    """Rows of yesterday that wait for a webhook that hangs do not hold up what is due of today (protocol.md 3.3)."""
    hanging, healthy = await craft.hook(), await craft.hook(workspace=OTHER)
    yesterday = Clock()
    yesterday.now = clock() - timedelta(days=1)
    await Craft(database, yesterday).owe(hanging, 1000)
    await craft.owe(healthy, 300)
    wire = craft.wire.answering = Hanging(hanging)

    async with sweeping(engine):
        await wire.until(lambda: wire.arrived == 300)

    assert await claims(craft, hanging) == SHARE


async def test_hundreds_hang(craft: Craft) -> None:
    """A hundred webhooks that hang hold three quarters of a process's slots at most, whether they come by ticket or by
    drain, and nothing beside them waits."""
    engine = engine_of(craft, in_flight=40)
    healthy, hanging = await craft.hook(workspace=OTHER), await craft.hooks(100)
    wire = craft.wire.answering = Hanging(*hanging)
    [first] = await craft.owe(healthy)
    await engine.deliver([Ticket(first, healthy, 0, 0)])
    await wire.until(lambda: wire.arrived == 1)
    for webhook in hanging:
        await craft.owe(webhook)
    rows = await craft.fetch("SELECT event, webhook FROM deliveries WHERE webhook <> $1", healthy)
    async with sweeping(engine):
        await engine.deliver([Ticket(row["event"], row["webhook"], 0, 0) for row in rows])
        later = await craft.owe(healthy, 100)
        await engine.deliver([Ticket(event, healthy, 0, 0) for event in later[:50]])
        await wire.until(lambda: wire.arrived == 101)
    most = wire.hanging
    await engine.close(0.0)

    assert most == 30


@pytest.mark.parametrize("rate", [None, 60_000], ids=["drained", "paced"])
async def test_a_webhook_that_moved(craft: Craft, engine: Engine, rate: int | None) -> None:
    """Attempts that hang at a webhook's old destination hold up nothing that it is owed at the new one."""
    webhook = await craft.hook(destination=OLD, challenge_request_enabled=False, endpoint_rate_limit=rate)
    await craft.owe(webhook, SHARE + 10, due_in=-60)
    wire = craft.wire.answering = Gate()
    async with sweeping(engine):
        await wire.asked.wait()
        await craft.webhook_lifecycle.change(WORKSPACE, webhook, Change(destination=NEW))
        await craft.sql("UPDATE webhooks SET endpoint_rate_limit = $1", rate)
        [later] = await craft.owe(webhook, due_in=-1)
        async with asyncio.timeout(10):
            while str(later) not in [parcel.id for parcel, to in craft.wire.sent if to.url == NEW]:  # noqa: ASYNC110
                await asyncio.sleep(0.001)
    hang = sum(to.url == OLD for _, to in craft.wire.sent)
    wire.open.set()
    await engine.close(5.0)

    assert hang == SHARE
    assert engine.slots.free == 500


async def test_a_probe_at_a_time(craft: Craft, engine: Engine) -> None:
    """A webhook that refuses every connection gets one attempt at a time; those that it is owed stay due, and all follow its
    first answer."""
    webhook = await craft.hook()
    refusing = craft.wire.answering = Refusing()
    await craft.owe(webhook, 300, due_in=-60)
    async with sweeping(engine):
        await refusing.until(lambda: engine.slots.circuit(webhook) is Circuit.OPEN and refusing.probes > 5)
        refused = refusing.refused
        refusing.well = True
        await refusing.until(lambda: refusing.answered + refusing.refused >= 300)
    await engine.close(5.0)

    # Those of the first round were begun together.
    assert refusing.most_at_once_when_open == 1
    assert refused < 300
    assert engine.slots.circuit(webhook) is Circuit.CLOSED
    assert (await craft.states(webhook)) == {"delivered": refusing.answered, "owed": refusing.refused}


async def test_a_flood_of_tickets(craft: Craft, engine: Engine) -> None:
    """A flood of 2,000 tickets of a webhook that hangs is ahead of another workspace's one ticket, and eight threads take
    them in turn: that one arrives while none of the flood has been answered."""
    hanging, healthy = await craft.hook(), await craft.hook(workspace=OTHER)
    wire = craft.wire.answering = Hanging(hanging)
    flood, [alone] = await craft.owe(hanging, 2000, due_in=3600), await craft.owe(healthy, due_in=3600)
    messages = deque([Ticket(event, hanging, 0, 0) for event in flood[n : n + 200]] for n in range(0, 2000, 200))
    messages.append([Ticket(alone, healthy, 0, 0)])

    async def thread() -> None:
        while messages:
            await engine.deliver(messages.popleft())

    await asyncio.gather(*(thread() for _ in range(8)))
    await wire.until(lambda: wire.arrived == 1)

    assert wire.hanging == SHARE
    assert await craft.states(hanging) == {"owed": 2000}


async def test_slow_webhooks_beside_a_quick_one(craft: Craft, monkeypatch: pytest.MonkeyPatch) -> None:
    """Forty webhooks that are slow, and answer often enough to be waited with, do not hold all threads: the ticket of a quick
    one is begun while theirs wait, and not by the sweep seconds later."""
    monkeypatch.setattr("workers.webhook_slots.SILENCE", 1000.0)
    engine = engine_of(craft, patience=30.0)
    slow, quick = await craft.hooks(40), await craft.hook(workspace=OTHER)
    wire = craft.wire.answering = Hanging(*slow)
    flood = [Ticket(event, webhook, 0, 0) for webhook in slow for event in await craft.owe(webhook, 50, due_in=3600)]
    first, alone = await craft.owe(quick, 2, due_in=3600)
    await engine.deliver([Ticket(first, quick, 0, 0)])
    await wire.until(lambda: wire.arrived == 1)
    messages = deque(flood[n : n + 100] for n in range(0, 2000, 100))
    messages.append([Ticket(alone, quick, 0, 0)])

    async def thread() -> None:
        while messages:
            await engine.deliver(messages.popleft())

    threads = [asyncio.create_task(thread()) for _ in range(8)]
    await wire.until(lambda: wire.arrived == 2)
    for each in threads:
        each.cancel()
    await asyncio.gather(*threads, return_exceptions=True)
    await engine.close(0.0)

    assert wire.hanging > SHARE


async def test_a_flood_of_rows(craft: Craft) -> None:
    """A workspace that floods, with 5,000 rows that are due on five webhooks, does not hold up one row of another: it is
    among the first that are claimed."""
    engine = engine_of(craft, in_flight=50)
    flooding, healthy = await craft.hooks(5), await craft.hook(workspace=OTHER)
    for webhook in flooding:
        await craft.owe(webhook, 1000, due_in=-60)
    [alone] = await craft.owe(healthy, due_in=-1)

    wire = craft.wire.answering = Hanging()
    async with sweeping(engine):
        await wire.until(lambda: any(parcel.id == str(alone) for parcel, _ in craft.wire.sent))
    place = [parcel.id for parcel, _ in craft.wire.sent].index(str(alone))
    await engine.close(5.0)

    assert place < 50


async def test_first_attempts_before_retries(craft: Craft) -> None:
    """A storm of 3,000 retries that are due, and 400 first attempts beside it: of what is sent until the last of these, a
    fifth or a little more are retries; afterwards all are."""
    engine = engine_of(craft, in_flight=40)
    stormy, calm = await craft.hook(), await craft.hook(workspace=OTHER)
    await craft.owe(stormy, 3000, due_in=-60, attempts=3)
    firsts = {
        str(event) for event in [*await craft.owe(stormy, 200, due_in=-1), *await craft.owe(calm, 200, due_in=-1)]
    }

    wire = craft.wire.answering = Hanging()
    async with sweeping(engine):
        await wire.until(lambda: wire.arrived >= 1000)
    sent = [parcel.id for parcel, _ in craft.wire.sent]
    await engine.close(5.0)

    last = max(place for place, id in enumerate(sent) if id in firsts)
    assert firsts <= set(sent)
    assert 0.15 < (last + 1 - 400) / (last + 1) < 0.4


async def test_tickets_beside_a_storm(craft: Craft) -> None:
    """Retries that are due by the thousand have taken every slot when 200 tickets come: these have four fifths of what comes
    free, and the retries what is kept for them."""
    engine = engine_of(craft, in_flight=40, patience=20.0)
    stormy, calm = await craft.hook(), await craft.hook(workspace=OTHER)
    await craft.owe(stormy, 3000, due_in=-60, attempts=3)
    firsts = await craft.owe(calm, 200, due_in=3600)
    wire = craft.wire.answering = Hanging()
    async with sweeping(engine):
        await wire.until(lambda: wire.arrived >= 100)
        before = len(craft.wire.sent)
        await engine.deliver([Ticket(event, calm, 0, 0) for event in firsts])
    sent = [parcel.id for parcel, _ in craft.wire.sent][before:]
    await engine.close(5.0)

    mine = {str(event) for event in firsts}
    last = max(place for place, id in enumerate(sent) if id in mine)
    assert mine <= set(sent)
    assert last + 1 - 200 < 200
