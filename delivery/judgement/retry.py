"""What follows from an outcome: done, another attempt at a stated time, or giving up (greenlake.md 5.2, D.7).

A schedule is a policy in tenacity's terms: what is worth another attempt, how long that waits, when there is none. It is asked
about the state of one delivery and never run: nothing sleeps, for between two attempts a delivery is a row.

What an answer means is left to `outcome`, send times of a paced webhook to `pace`, writing the step to `ledger`.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import cast

import msgspec
from tenacity import RetryCallState, Retrying, stop_after_attempt, wait_chain, wait_none, wait_random
from tenacity.retry import retry_base
from tenacity.stop import stop_base
from tenacity.wait import wait_base

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
    """The regular waits of a deployment; all in seconds."""

    #: The waits before attempts 2, 3, ...; one attempt more than waits.
    delays: tuple[float, ...]
    #: No attempt is scheduled later than this after the first one began.
    window: float
    #: The share by which a wait may be stretched or shortened, from 0 to less than 1.
    jitter: float
    #: The least wait after a 429 that names none.
    floor: float
    #: The same in tenacity's terms, composed once.
    policy: Retrying = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        shortest, longest = 1 - self.jitter, 1 + self.jitter
        waits: list[wait_base] = [WaitDrawn(delay * shortest, delay * longest) for delay in self.delays]
        policy = Retrying(
            retry=RetryWorthwhile(),
            wait=WaitLongest(
                wait_chain(*waits or [wait_none()]),
                WaitFloor(self.floor, self.floor * longest),
                WaitAsked(self.window, self.jitter),
            ),
            stop=stop_after_attempt(len(self.delays) + 1) | StopPastWindow(self.window),
        )
        object.__setattr__(self, "policy", policy)


class DeliveryState(RetryCallState):
    """A delivery after an attempt, as tenacity's parts see a call; clock and chance are handed in.

    Without the `outcome` of a call, a future that costs more than all of the policy: `judged` stands for it.
    """

    def __init__(self, schedule: Schedule, judged: Outcome, progress: Progress, now: datetime, chance: float) -> None:
        super().__init__(schedule.policy, None, (), {})
        self.attempt_number = progress.attempts
        self.judged = judged
        #: Drawn from [0, 1).
        self.chance = chance
        # The window stood still while the webhook was halted.
        self.start_time = progress.halted
        self.outcome_timestamp = (now - progress.first_try_at).total_seconds()
        self.elapsed = self.outcome_timestamp - self.start_time


class RetryWorthwhile(retry_base):
    """What was judged to be worth another attempt."""

    def __call__(self, retry_state: RetryCallState) -> bool:
        return _delivery(retry_state).judged.kind is OutcomeKind.RETRYABLE


class StopPastWindow(stop_base):
    """No attempt begins later than so many seconds after the first; one at that very moment still does.

    tenacity's `stop_before_delay` has none at that moment, which is where a long Retry-After puts an attempt.
    """

    def __init__(self, window: float) -> None:
        self._window = window

    def __call__(self, retry_state: RetryCallState) -> bool:
        return retry_state.upcoming_sleep > self._window - _delivery(retry_state).elapsed


class WaitDrawn(wait_random):
    """tenacity's `wait_random`, by the chance that was handed in."""

    def __call__(self, retry_state: RetryCallState) -> float:
        chance = _delivery(retry_state).chance
        return self.wait_random_min + chance * (self.wait_random_max - self.wait_random_min)


class WaitFloor(WaitDrawn):
    """After a 429 that names no wait; after other answers none."""

    def __call__(self, retry_state: RetryCallState) -> float:
        judged = _delivery(retry_state).judged
        unasked = judged.status == TOO_MANY_REQUESTS and judged.retry_after is None
        return super().__call__(retry_state) if unasked else 0.0


class WaitAsked(wait_base):
    """As long as the answer asked for, and no longer than the window.

    Stretched by the jitter, never shortened: deliveries that were all told the same would otherwise come back as one.
    """

    def __init__(self, window: float, jitter: float) -> None:
        self._window = window
        self._jitter = jitter

    def __call__(self, retry_state: RetryCallState) -> float:
        state = _delivery(retry_state)
        if state.judged.retry_after is None:
            return 0.0
        return min(state.judged.retry_after * (1 + self._jitter * state.chance), self._window - state.elapsed)


class WaitLongest(wait_base):
    """The longest of several waits."""

    def __init__(self, *waits: wait_base) -> None:
        self._waits = waits

    def __call__(self, retry_state: RetryCallState) -> float:
        return max([wait(retry_state) for wait in self._waits])


def step(outcome: Outcome, progress: Progress, schedule: Schedule, *, now: datetime, chance: float) -> Step:
    """What follows from `outcome`, decided at `now` (aware) with `chance` drawn from [0, 1).

    The regular wait, a floor after a 429 included, decides whether there is another attempt. A wait that the answer asked for
    then puts the attempt off, as far as the end of the window.
    """
    if outcome.kind is OutcomeKind.SUCCESS:
        # What goes well asks no policy.
        return Done()
    state, policy = DeliveryState(schedule, outcome, progress, now, chance), schedule.policy
    if not policy.retry(state):
        return GiveUp(reason=outcome.reason)
    state.upcoming_sleep = policy.wait(state)
    if not policy.stop(state):
        return RetryAt(when=now + timedelta(seconds=state.upcoming_sleep))
    if progress.attempts > len(schedule.delays):
        return GiveUp(reason=f"given up after {progress.attempts} attempts: {outcome.reason}")
    return GiveUp(reason=f"given up: the next attempt would begin after the retry window: {outcome.reason}")


def _delivery(state: RetryCallState) -> DeliveryState:
    return cast("DeliveryState", state)
