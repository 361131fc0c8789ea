"""Recording: outcomes wait a few tens of milliseconds for one another, and are kept while the database is away.

What is written is left to `delivery/rounds.py`.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

from delivery.endings import Ended
from delivery.tickets import Errand
from subscriptions.errors import Unavailable

log = logging.getLogger("hooklake.workers")

#: Outcomes that one statement writes.
BATCH = 500
#: Seconds between tries while the database is away. At most one: once it is back, what has ended since waits too, and its
#: lease runs.
PAUSE, LONGEST_PAUSE = 0.2, 1.0

Write = Callable[[Sequence[Ended]], Awaitable[list[Errand]]]


class Recorder:
    """Collects outcomes of one process; `record` returns when the outcome is written."""

    def __init__(self, write: Write, carry: Callable[[Errand], None], *, window: float) -> None:
        self._write = write
        self._carry = carry
        self._window = window
        self._waiting: list[tuple[Ended, asyncio.Future[None]]] = []
        self._writing: asyncio.Task[None] | None = None
        #: True while outcomes wait for the database to come back.
        self.kept = False

    async def record(self, ended: Ended) -> None:
        """Waits until the outcome is written; it holds its slot meanwhile, so that an outage bounds what is in flight."""
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((ended, written))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write_waiting())
        await written

    async def close(self, wait: float) -> None:
        """Waits up to `wait` seconds until what it has is written; while the database is away that is given up."""
        if self._writing is None:
            return
        _, late = await asyncio.wait([self._writing], timeout=wait)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    async def _write_waiting(self) -> None:
        try:
            while self._waiting:
                await asyncio.sleep(self._window)
                batch = self._next_batch()
                await self._write_kept([ended for ended, _ in batch])
                for _, written in batch:
                    if not written.done():
                        written.set_result(None)
        finally:
            self._writing = None

    def _next_batch(self) -> list[tuple[Ended, "asyncio.Future[None]"]]:
        """Different deliveries only: of two outcomes of one delivery, the order of writing decides."""
        seen: set[tuple[UUID, UUID, int]] = set()
        batch: list[tuple[Ended, asyncio.Future[None]]] = []
        rest: list[tuple[Ended, asyncio.Future[None]]] = []
        for each in self._waiting:
            record = each[0].record
            key = (record.event, record.webhook, record.round)
            if key in seen or len(batch) >= BATCH:
                rest.append(each)
            else:
                seen.add(key)
                batch.append(each)
        self._waiting = rest
        return batch

    async def _write_kept(self, batch: list[Ended]) -> None:
        pause = 0.0
        while True:
            try:
                for errand in await self._write(batch):
                    self._carry(errand)
            except Unavailable as error:
                self.kept = True
                if not pause:
                    log.warning("records.kept outcomes=%d cause=%s", len(batch), error.cause)
                pause = min(pause * 2, LONGEST_PAUSE) or PAUSE
                await asyncio.sleep(pause)
            except Exception as error:
                # Their leases lapse, and the tries count as lost: worse than a record, better than a stopped process.
                log.error("records.failed outcomes=%d", len(batch), exc_info=error)
                self.kept = False
                return
            else:
                self.kept = False
                if pause:
                    log.info("records.resumed")
                return
