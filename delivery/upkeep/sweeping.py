"""The door for the clock's work: sweeps, the slow sweep, partitions and retention; each safe to run twice.

Which of it runs when is left to `workers/schedule.py`.
"""

import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from delivery.judgement import breaker
from delivery.judgement.breaker import Status
from delivery.ledger.jobs import job_rows
from delivery.ledger.owing import deliveries, ripe_batches
from delivery.ledger.records import batch_members, health_counts
from delivery.ledger.replays import replay_rows
from delivery.ledger.upkeep import retention, sweeps
from delivery.ledger.webhooks import status
from delivery.settings import DeliverySettings
from delivery.tickets import Job, JobKind, Nudge
from subscriptions.access import audit_log
from subscriptions.events import journal
from subscriptions.ground import event_keys, partitions
from subscriptions.ground.clock import DatabaseClock
from subscriptions.ground.database import Database, Raw

log = logging.getLogger("hooklake.delivery")

#: Advisory locks: one sweep, one slow sweep at a time over all processes.
SWEEP = 0x6C616B01
MEND = 0x6C616B02
#: Due deliveries that one drain is sent for.
DRAIN_ROWS = 200
#: Jobs that one sweep nudges.
JOBS = 200
CHUNK = 1000
#: A process as it last spoke of itself, for `/health/workers`.
Standing = sweeps.ProcessState
#: The tables with partitions of a day, for process roots.
PARTITIONED = deliveries.PARTITIONED


@dataclass(frozen=True, kw_only=True)
class SweepResult:
    """What one sweep asks the broker to carry."""

    #: Drain messages to send.
    drains: int
    jobs: Sequence[Job]


class Upkeep:
    """Finds what is due and what was left behind; sends nothing itself but nudges."""

    def __init__(
        self,
        database: Database,
        clock: DatabaseClock,
        settings: DeliverySettings,
        announce: Callable[[Sequence[Nudge]], None],
    ) -> None:
        self._database = database
        self._clock = clock
        self._settings = settings
        self._rules = breaker.rules(settings)
        self._announce = announce
        #: When this process made a sweep last.
        self._swept_at: datetime | None = None

    async def report(self, name: str, *, slots: int, free: int, in_use: int = 0, foreign: int = 0) -> None:
        """A worker says what a sweep could send it, how many of its slots are in use, and how many foreign tickets it took; its
        clock follows the answer."""
        async with self._database.raw() as connection:
            asked = self._clock.asking()
            self._clock.follow(await sweeps.database_now(connection), asked)
            said = sweeps.ProcessReport(
                name=name,
                kind="worker",
                slots=slots,
                free=free,
                in_use=in_use,
                ahead=self._clock.ahead,
                swept_at=self._swept_at,
                foreign=foreign,
            )
            await sweeps.seen(connection, said, now=self._clock())

    async def present(self, name: str, kind: str) -> None:
        """Another process (`beat`, `api`) says that it lives; its clock follows the answer."""
        async with self._database.raw() as connection:
            asked = self._clock.asking()
            self._clock.follow(await sweeps.database_now(connection), asked)
            said = sweeps.ProcessReport(name=name, kind=kind, ahead=self._clock.ahead)
            await sweeps.seen(connection, said, now=self._clock())

    async def processes(self) -> list[Standing]:
        """What all processes last said of themselves; raises Unavailable."""
        async with self._database.raw() as connection:
            return await sweeps.processes(connection, now=self._clock())

    async def untold(self) -> float:
        """For how many seconds the oldest entry of the audit log has waited to be told as an event; raises Unavailable."""
        async with self._database.raw() as connection:
            oldest = await audit_log.oldest_untold(connection)
        return 0.0 if oldest is None else max(0.0, (self._clock() - oldest).total_seconds())

    async def leave(self, name: str) -> None:
        """A worker says that it takes nothing more."""
        async with self._database.raw() as connection:
            await sweeps.unseen(connection, name)

    async def sweep(self, outstanding: int) -> SweepResult:
        """How many drains to send beyond those `outstanding` at the broker, and the jobs that are due.

        One drain per 200 due rows, no more than there are workers, nor free slots (protocol.md 3.2): a worker drains one at
        a time, and one that drains already spends the message of another that is idle, if there are not enough for both.
        """
        async with self._database.raw() as connection, sweeps.alone(connection, SWEEP) as mine:
            if not mine:
                return SweepResult(drains=0, jobs=())
            now = self._clock()
            most = await sweeps.takers(connection, now=now)
            due = await sweeps.count_due(connection, now=now, at_most=most * DRAIN_ROWS) if most > outstanding else 0
            waiting = await job_rows.due(connection, now=now, at_most=JOBS)
            ripe = await ripe_batches.ripe(connection, now=now, at_most=JOBS)
        self._swept_at = now
        return SweepResult(
            drains=max(0, min(math.ceil(due / DRAIN_ROWS), most) - outstanding), jobs=[*waiting, *map(_batch, ripe)]
        )

    async def mend(self) -> None:
        """The slow sweep: wakes, challenges and statuses that a race or a dead process left behind."""
        nudges: list[Nudge] = []
        async with self._database.raw() as connection, sweeps.alone(connection, MEND) as mine:
            if not mine:
                return
            now = self._clock()
            for webhook, deleted in await sweeps.left_parked(connection):
                nudges.append(await status.put_job(connection, "cancel" if deleted else "wake", webhook, now=now))
            for left in await sweeps.left_unchallenged(connection):
                nudges.append(await self._challenge(connection, left))
            await sweeps.put_heartbeats(connection, now=now, interval=self._settings.heartbeat_interval)
            for webhook, deleted in await ripe_batches.left(connection):
                cancel = await status.put_job(connection, "cancel", webhook, now=now) if deleted else None
                nudges.append(cancel or _batch(webhook))
            await batch_members.settle(connection, await batch_members.unsettled(connection, at_most=CHUNK))
            await self._calm(connection)
            await sweeps.forget_silent(connection, now=now)
        if nudges:
            self._announce(nudges)

    async def _challenge(self, connection: Raw, left: sweeps.UnchallengedWebhook) -> Job:
        purpose = status.PURPOSES[Status(left.status)]
        return await status.put_challenge(connection, left.webhook, left.epoch, purpose=purpose, due_at=self._clock())

    async def _calm(self, connection: Raw) -> None:
        now = self._clock()
        window = self._settings.failure_window
        before, since_well = (
            now - timedelta(seconds=each) for each in (window, min(self._settings.calm_after, window))
        )
        for of in await sweeps.left_calm(connection, before=before, since_well=since_well):
            judge = lambda standing: breaker.calm(standing, rules=self._rules, now=now)  # noqa: E731
            await health_counts.change(connection, of, judge, health_counts.HealthRules(now=now, rules=self._rules))

    async def make_partitions(self) -> None:
        """Partitions from yesterday's to those of a week ahead; every process also does this at its start."""
        async with self._database.raw() as connection:
            await partitions.ahead(connection, deliveries.PARTITIONED, self._clock())

    async def prune(self, *, remembered: float) -> None:
        """Receipts past their window (seconds), rows kept for silent webhooks too long, payloads and days past retention."""
        now = self._clock()
        await self._in_chunks(lambda c: journal.prune_receipts(c, now - timedelta(seconds=remembered), CHUNK))
        kept_from = now - timedelta(seconds=self._settings.keep_undelivered)
        floor = event_keys.floor(kept_from)
        await self._in_chunks(lambda c: sweeps.expire_parked(c, before=floor, now=now, chunk=CHUNK))
        await self._in_chunks(lambda c: ripe_batches.expire(c, before=kept_from, now=now, chunk=CHUNK))
        over = now - timedelta(seconds=self._settings.keep_records)
        await self._in_chunks(lambda c: replay_rows.prune(c, over, CHUNK))
        await self._strip(now)
        await self._let_go(now)
        async with self._database.raw() as connection:
            for day in await self._days(connection, now, self._settings.keep_records):
                dropped = await retention.drop(connection, deliveries.PARTITIONED, day)
                log.info("partition.%s day=%s", "dropped" if dropped else "kept", day)

    async def _days(self, connection: Raw, now: datetime, kept: float) -> list[date]:
        """The days whose last moment is longer ago than `kept` seconds."""
        last = (now - timedelta(seconds=kept)).date() - timedelta(days=1)
        return await retention.days(connection, deliveries.PARTITIONED, until=last)

    async def _strip(self, now: datetime) -> None:
        if not self._settings.keep_payloads:
            return
        async with self._database.raw() as connection:
            for day in await self._days(connection, now, self._settings.keep_payloads):
                if await retention.strip(connection, day):
                    log.info("partition.stripped day=%s", day)

    async def _let_go(self, now: datetime) -> None:
        """What is sent again by hand, time after time, holds its day up for no longer than what waits for its webhook."""
        async with self._database.raw() as connection:
            held = await self._days(connection, now, self._settings.keep_records + self._settings.keep_undelivered)
        for day in held:
            await self._in_chunks(lambda c, day=day: retention.let_go(c, day, now=now, chunk=CHUNK))  # type: ignore[misc]

    async def _in_chunks(self, change: Callable[[Raw], object]) -> None:
        while True:
            async with self._database.raw() as connection:
                if not await change(connection):  # type: ignore[misc]  # each change is a coroutine that counts
                    return


def _batch(webhook: UUID) -> Job:
    return Job(kind=JobKind.BATCH, key=webhook, fence=0)
