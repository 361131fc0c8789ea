"""The engine over a real database: what it claims while some webhooks hang, and what it leaves when it ends."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import UUID

import pytest

from delivery.tickets import Errand, Ticket
from delivery.wire.parcels import Failure, Parcel, Reply
from delivery.wire.sender import Destination
from subscriptions.database import Database
from tests.clock import Clock
from tests.delivery.craft import Craft
from tests.delivery.destinations import TIMED_OUT, reply
from workers.engine import Engine
from workers.settings import Settings

OTHER = "485d4628bb5911eeb355f27748645044"
SHARE = 64


class Hanging:
    """A wire on which one webhook hangs until it is let go; `arrived` counts what the others got."""

    def __init__(self, webhook: UUID) -> None:
        self._webhook = webhook
        self._let_go = asyncio.Event()
        self._told = asyncio.Condition()
        self.hanging = self.arrived = 0

    async def __call__(self, parcel: Parcel, destination: Destination) -> Reply | Failure:
        if destination.webhook != self._webhook:
            async with self._told:
                self.arrived += 1
                self._told.notify_all()
            return reply()
        self.hanging += 1
        async with self._told:
            self._told.notify_all()
        await self._let_go.wait()
        return TIMED_OUT

    def let_go(self) -> None:
        """All that hang time out, and what comes next hangs again."""
        self._let_go.set()
        self._let_go = asyncio.Event()
        self.hanging = 0

    async def until(self, fact: Callable[[], bool]) -> None:
        async with asyncio.timeout(10), self._told:
            await self._told.wait_for(fact)


async def nothing(_: Errand) -> None:
    return None


def engine_of(craft: Craft, carry: Callable[[Errand], Awaitable[None]] = nothing, *, in_flight: int = 500) -> Engine:
    settings = Settings(
        broker_url="redis://nowhere",
        in_flight=in_flight,
        in_flight_per_webhook=SHARE,
        admission_wait=0.4,
        record_window=0.01,
    )
    return Engine(craft.rounds, settings, carry)


@pytest.fixture
async def engine(craft: Craft) -> AsyncIterator[Engine]:
    running = engine_of(craft)
    yield running
    await running.close(0.0)


async def claims(craft: Craft, webhook: UUID) -> int:
    """Each claim raised one fence."""
    return int(await craft.value("SELECT coalesce(sum(fence), 0) FROM deliveries WHERE webhook = $1", webhook))


@asynccontextmanager
async def sweeping(engine: Engine) -> AsyncIterator[None]:
    """Drains one after another, as a busy sweep sends them."""

    async def drains() -> None:
        while not engine.closing:
            await engine.drain()

    async with asyncio.TaskGroup() as group:
        group.create_task(drains())
        yield
        engine.closing = True


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
    """Rows of yesterday that wait for a webhook that hangs do not hold up what is due of today."""
    hanging, healthy = await craft.hook(), await craft.hook(workspace=OTHER)
    yesterday = Clock()
    yesterday.now = clock() - timedelta(days=1)
    await Craft(database, yesterday).owe(hanging, 1000)
    await craft.owe(healthy, 300)
    wire = craft.wire.answering = Hanging(hanging)

    async with sweeping(engine):
        await wire.until(lambda: wire.arrived == 300)

    assert await claims(craft, hanging) == SHARE


async def test_all_slots_taken(craft: Craft) -> None:
    """With every slot taken nothing is claimed, for a lease never runs in a queue; slots that come free are used at once."""
    engine = engine_of(craft, in_flight=8)
    hanging, other = await craft.hook(), await craft.hook()
    slow, waiting = await craft.owe(hanging, 8), await craft.owe(other, 5)
    wire = craft.wire.answering = Hanging(hanging)
    await engine.deliver([Ticket(event, hanging, 0, 0) for event in slow])
    await wire.until(lambda: wire.hanging == 8)

    await engine.deliver([Ticket(event, other, 0, 0) for event in waiting])
    while_all_hung = await claims(craft, other)
    async with sweeping(engine):
        wire.let_go()
        await wire.until(lambda: wire.arrived == 5)
    await engine.close(5.0)

    assert while_all_hung == 0
    assert await craft.states(other) == {"delivered": 5}


async def test_hundreds_of_tickets(craft: Craft, engine: Engine) -> None:
    """Tickets beyond a healthy webhook's share are waited with: all are delivered without a sweep, each once."""
    webhook = await craft.hook()
    events = await craft.owe(webhook, 400, due_in=3600)
    tickets = [Ticket(event, webhook, 0, 0) for event in events]

    await engine.deliver([*tickets, *tickets[:50]])
    await engine.close(5.0)

    assert await craft.states() == {"delivered": 400}
    assert len(craft.wire.sent) == 400
    assert engine.lanes.free == 500


async def test_old_and_foreign_tickets(craft: Craft, engine: Engine) -> None:
    """Tickets that claim nothing give their slots back."""
    webhook = await craft.hook()
    [event] = await craft.owe(webhook, fence=3)

    await engine.deliver([Ticket(event, webhook, 0, fence) for fence in (0, 1, 2)])

    assert (engine.lanes.free, craft.wire.sent) == (500, [])


async def test_closing(craft: Craft, clock: Clock) -> None:
    """An engine that closes lets tries end within its grace, gives the rest back to the rows, and begins nothing more."""
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
    engine.lanes.reserve(1)

    proved = await engine.probe(webhook)

    assert proved is None
    assert (await craft.row(event, webhook)).fence == 0


async def test_errands_are_carried(craft: Craft) -> None:
    """Errands are carried on the engine's loop; one that fails fails alone."""
    done: asyncio.Queue[Errand] = asyncio.Queue()

    async def carry(errand: Errand) -> None:
        if errand.fence < 0:
            raise RuntimeError("this one cannot be carried")
        await craft.jobs.run(errand)
        done.put_nowait(errand)

    engine = engine_of(craft, carry)
    webhook = await craft.hook()
    await craft.owe(webhook, 3, state="parked")
    await craft.upkeep.mend()
    [errand] = await craft.errands()

    engine.errand(Errand(kind=errand.kind, key=errand.key, fence=-1))
    engine.errand(errand)

    assert await done.get() == errand
    assert await craft.states() == {"owed": 3}
    await engine.close(0.0)


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
    assert (engine.free, await claims(craft, webhook)) == (500 - engine.lanes.in_flight, 3)
