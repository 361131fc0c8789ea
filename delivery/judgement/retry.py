"""What follows from an outcome: done, another attempt at a stated time, or giving up (greenlake.md 5.2, D.7).

What an answer means is left to `outcome`, slots of a paced webhook to `pace`, writing the step to `ledger`.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from delivery.judgement.outcome import Outcome, OutcomeKind

TOO_MANY_REQUESTS = 429


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """The delivery succeeded."""


class RetryAt(msgspec.Struct, frozen=True, kw_only=True):
    """There will be another attempt."""

    #: Not before this moment; an attempt once scheduled is made, however late.
    when: datetime


class GiveUp(msgspec.Struct, frozen=True, kw_only=True):
    """There will be no other try in this round."""

    #: One readable sentence with the last answer in it.
    reason: str


Step = Done | RetryAt | GiveUp


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a delivery has come."""

    #: Attempts that ended, the one being judged included.
    attempts: int
    #: When the first attempt began; the window counts from here.
    first_try_at: datetime
    #: Seconds since the first attempt in which the webhook could not be sent to; the window stood still.
    halted: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Schedule:
    """The regular slots of a deployment; all in seconds."""

    #: The waits before attempts 2, 3, ...; one attempt more than waits.
    delays: tuple[float, ...]
    #: No attempt is scheduled later than this after the first one began.
    window: float
    #: The share by which a wait may be stretched or shortened, from 0 to less than 1.
    jitter: float
    #: The least wait after a 429 that names none.
    floor: float


def step(outcome: Outcome, progress: Progress, schedule: Schedule, *, now: datetime, chance: float) -> Step:
    """What follows from `outcome`, decided at `now` (aware) with `chance` drawn from [0, 1).

    The regular slot decides whether there is another attempt. A wait that the answer asked for then puts the attempt off, as
    far as the end of the window. That wait is stretched by the jitter as well, never shortened: deliveries that were
    all told the same would otherwise come back as one.
    """
    match outcome.kind:
        case OutcomeKind.SUCCESS:
            return Done()
        case OutcomeKind.FINAL:
            return GiveUp(reason=outcome.reason)
        case OutcomeKind.RETRYABLE:
            return _again(outcome, progress, schedule, now, chance)


def _again(outcome: Outcome, progress: Progress, schedule: Schedule, now: datetime, chance: float) -> RetryAt | GiveUp:
    if progress.attempts > len(schedule.delays):
        return GiveUp(reason=f"given up after {progress.attempts} attempts: {outcome.reason}")
    regular = _regular(outcome, progress.attempts, schedule, chance)
    elapsed = (now - progress.first_try_at).total_seconds()
    left = schedule.window + progress.halted - elapsed
    if regular > left:
        return GiveUp(reason=f"given up: the next attempt would begin after the retry window: {outcome.reason}")
    asked = (outcome.retry_after or 0.0) * (1 + schedule.jitter * chance)
    return RetryAt(when=now + timedelta(seconds=max(regular, min(asked, left))))


def _regular(outcome: Outcome, attempts: int, schedule: Schedule, chance: float) -> float:
    """Seconds from now to the regular slot of the next attempt.

    Own arithmetic: of tenacity's strategies only a `wait_chain` of `wait_fixed` fits, which is this list with a
    RetryCallState around its index; those with jitter draw from the global `random`, out of reach of a told chance.
    """
    slot = schedule.delays[attempts - 1] * (1 + schedule.jitter * (2 * chance - 1))
    if outcome.status == TOO_MANY_REQUESTS and outcome.retry_after is None:
        # Part of the regular slot rather than a wish: cut off at the window's end it would be less than the floor.
        return max(slot, schedule.floor * (1 + schedule.jitter * chance))
    return slot
