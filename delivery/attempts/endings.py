"""What is held while an attempt runs, and what is written down when it has ended.

The judgement itself stands in `judgement`, the statement in `ledger/records/outcomes.py`.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from msgspec import structs

from delivery.judgement import alike, retry
from delivery.judgement.breaker import Result
from delivery.judgement.outcome import Outcome, OutcomeKind
from delivery.judgement.retry import RetryAt
from delivery.kept_answers import LONG, KeptAnswers
from delivery.ledger.claims.claiming import ClaimedRow
from delivery.ledger.records.outcomes import Record
from delivery.lifecycle import State
from delivery.wire.parcels import Failure, FailureKind, Reply
from delivery.wire.sender import Attempt
from subscriptions.events.catalogue import DELIVERY_FAILED
from subscriptions.ground import logs
from subscriptions.webhooks.webhook_store import Hook

log = logs.Frequent("hooklake.delivery")

_json = msgspec.json.Encoder().encode

#: A kept connection that was no good any more: it happens to healthy webhooks, and the next attempt takes a new one.
PASSING = frozenset({FailureKind.stale, FailureKind.unacknowledged})


class ClaimedDelivery(msgspec.Struct, frozen=True, kw_only=True):
    """One delivery in this process's hands, and where it goes."""

    claimed: ClaimedRow
    hook: Hook
    #: A probe of a webhook in ERROR: not one of the row's attempts.
    probe: bool = False

    @property
    def key(self) -> tuple[UUID, UUID, int, int]:
        """(event, webhook, round, fence)."""
        return self.claimed.event, self.claimed.webhook, self.claimed.round, self.claimed.fence


class EndedAttempt(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt that ended, judged, and to be written down."""

    record: Record
    workspace: str
    result: Result
    epoch: int
    #: It carried a batch, whose members end with it.
    batch: bool
    #: The webhook's health has to hear of it: it failed, or its success clears failures.
    matters: bool
    #: An exchange took place, whatever came of it: where there was none, the webhook's in-flight share shrinks.
    answered: bool

    @property
    def size(self) -> int:
        """Bytes of the answer that are to be recorded, where it is a long one; 0 of all others, which are the most by far."""
        size = len(self.record.response_headers or b"") + len(self.record.response_body or b"")
        return size if size > LONG else 0


def record_of(
    held: ClaimedDelivery, attempt: Attempt, came_to: Outcome, step: retry.Step, state: State | None = None
) -> Record:
    """The record of an attempt; `state` where it does not follow from the step."""
    claimed, answer = held.claimed, attempt.answer
    reply = answer if isinstance(answer, Reply) else None
    if state is None:
        state = _state(held, step)
    return Record(
        event=claimed.event,
        webhook=claimed.webhook,
        round=claimed.round,
        fence=claimed.fence,
        state=state,
        due_at=step.when if isinstance(step, RetryAt) and state is State.OWED else None,
        counts=0 if held.probe and state is State.PARKED else 1,
        delivery_failed=state is State.FAILED and not claimed.type.endswith(DELIVERY_FAILED),
        started_at=attempt.started_at,
        milliseconds=attempt.milliseconds,
        status=came_to.status,
        reason=step.reason if isinstance(step, retry.GiveUp) else came_to.reason,
        request_headers=_json(attempt.request_headers),
        response_headers=None if reply is None else _json(reply.headers),
        response_body=None if reply is None else reply.body,
        wire=None if attempt.notes is None else _json(attempt.notes),
        cause=_cause(answer, came_to, state),
    )


def kept(record: Record, held: ClaimedDelivery, reply: Reply, now: datetime, *, answers: KeptAnswers) -> Record:
    """The record with what is kept of the reply where that is long.

    It is more of a delivery's first attempt and of the one that ends it than of those between: twenty whole answers to one small
    event would be more than a megabyte.
    """
    if _size(record) <= LONG and not reply.truncated:
        return record
    between = held.claimed.attempts > 0 and record.state in (State.OWED, State.PARKED)
    headers, body = answers.keep(held.hook.workspace_id, reply, now, between=between)
    return structs.replace(record, response_headers=headers, response_body=body)


def _cause(answer: Reply | Failure, came_to: Outcome, state: State) -> str:
    """What the failure is alike by; empty of a success, an erased payload, and what the next attempt puts right by itself."""
    if came_to.kind is OutcomeKind.SUCCESS or state is State.EXPIRED:
        return ""
    if isinstance(answer, Failure) and answer.kind in PASSING and state is not State.FAILED:
        return ""
    return alike.cause_of(came_to.reason)


def _size(record: Record) -> int:
    """Bytes of the answer."""
    return len(record.response_headers or b"") + len(record.response_body or b"")


def _state(held: ClaimedDelivery, step: retry.Step) -> State:
    if isinstance(step, retry.Done):
        return State.DELIVERED
    if held.probe:
        return State.PARKED
    return State.OWED if isinstance(step, RetryAt) else State.FAILED


def by_webhook(ended: Sequence[EndedAttempt]) -> dict[tuple[UUID, int], list[Result]]:
    """The results that a webhook's health has to hear of, by (webhook, epoch)."""
    found: dict[tuple[UUID, int], list[Result]] = defaultdict(list)
    for each in ended:
        if each.matters:
            found[each.record.webhook, each.epoch].append(each.result)
    # In order of id: two processes that record at once lock webhooks in the same order.
    return dict(sorted(found.items()))


def tell(held: ClaimedDelivery, record: Record, step: retry.Step) -> None:
    """The one log line of an attempt."""
    log.info(
        "delivery.attempted event=%s webhook=%s round=%d attempt=%d status=%s ms=%d step=%s reason=%r",
        record.event,
        record.webhook,
        record.round,
        held.claimed.attempts + 1,
        record.status,
        record.milliseconds,
        f"retry at {step.when:%H:%M:%S}" if isinstance(step, RetryAt) else type(step).__name__.lower(),
        record.reason,
    )
