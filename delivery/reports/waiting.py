"""Why a delivery has not arrived yet: one cause, in words, and until when; pure, from rows that others have read.

What its attempts came to is left to `attempt_history.py`.
"""

from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

from delivery.judgement.breaker import Status, sendable
from delivery.lifecycle import State, final
from delivery.reports import state_words


class WaitCause(StrEnum):
    """What a delivery waits for."""

    #: A worker has it in hands.
    UNDERWAY = "UNDERWAY"
    #: The worker that had it has not been heard of since its lease ended.
    LOST = "LOST"
    #: Its next attempt is due later.
    RETRY = "RETRY"
    #: Its webhook grants a rate, and this is its send time.
    PACED = "PACED"
    #: Its batch is not full yet.
    BATCH = "BATCH"
    #: It goes with its batch.
    BUNDLED = "BUNDLED"
    #: Its webhook was paused, or disabled by an answer.
    DISABLED = "DISABLED"
    #: Its webhook's destination has not proved itself.
    PENDING = "PENDING"
    #: Its webhook was halted for its failures.
    HALTED = "HALTED"
    #: Nobody carries deliveries now: no worker, or no broker.
    CARRIERS = "CARRIERS"
    #: Its webhook does not answer: one attempt at a time.
    CIRCUIT = "CIRCUIT"
    #: It is due, and will be claimed.
    DUE = "DUE"


class WaitFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What the rows say of a delivery that has not ended, and of its webhook."""

    state: State
    due_at: datetime | None
    leased_until: datetime | None
    attempts: int
    #: What the last attempt came to; empty: nothing was attempted.
    reason: str = ""
    #: Attempts whose process was lost.
    lost: int
    #: The last attempt was not answered.
    unanswered: bool
    webhook_status: Status
    state_reason: str
    #: Requests a minute that the destination grants; -1, None: any number.
    rate: int | None
    #: When its webhook's next challenge or probe is due; None where none is to come.
    question_at: datetime | None
    #: Its webhook's last failure, None where a success came since.
    last_failure_at: datetime | None
    #: Whether any worker lives.
    workers: bool = True


class Wait(msgspec.Struct, frozen=True, kw_only=True):
    """Why it has not arrived."""

    cause: WaitCause
    #: A sentence.
    text: str
    #: When that is over, as far as is known.
    until: datetime | None = None


#: What is said while nobody carries deliveries.
NO_WORKER = "No worker runs: nothing is sent until one does."
NO_BROKER = "The broker does not answer: workers hear of nothing that is due until it does."
#: Seconds that a webhook without an answer counts as not answering.
_LATELY = timedelta(minutes=2)


def why(facts: WaitFacts, now: datetime) -> Wait | None:
    """The first cause that holds it up; None where it has ended."""
    if final(facts.state):
        return None
    if facts.state is State.BUNDLED:
        return Wait(cause=WaitCause.BUNDLED, text="It goes with others in one batch, and ends as the batch ends.")
    if facts.state is State.COLLECTING:
        return _collecting(facts)
    if facts.state is State.PARKED or not sendable(facts.webhook_status):
        held = _held(facts)
        if held is not None:
            return held
    return _owed(facts, now)


def heard_of(wait: Wait, *, broker: bool) -> Wait:
    """The same where the broker answers; where it does not, workers hear of nothing that is due (protocol.md 3.3)."""
    if broker or wait.cause not in (WaitCause.DUE, WaitCause.CIRCUIT):
        return wait
    return Wait(cause=WaitCause.CARRIERS, text=NO_BROKER)


def _collecting(facts: WaitFacts) -> Wait:
    if facts.webhook_status in (Status.DISABLED, Status.PENDING):
        held = _held(facts)
        assert held is not None
        return msgspec.structs.replace(held, text=held.text + " Until then events collect for its batches.")
    said = "It waits for its batch, which closes when it is full or when its oldest event has waited long enough."
    return Wait(cause=WaitCause.BATCH, text=said, until=facts.due_at)


def _held(facts: WaitFacts) -> Wait | None:
    """What keeps a webhook from being sent to; None where nothing does, and a wake is on its way."""
    why = state_words.words(facts.state_reason)
    reason = f" ({why})" if why else ""
    if facts.webhook_status is Status.DISABLED:
        said = f"Its webhook is {why or 'paused'}: this is kept, and goes out once the webhook is resumed."
        return Wait(cause=WaitCause.DISABLED, text=said)
    if facts.webhook_status is Status.PENDING:
        said = f"Its webhook is pending{reason}: its destination has to answer a challenge first."
        return Wait(cause=WaitCause.PENDING, text=said, until=facts.question_at)
    if facts.webhook_status is Status.ERROR:
        said = f"Its webhook is halted{reason}: it is probed at growing intervals, and goes on once a probe succeeds."
        return Wait(cause=WaitCause.HALTED, text=said, until=facts.question_at)
    return None


def _owed(facts: WaitFacts, now: datetime) -> Wait:
    if facts.leased_until is not None and facts.leased_until > now:
        said = "A worker has it in hands: its attempt is under way, or about to begin."
        return Wait(cause=WaitCause.UNDERWAY, text=said, until=facts.leased_until)
    if not facts.workers:
        return Wait(cause=WaitCause.CARRIERS, text=NO_WORKER)
    if facts.leased_until is not None:
        said = "The worker that had it in hands was lost, or has not recorded yet; another one claims it."
        return Wait(cause=WaitCause.LOST, text=said)
    if facts.due_at is not None and facts.due_at > now:
        return _later(facts)
    lately = facts.last_failure_at is not None and now - facts.last_failure_at < _LATELY
    if facts.unanswered and lately:
        said = "It is due, but its webhook does not answer: its deliveries go out one at a time until one is answered."
        return Wait(cause=WaitCause.CIRCUIT, text=said)
    if facts.state is State.PARKED:
        return Wait(cause=WaitCause.DUE, text="Its webhook may be sent to again: it is about to be taken up.")
    return Wait(cause=WaitCause.DUE, text="It is due, and goes out when its turn comes.", until=facts.due_at)


def _later(facts: WaitFacts) -> Wait:
    if facts.rate is not None and facts.rate > 0 and facts.attempts == 0:
        said = f"Its destination takes {facts.rate} requests a minute: this is its turn."
        return Wait(cause=WaitCause.PACED, text=said, until=facts.due_at)
    if facts.attempts == 0 and facts.lost:
        said = f"The process that sent it was lost {facts.lost} times: it waits before it is tried again."
        return Wait(cause=WaitCause.LOST, text=said, until=facts.due_at)
    if facts.attempts == 0:
        return Wait(cause=WaitCause.DUE, text="It goes out at once.", until=facts.due_at)
    why = f": {facts.reason}" if facts.reason else ""
    said = f"Attempt {facts.attempts} failed{why}."
    return Wait(cause=WaitCause.RETRY, text=said, until=facts.due_at)
