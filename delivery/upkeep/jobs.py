"""The door for work in chunks: spreads, replays, wakes, cancellations, erasures, delivery-failed events.

Each is resumed after a crash.

How a row is claimed is left to `ledger/jobs/job_rows.py`; when, to the workers.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import asyncpg

from delivery.ledger.jobs import erasures, job_rows
from delivery.ledger.jobs.job_rows import Chunk, ClaimedJob
from delivery.ledger.owing import batches, deliveries, parking
from delivery.ledger.owing.deliveries import Way
from delivery.ledger.records import delivery_failed
from delivery.ledger.records.delivery_failed import FailedDelivery
from delivery.ledger.records.exhausted import ExhaustedFilters
from delivery.ledger.webhooks import rate_limits
from delivery.publishing import choosing
from delivery.publishing.python_events import PythonEvents
from delivery.settings import DeliverySettings
from delivery.tickets import Job, JobKind, Nudge
from delivery.upkeep.replaying import Replaying
from subscriptions.events.catalogue import DELIVERY_FAILED
from subscriptions.events.event import Naming
from subscriptions.events.sdk import SdkEvent
from subscriptions.ground import partitions
from subscriptions.ground.database import Clock, Database, repeating
from subscriptions.ground.errors import Refused

log = logging.getLogger("hooklake.delivery")

#: Seconds that a claim of a job may take before another process takes it over; renewed with each chunk of a spread.
LEASE = 15.0
#: Rows that one statement of a wake or a cancellation changes.
CHUNK = 1000


@dataclass(frozen=True, kw_only=True)
class FailurePublisher:
    """How a delivery given up is told of: as an event like any other."""

    naming: Naming
    events: PythonEvents

    async def one_of_many(self, event: SdkEvent, *, workspace_id: str, what: str) -> None:
        """Publishes one of a line; what can never be published is logged as lost, so that those behind it are told.

        Raises Unavailable: then it can be later on.
        """
        try:
            await self.events.publish([event], workspace_id=workspace_id, id_alone=True)
        except Refused as error:
            log.error("%s workspace=%s cannot be told of as an event: %s", what, workspace_id, error)


class Jobs:
    """Carries jobs out, chunk by chunk."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        settings: DeliverySettings,
        announce: Callable[[Sequence[Nudge]], None],
        notify: FailurePublisher,
    ) -> None:
        self._database = database
        self._clock = clock
        self._settings = settings
        self._announce = announce
        self._notify = notify
        self._replaying = Replaying(database, clock, settings, announce)
        self._exhausted = ExhaustedFilters(database, clock, steps=settings.filter_steps)

    async def owners(self, of: Sequence[Job]) -> Mapping[tuple[JobKind, UUID], str]:
        """The workspaces of jobs, by kind and key; what is none's, or done, is absent. Raises Unavailable."""
        async with self._database.raw() as connection:
            return await job_rows.owners(connection, of)

    async def run(self, job: Job) -> None:
        """Carries out what is claimed, unless somebody else has it; raises Unavailable, and its lease brings it back."""
        if job.kind is JobKind.BATCH:
            await self._close_batches(job.key)
            return
        async with self._database.raw() as connection:
            carried = await job_rows.claim(connection, job, now=self._clock(), lease=LEASE)
        if carried is None:
            return
        if carried.kind is JobKind.REPLAY:
            await self._replaying.carry(carried)
            return
        await self._carry(carried)

    @repeating
    async def _carry(self, carried: ClaimedJob) -> None:
        """All of it may be done twice: what was done is found done."""
        match carried.kind, carried.kind is JobKind.JOB and carried.row["kind"]:
            case JobKind.SPREAD, _:
                await self._spread(carried)
            case _, "wake":
                await self._in_chunks(carried, job_rows.wake)
            case _, "hasten":
                await self._hasten(carried)
            case _, "cancel":
                await self._in_chunks(carried, job_rows.cancel)
            case _, "erase":
                await self._erase(carried)
            case _, "notice":
                await self._notice(carried)
            case _, "verify":
                pass  # the process that had the turn has died (`ledger/webhooks/brakes.py`)
            case _, kind:
                log.error("job.unknown kind=%s id=%s", kind, carried.key)
                return
        async with self._database.raw() as connection:
            await job_rows.end(connection, carried)

    async def _spread(self, carried: ClaimedJob) -> None:
        """Rows, cursor and lease move in one transaction per chunk; the announcement follows it."""
        after = carried.row["cursor"] or deliveries.START
        while after is not None:
            now = self._clock()
            async with self._database.raw() as connection:
                chunk = Chunk(
                    after=after,
                    size=self._settings.spread_chunk,
                    each=self._settings.filter_steps,
                    room=choosing.OF_ALL,
                    times=deliveries.times(now, self._settings),
                    leased_until=now + timedelta(seconds=LEASE),
                )
                spread = await job_rows.spread(connection, carried, chunk)
            if spread.nudges:
                self._announce(spread.nudges)
            if spread.exhausted:
                await self._exhausted.tell(spread.exhausted)
            after = spread.after

    @repeating
    async def _close_batches(self, webhook: UUID) -> None:
        """Closes parcel after parcel while there is one to close; each is announced as a delivery is."""
        while True:
            now = self._clock()
            async with self._database.raw() as connection:
                try:
                    closed = await batches.close(connection, webhook, deliveries.times(now, self._settings))
                except asyncpg.CheckViolationError:  # nobody has made the day's partitions yet
                    await partitions.make(connection, deliveries.PARTITIONED, [now.date()])
                    continue
                if closed is None:
                    return
                if closed.way is Way.PARK:
                    await parking.look_again(connection, [webhook], now=now)
            if closed.way is Way.SEND:
                self._announce([closed.ticket])

    async def _hasten(self, carried: ClaimedJob) -> None:
        """One walk over what a slower pace has put off; drains may give it new send times meanwhile."""
        now, until = self._clock(), None
        while True:
            async with self._database.raw() as connection:
                if not await job_rows.renew(connection, carried, now=self._clock(), lease=LEASE):
                    return
                until = await rate_limits.hasten(connection, carried.row["webhook"], now=now, until=until, chunk=CHUNK)
            if until is None:
                return

    async def _in_chunks(self, carried: ClaimedJob, change: Callable[..., Awaitable[int]]) -> None:
        while True:
            now = self._clock()
            async with self._database.raw() as connection:
                if not await job_rows.renew(connection, carried, now=now, lease=LEASE):
                    return
                if await change(connection, carried.row["webhook"], now=now, chunk=CHUNK) == 0:
                    return

    async def _erase(self, carried: ClaimedJob) -> None:
        """A workspace's events, page by page; or one event once more, after the attempts that were under way."""
        workspace, erased, over = carried.row["workspace_id"], 0, False
        while not over:
            now = self._clock()
            async with self._database.raw() as connection:
                if workspace is None:
                    await erasures.again(connection, carried.row["event"], now=now)
                    return
                chunk = await erasures.proceed(connection, carried, now=now, lease=LEASE)
            erased, over = erased + chunk.events, chunk.over
        log.info("erasure.walked workspace=%s events=%d", workspace, erased)

    async def _notice(self, carried: ClaimedJob) -> None:
        """The event's id is made of the delivery's key, so that one that is told twice is one event."""
        row = carried.row
        async with self._database.raw() as connection:
            given_up = await delivery_failed.given_up(connection, row["event"], row["webhook"], row["round"])
        if given_up is None:
            return
        log.info("delivery.given_up event=%s webhook=%s reason=%r", given_up.event, given_up.webhook, given_up.reason)
        if any(not events.type.endswith(DELIVERY_FAILED) for events in given_up.events):
            failed = _event(given_up, self._notify.naming)
            await self._notify.events.publish([failed], workspace_id=given_up.workspace_id, id_alone=True)


def _event(given_up: FailedDelivery, naming: Naming) -> SdkEvent:
    """`...events.v1beta1.webhooks.delivery-failed` (greenlake.md D.14): what was owed, to whom, and why it was given up."""
    events = [{"id": each.id, "type": each.type} for each in given_up.events]
    what = {"batchId": str(given_up.event), "events": events} if given_up.batch else {"event": events[0]}
    data = {
        "id": str(given_up.webhook),
        "type": "events/webhook",
        "resourceUri": f"/events/v1beta1/webhooks/{given_up.webhook}",
        "failureId": str(given_up.event),
        **what,
        "attempts": given_up.attempts,
        "httpResponseCode": given_up.status,
        "reason": given_up.reason,
    }
    ended_at = given_up.ended_at
    attributes = {
        "id": f"{given_up.event}.{given_up.webhook}.{given_up.round}",
        "source": f"//global.{naming.host}/events",
        "type": naming.prefix + DELIVERY_FAILED,
        "subject": given_up.workspace_id,
        "datacontenttype": "application/json",
        "time": ended_at.replace(microsecond=ended_at.microsecond // 1000 * 1000),
    }
    return SdkEvent(attributes, data)
