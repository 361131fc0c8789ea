"""Keeps an API process in step with the database: its time, its partitions, and whether it can serve; and its memory small.

What is done about a database that is away is left to whoever asks `/health/ready`; every request finds out for itself.
"""

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

from delivery.upkeep.sweeping import Upkeep
from subscriptions.ground import process, schema
from subscriptions.ground.clock import DatabaseClock
from subscriptions.ground.database import Database
from subscriptions.ground.errors import Unavailable
from subscriptions.ground.memory import Memory

log = logging.getLogger("hooklake.service")

#: Seconds between two looks at the database's time: a clock that drifts by a second in a day has parted by 0.1 ms.
INTERVAL = 10.0
#: Seconds between two looks while it has never told its time: nothing can be stamped before.
UNTOLD = 1.0
#: Seconds that a look serves all who ask.
FRESH = 1.0
#: Seconds that a look may take: whoever asks has a time-out of his own, and should be told the reason before it.
WAIT = 3.0


class Readiness:
    """One look at the database at the start and every few seconds; a failed one is made again with the next."""

    def __init__(
        self,
        database: Database,
        clock: DatabaseClock,
        upkeep: Upkeep,
        memory: Memory | None = None,
        *,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self._memory = memory
        #: What is done once, when the database first serves.
        self.first: Callable[[], Awaitable[None]] | None = None
        self._database = database
        self._clock = clock
        self._upkeep = upkeep
        self._steady = steady
        #: What the newest look found, and when.
        self._found: str | None = None
        self._looked_at = -math.inf
        self._one = asyncio.Lock()
        self._partitioned = False
        #: What kept it from serving at the last look.
        self._missing: str | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begins; the first look is over when this returns, whatever came of it."""
        await self._beat()
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Ends."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            with suppress(Unavailable):
                await self._upkeep.leave(process.NAME)

    async def missing(self) -> str | None:
        """What keeps this process from serving, as one sentence; None where nothing does.

        Anybody may ask, any number of times: all who do within a second share one look.
        """
        async with self._one:
            if self._steady() >= self._looked_at + FRESH:
                self._found = await self._look()
                self._looked_at = self._steady()
            return self._found

    async def _look(self) -> str | None:
        try:
            async with asyncio.timeout(WAIT):
                asked = self._clock.asking()
                look = await schema.look(self._database)
        except TimeoutError:
            return f"PostgreSQL does not answer within {WAIT:g} s"
        except Unavailable as error:
            return str(error)
        self._clock.follow(look.now, asked)
        if look.serves:
            return None
        return (
            f"the database is at revision {look.revision or 'none'} and has to be at {schema.REVISION}: run `migrate`"
        )

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(INTERVAL if self._clock.known else UNTOLD)
            if self._memory is not None:
                await self._memory.look()
            await self._beat()

    async def _beat(self) -> None:
        before, self._missing = self._missing, await self.missing()
        if self._missing is not None:
            if before is None:
                log.warning("api.not_ready missing=%r", self._missing)
            return
        if before is not None:
            log.info("api.ready")
        with suppress(Unavailable):  # said again with the next beat
            await self._upkeep.present(process.NAME, "api")
        if self.first is not None:
            try:
                await self.first()
                self.first = None
            except Unavailable as error:  # tried again with the next beat
                log.debug("first.not_done cause=%s", error)
        if not self._partitioned:
            try:
                await self._upkeep.make_partitions()
                self._partitioned = True
            except Unavailable as error:  # tried again with the next beat; a writer that misses one makes it, too
                log.debug("partitions.not_made cause=%s", error)
            except Exception as error:
                log.warning("partitions.not_made cause=%r", error)
