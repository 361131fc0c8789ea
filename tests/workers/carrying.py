"""An engine over a real database, and wires on which webhooks misbehave.

What it should carry, and when, is left to the tests.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from uuid import UUID

from delivery.tickets import Job
from delivery.wire.parcels import Failure, FailureKind, Parcel, Reply
from delivery.wire.sender import Destination
from tests.delivery.craft import Craft
from tests.delivery.destinations import TIMED_OUT, reply
from workers.engine import Engine
from workers.jobs import JobRunner
from workers.settings import WorkerSettings

OTHER = "485d4628bb5911eeb355f27748645044"
SHARE = 64
REFUSED = Failure(kind=FailureKind.refused, cause="connection refused")


class Telling:
    """A wire that tells what arrives to whoever waits for it."""

    def __init__(self) -> None:
        self._told = asyncio.Condition()

    async def until(self, fact: Callable[[], bool]) -> None:
        async with asyncio.timeout(10), self._told:
            await self._told.wait_for(fact)

    async def _tell(self) -> None:
        async with self._told:
            self._told.notify_all()


class Hanging(Telling):
    """A wire on which webhooks hang until they are let go; `arrived` counts what the others got."""

    def __init__(self, *webhooks: UUID) -> None:
        super().__init__()
        self._webhooks = set(webhooks)
        self._let_go = asyncio.Event()
        self.hanging = self.arrived = 0

    async def __call__(self, parcel: Parcel, destination: Destination) -> Reply | Failure:
        if destination.webhook not in self._webhooks:
            self.arrived += 1
            await self._tell()
            return reply()
        self.hanging += 1
        await self._tell()
        await self._let_go.wait()
        return TIMED_OUT

    def let_go(self) -> None:
        """All that hang time out, and what comes next hangs again."""
        self._let_go.set()
        self._let_go = asyncio.Event()
        self.hanging = 0


class Slow(Telling):
    """A wire on which every answer takes so many seconds; `arrived` counts them."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds
        self.arrived = 0

    async def __call__(self, parcel: Parcel, destination: Destination) -> Reply | Failure:
        await asyncio.sleep(self._seconds)
        self.arrived += 1
        await self._tell()
        return reply()


class Refusing(Telling):
    """A wire on which all connections are refused, until it is well."""

    def __init__(self) -> None:
        super().__init__()
        self.well = False
        self.refused = self.answered = self.probes = self.most_at_once_when_open = 0
        self._at_once = 0

    async def __call__(self, parcel: Parcel, destination: Destination) -> Reply | Failure:
        self._at_once += 1
        await asyncio.sleep(0)
        if self.refused >= SHARE and not self.well:
            self.probes += 1
            self.most_at_once_when_open = max(self.most_at_once_when_open, self._at_once)
        self._at_once -= 1
        self.answered += self.well
        self.refused += not self.well
        await self._tell()
        return reply() if self.well else REFUSED


async def nothing(_: Job) -> None:
    return None


def engine_of(
    craft: Craft,
    carry: Callable[[Job], Awaitable[None]] = nothing,
    *,
    in_flight: int = 500,
    patience: float = 0.4,
    crawl: float = 0.0,
) -> Engine:
    """`patience` is the admission wait, `crawl` the time between two attempts of strangers, in seconds."""
    settings = WorkerSettings(
        broker_url="redis://nowhere",
        in_flight=in_flight,
        in_flight_per_webhook=SHARE,
        admission_wait=patience,
        crawl_interval=crawl,
        record_window=0.01,
    )
    return Engine(craft.rounds, settings, JobRunner(carry, craft.jobs.owners))


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
