"""Attempting: a claimed delivery is sent, and what came of it judged; nothing is written down.

What an answer means is left to `delivery/judgement`, how it is sent to `delivery/wire`.
"""

from datetime import datetime

from delivery import destinations
from delivery.attempts.endings import ClaimedDelivery, EndedAttempt, kept, record_of, tell
from delivery.foundation import WiredFoundation
from delivery.judgement import outcome, retry
from delivery.judgement.breaker import Result
from delivery.judgement.outcome import Outcome, OutcomeKind
from delivery.judgement.retry import Progress, Schedule
from delivery.kept_answers import KeptAnswers
from delivery.ledger.owing.batches import BATCH
from delivery.lifecycle import State
from delivery.wire import causes, parcels
from delivery.wire.parcels import Failure, FailureKind, Reply
from delivery.wire.sender import Attempt
from subscriptions.ground.errors import HooklakeError, Refused

#: What says nothing of a webhook's health.
NOT_THEIRS = frozenset(
    {
        FailureKind.unsealed,
        FailureKind.internal,
        FailureKind.unwritable,
        FailureKind.unacknowledged,
        FailureKind.stale,
    }
)
#: What opens a webhook's circuit (`workers/slots.py`); any status is an answer.
UNANSWERED = frozenset({FailureKind.timeout, FailureKind.refused, FailureKind.reset, FailureKind.tls, FailureKind.name})


class AttemptMaker:
    """Deliveries from held to judged."""

    def __init__(self, base: WiredFoundation) -> None:
        self._base = base
        settings = base.settings
        per_hour, between = settings.answer_bytes_per_hour, settings.answer_body_bytes_between
        self._answers = KeptAnswers(per_hour=per_hour, between=between)
        self._schedule = Schedule(
            delays=settings.retry_delays,
            window=settings.retry_window,
            jitter=settings.retry_jitter,
            floor=settings.rate_limited_floor,
        )

    @property
    def short(self) -> bool:
        """Whether this process has no room for further connections: what is claimed now would fail by our fault."""
        return self._base.sender.short

    async def make(self, held: ClaimedDelivery) -> EndedAttempt:
        """One attempt and its judgement; raises nothing but CancelledError."""
        claimed = held.claimed
        if claimed.body is None:
            return self._erased(held)
        attempt = await self._send(held, claimed.body)
        now = self._base.clock()
        came_to = self._judge(attempt.answer, now)
        step = retry.step(
            came_to,
            Progress(attempts=claimed.attempts + 1, first_try_at=claimed.first_try_at, halted=claimed.halted),
            self._schedule,
            now=now,
            chance=self._base.chance(),
        )
        record = record_of(held, attempt, came_to, step)
        if isinstance(attempt.answer, Reply):
            record = kept(record, held, attempt.answer, now, answers=self._answers)
        ok = came_to.kind is OutcomeKind.SUCCESS
        failed = attempt.answer.kind if isinstance(attempt.answer, Failure) else None
        ended = EndedAttempt(
            record=record,
            workspace=held.hook.workspace_id,
            result=Result(ok=ok, at=now, disables=came_to.disables, reason=came_to.reason),
            epoch=claimed.epoch,
            batch=claimed.type == BATCH,
            matters=failed not in NOT_THEIRS if not ok else claimed.ailing,
            answered=failed not in UNANSWERED,
        )
        tell(held, ended.record, step)
        return ended

    async def _send(self, held: ClaimedDelivery, body: bytes) -> Attempt:
        hook, claimed = held.hook, held.claimed
        if hook.sealed is not None:
            return self._unsent(FailureKind.unsealed, hook.sealed)
        try:
            make = parcels.batch if claimed.type == BATCH else parcels.single
            parcel = make(claimed.event, body, content_mode=hook.content_mode)
            to, deadline = destinations.destination(hook), self._base.settings.delivery_timeout
            return await self._base.sender.send(parcel, to, deadline=deadline)
        except Refused as error:
            # Only events that an earlier release took: bytes do not change, and so no other try would come further.
            return self._unsent(FailureKind.unwritable, str(error))
        except HooklakeError as error:
            return self._unsent(FailureKind.internal, str(error))
        except Exception as error:
            # Unrecorded, the row would look like one whose process was lost (protocol.md 5.4).
            failure = causes.internal(error)
            return self._unsent(failure.kind, failure.cause)

    def _unsent(self, kind: FailureKind, cause: str) -> Attempt:
        return Attempt(
            started_at=self._base.clock(), milliseconds=0, request_headers=(), answer=Failure(kind=kind, cause=cause)
        )

    def _judge(self, answer: Reply | Failure, now: datetime) -> Outcome:
        policy = self._base.settings.delivery_policy
        if isinstance(answer, Failure):
            return outcome.of_failure(answer.kind, answer.cause, policy=policy)
        asked = [value for name, value in answer.headers if name.lower() == "retry-after"]
        return outcome.of_reply(answer.status, asked, policy=policy, now=now)

    def _erased(self, held: ClaimedDelivery) -> EndedAttempt:
        came_to = Outcome(
            kind=OutcomeKind.FINAL, status=None, retry_after=None, reason="its payload was erased", disables=False
        )
        attempt = self._unsent(FailureKind.internal, came_to.reason)
        record = record_of(held, attempt, came_to, retry.GiveUp(reason=came_to.reason), state=State.EXPIRED)
        result = Result(ok=True, at=self._base.clock(), disables=False, reason="")
        return EndedAttempt(
            record=record,
            workspace=held.hook.workspace_id,
            result=result,
            epoch=held.claimed.epoch,
            batch=held.claimed.type == BATCH,
            matters=False,
            answered=True,
        )
