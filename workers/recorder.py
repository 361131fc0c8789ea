"""Recording: outcomes wait a few tens of milliseconds for one another, and are kept while the database is away.

Those with long answers are written by themselves, behind the others, few bytes at a time and by turns of workspaces: what one
workspace's receivers say at length is never in the transaction that another's outcomes wait for.

What is written is left to `delivery/attempts/recording.py`. The rules are protocol.md 5.1, 5.2.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Sequence
from functools import partial
from uuid import UUID

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_exponential

from delivery.attempts.endings import EndedAttempt
from delivery.attempts.recording import RowsLocked
from delivery.publishing.turns import turn
from delivery.tickets import Job
from subscriptions.ground.errors import Contended, Unavailable

log = logging.getLogger("hooklake.workers")

#: Outcomes that one statement writes, and bytes of their answers: one outcome goes whole, however large.
BATCH, BYTES = 500, 1 << 20
#: Seconds between attempts while the database is away. At most one: once it is back, what has ended since waits too, and its
#: lease runs.
PAUSE, LONGEST_PAUSE = 0.2, 1.0

Write = Callable[[Sequence[EndedAttempt]], Awaitable[list[Job]]]
Judge = Callable[[], Awaitable[None]]
#: An outcome, the bytes of a long answer, and what is done once it is written.
Waiting = tuple[EndedAttempt, int, "asyncio.Future[None]"]


class Recorder:
    """Collects outcomes of one process; `record` returns when the outcome is written."""

    def __init__(
        self, write: Write, carry: Callable[[Job], None], *, window: float, judge: Judge | None = None
    ) -> None:
        """`write` may leave some to be written later (RowsLocked); `judge` tells webhooks what `write` could not tell them."""
        self._write = write
        self._judge = judge
        self._carry = carry
        self._window = window
        self._waiting: list[Waiting] = []
        #: Those with long answers, and whose were in the last transaction.
        self._long: list[Waiting] = []
        self._served: Collection[str] = ()
        self._writing: asyncio.Task[None] | None = None
        #: Outcomes whose rows others hold.
        self._held_up: list[Waiting] = []
        self._insisting: asyncio.Task[None] | None = None
        #: Webhooks may not have been told all.
        self._untold = False
        #: Is told of each outcome that is written, while anybody looks; None: nobody does.
        self.noted: Callable[[EndedAttempt], None] | None = None
        #: True while outcomes wait for the database to come back, and until those are written.
        self.kept = False
        self._closing = False

    async def record(self, ended: EndedAttempt) -> None:
        """Waits until the outcome is written; it holds its slot meanwhile, so that an outage bounds what is in flight."""
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        size = ended.size
        (self._long if size else self._waiting).append((ended, size, written))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write_waiting())
        await written

    async def close(self, wait: float) -> None:
        """Waits up to `wait` seconds until what it has is written; while the database is away that is given up."""
        self._closing = True
        under_way = [task for task in (self._writing, self._insisting) if task is not None]
        if not under_way:
            return
        _, late = await asyncio.wait(under_way, timeout=wait)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    async def _write_waiting(self) -> None:
        try:
            while self._waiting or self._long:
                if not (self.kept or self._closing):
                    await asyncio.sleep(self._window)
                batch, self._waiting = self._next(self._waiting)
                await self._write_down(batch)
                batch, self._long = self._next(self._long)
                self._served = {ended.workspace for ended, *_ in batch}
                await self._write_down(batch)
        finally:
            self._writing = None

    async def _write_down(self, batch: list[Waiting]) -> None:
        """Whoever waits for what is written goes on; what others hold up is insisted on, beside what is written meanwhile."""
        if not batch:
            return
        left = await self._write_kept([ended for ended, *_ in batch])
        self.kept = self.kept and bool(self._waiting or self._long)
        rest = {id(ended) for ended in left or ()}
        for each in batch:
            ended, _, written = each
            if id(ended) in rest:
                self._held_up.append(each)
                continue
            if self.noted is not None:
                self.noted(ended)
            if not written.done():
                written.set_result(None)
        if left is not None:
            self._untold = True
            if self._insisting is None:
                self._insisting = asyncio.create_task(self._insist())

    async def _insist(self) -> None:
        """Stands in line for rows that others hold, so as to be the next who has them: before a lapsed lease is claimed."""
        try:
            while self._held_up or self._untold:
                self._untold = False
                batch, self._held_up = self._next(self._held_up)
                await asyncio.gather(self._write_down(batch), self._tell())
        finally:
            self._insisting = None

    async def _tell(self) -> None:
        if self._judge is None:
            return
        try:
            await self._judge()
        except Contended:
            self._untold = True
        except Unavailable:
            self._untold = True
            await asyncio.sleep(PAUSE)

    def _next(self, waiting: list[Waiting]) -> tuple[list[Waiting], list[Waiting]]:
        """What of it is written next, and what is left.

        Different deliveries only: of two outcomes of one delivery, the order of writing decides. Of what is too much for one
        statement workspaces have their turns.
        """
        seen: set[tuple[UUID, UUID, int]] = set()
        batch: list[Waiting] = []
        rest: list[Waiting] = []
        sizes = [(ended.workspace, max(size, BYTES // BATCH)) for ended, size, _ in waiting]
        chosen: Collection[int] = range(len(waiting))
        if sum(size for _, size in sizes) > BYTES:
            chosen = set(turn(sizes, self._served, most=BYTES, each=BYTES))
        for place, each in enumerate(waiting):
            record = each[0].record
            key = (record.event, record.webhook, record.round)
            if key in seen or place not in chosen:
                rest.append(each)
            else:
                seen.add(key)
                batch.append(each)
        return batch, rest

    async def _write_kept(self, batch: list[EndedAttempt]) -> Sequence[EndedAttempt] | None:
        """Answers what others hold up; None where they hold up nothing, not even a webhook that is to be told."""
        if not batch:
            return None
        writing = AsyncRetrying(
            retry=retry_if_exception_type(Unavailable),
            wait=wait_exponential(multiplier=PAUSE, max=LONGEST_PAUSE),
            before_sleep=partial(self._keep, len(batch)),
        )
        try:
            left: Sequence[EndedAttempt] | None = await writing(self._write_free, batch)
        except Exception as error:
            # Their leases lapse, and the attempts count as lost: worse than a record, better than a stopped process.
            log.error("records.failed outcomes=%d", len(batch), exc_info=error)
            left = None
        else:
            if writing.statistics["attempt_number"] > 1:
                log.info("records.resumed")
        return left

    def _keep(self, outcomes: int, state: RetryCallState) -> None:
        self.kept = True
        if state.attempt_number == 1 and state.outcome is not None:
            log.warning(
                "records.kept outcomes=%d cause=%s", outcomes, getattr(state.outcome.exception(), "cause", None)
            )

    async def _write_free(self, batch: list[EndedAttempt]) -> Sequence[EndedAttempt] | None:
        try:
            jobs: Sequence[Job] = await self._write(batch)
            left: Sequence[EndedAttempt] | None = None
        except RowsLocked as held_up:
            jobs, left = held_up.jobs, held_up.left
        except Contended:
            jobs, left = (), batch
        for job in jobs:
            self._carry(job)
        return left
