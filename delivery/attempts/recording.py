"""Writing down what attempts came to: records first, then the health of their webhooks (protocol.md 5).

How long outcomes wait for one another is left to `workers/recorder.py`, what they mean to `judgement`.
"""

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence, Set
from datetime import datetime
from functools import partial
from uuid import UUID

import asyncpg

from delivery import lifecycle
from delivery.attempts.endings import EndedAttempt, by_webhook
from delivery.judgement import breaker
from delivery.judgement.breaker import Health, Result, Rules
from delivery.ledger.owing import parking
from delivery.ledger.records import batch_members, health_counts, outcomes
from delivery.ledger.records.outcomes import Record, WrittenOutcomes
from delivery.lifecycle import State
from delivery.tickets import Job, JobKind
from subscriptions.ground.away import AWAY
from subscriptions.ground.clock import DatabaseClock
from subscriptions.ground.database import Database, Raw
from subscriptions.ground.errors import HooklakeError
from subscriptions.ground.sessions import CONTENDED

log = logging.getLogger("hooklake.delivery")

Key = tuple[UUID, UUID, int, int]


class RowsLocked(HooklakeError):
    """Others lock rows that were to be written: what they do not lock is written, and the rest may be written later."""

    def __init__(self, jobs: Sequence[Job], left: Sequence[EndedAttempt]) -> None:
        """`jobs` are to be announced; none may be `left` where only a webhook is to be told of what is written."""
        super().__init__(f"others hold the rows of {len(left)} outcomes")
        self.jobs = jobs
        self.left = left


class OutcomeWriter:
    """What one process writes down. Others' row locks hold up what they are on, and nothing else."""

    def __init__(self, database: Database, clock: DatabaseClock, rules: Rules) -> None:
        self._database = database
        self._clock = clock
        self._rules = rules
        #: What is to be told to webhooks, by (webhook, epoch), whose rows were locked.
        self._untold: dict[tuple[UUID, int], list[Result]] = defaultdict(list)

    async def record(self, ended: Sequence[EndedAttempt]) -> list[Job]:
        """Writes outcomes of different deliveries together, then changes the webhooks' health; answers the jobs to announce.

        They are those of delivery-failed events.

        Raises Unavailable, with nothing written that may not be written again, and RowsLocked where others lock some of the rows.
        """
        now = self._clock()
        async with self._database.raw() as connection:
            batches = {each.record.event for each in ended if each.batch and lifecycle.final(each.record.state)}
            failed, left = await self._write(connection, [each.record for each in ended], batches, now)
            held_up = [each for each in ended if _key(each.record) in left] if left else []
            written = [each for each in ended if _key(each.record) not in left] if left else ended
            parked = {each.record.webhook for each in written if each.record.state is State.PARKED}
            await parking.look_again(connection, parked, now=now)
            await self._tell(connection, by_webhook(written), now)
        jobs = [Job(kind=JobKind.JOB, key=key, fence=0) for key in failed]
        if held_up or self._untold:
            raise RowsLocked(jobs, held_up)
        return jobs

    async def judge(self) -> None:
        """Tells webhooks what they have not been told yet, waiting for their rows; raises Unavailable with the rest untold."""
        while self._untold:
            of = next(iter(self._untold))
            results = self._untold[of]
            count = len(results)
            try:
                await self._judge(of, results[:count])
                del results[:count]
            finally:
                # Behind the others, or they would wait for whoever holds this one.
                del self._untold[of]
                if results:
                    self._untold[of] = results

    async def _judge(self, of: tuple[UUID, int], results: Sequence[Result]) -> None:
        async with self._database.raw() as connection:
            await self._tally(connection, of, results, self._clock(), patient=True)

    async def _tell(self, connection: Raw, news: Mapping[tuple[UUID, int], Sequence[Result]], now: datetime) -> None:
        """Who is locked is told last, and waited for as long as a lock is worth, unless that was in vain lately."""
        locked: dict[tuple[UUID, int], Sequence[Result]] = {}
        for patient in (False, True):
            for of, results in (locked if patient else news).items():
                # Those of a webhook that waits are told in their order.
                if of in self._untold or (patient and self._untold):
                    self._untold[of].extend(results)
                    continue
                try:
                    await self._tally(connection, of, results, now, patient=patient)
                except (health_counts.WebhookLocked, *CONTENDED):
                    if patient:
                        self._untold[of].extend(results)
                    else:
                        locked[of] = results

    async def _tally(
        self, connection: Raw, of: tuple[UUID, int], results: Sequence[Result], now: datetime, *, patient: bool
    ) -> None:
        judge = partial(self._after, results, now)
        moved = await health_counts.change(
            connection, of, judge, health_counts.HealthRules(now=now, rules=self._rules, patient=patient)
        )
        if moved is not None and moved[0].status is not moved[1].status:
            before, after = moved
            statuses = (before.status, after.status, after.state_reason)
            log.info("webhook.moved webhook=%s from=%s to=%s reason=%r", of[0], *statuses)

    def _after(self, results: Sequence[Result], now: datetime, health: Health) -> Health:
        return breaker.after(health, results, rules=self._rules, now=now)

    async def _write(
        self, connection: Raw, written: Sequence[Record], batches: Set[UUID], now: datetime
    ) -> tuple[list[UUID], Set[Key]]:
        """The jobs of delivery-failed events, and what others lock (protocol.md 5.1).

        Together; where that fails on data, one by one; what still fails, without its answer.
        """
        left: Set[Key] = frozenset()
        try:
            result = await _put(connection, written, batches, now)
        except CONTENDED:
            result, left = await _put_free(connection, written, batches, now)
        except asyncpg.PostgresError as error:
            if isinstance(error, AWAY):
                raise
            if len(written) > 1:
                log.warning("records.split records=%d cause=%r", len(written), error)
                parts = [await self._write(connection, [each], batches, now) for each in written]
                return [key for keys, _ in parts for key in keys], {key for _, rest in parts for key in rest}
            log.error("record.bare event=%s webhook=%s cause=%r", written[0].event, written[0].webhook, error)
            result = await _put(connection, [outcomes.bare(written[0], type(error).__name__)], batches, now)
        if result.database_now is not None:
            self._clock.follow(result.database_now)
        return result.jobs, left


async def _put(connection: Raw, written: Sequence[Record], batches: Set[UUID], now: datetime) -> WrittenOutcomes:
    """Batches that ended, and their members with them: what parts the two is found by the slow sweep at the earliest."""
    if not any(record.event in batches for record in written):
        return await outcomes.write(connection, written, now=now)
    async with connection.transaction():
        result = await outcomes.write(connection, written, now=now)
        await batch_members.settle(connection, [event for event, *_ in result.applied if event in batches])
    return result


async def _put_free(
    connection: Raw, written: Sequence[Record], batches: Set[UUID], now: datetime
) -> tuple[WrittenOutcomes, Set[Key]]:
    """Writes what nobody else holds; answers the keys of the rest."""
    async with connection.transaction():
        left = await outcomes.locked(connection, [_key(record) for record in written])
        free = [record for record in written if _key(record) not in left]
        return await _put(connection, free, batches, now), left


def _key(record: Record) -> Key:
    return record.event, record.webhook, record.round, record.fence
