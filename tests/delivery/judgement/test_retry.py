"""What follows from an outcome, as tables and as properties; what an answer means is test_outcome's."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tenacity import stop_after_attempt, stop_after_delay, stop_any, wait_combine, wait_fixed
from tenacity.stop import stop_base

from delivery.judgement import outcome, retry
from delivery.judgement.outcome import Outcome, OutcomeKind, Policy
from delivery.judgement.retry import DeliveryState, Done, GiveUp, Progress, RetryAt, Schedule
from delivery.settings import DeliverySettings

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
DEFAULTS = DeliverySettings()
SCHEDULE = Schedule(
    delays=DEFAULTS.retry_delays,
    window=DEFAULTS.retry_window,
    jitter=DEFAULTS.retry_jitter,
    floor=DEFAULTS.rate_limited_floor,
)
#: A quarter of the way from the shortest to the longest wait, and no jitter at all.
QUARTER, MIDDLE = 0.25, 0.5
HALF_DAY = 43200.0


def reply(status: int, *retry_after: str, policy: Policy = "standard") -> Outcome:
    return outcome.of_reply(status, retry_after, policy=policy, now=START)


def wait(
    judged: Outcome, *, attempts: int = 1, elapsed: float = 0.0, halted: float = 0.0, chance: float = MIDDLE
) -> float:
    """Seconds to the next attempt; an assertion fails where there is none."""
    now = START + timedelta(seconds=elapsed)
    progress = Progress(attempts=attempts, first_try_at=START, halted=halted)
    step = retry.step(judged, progress, SCHEDULE, now=now, chance=chance)
    assert isinstance(step, RetryAt), step
    return (step.when - now).total_seconds()


def end(judged: Outcome, *, attempts: int = 1, elapsed: float = 0.0, halted: float = 0.0) -> str:
    """The reason of the giving up; an assertion fails where there is another attempt."""
    progress = Progress(attempts=attempts, first_try_at=START, halted=halted)
    step = retry.step(judged, progress, SCHEDULE, now=START + timedelta(seconds=elapsed), chance=MIDDLE)
    assert isinstance(step, GiveUp), step
    return step.reason


@pytest.mark.parametrize(
    ("attempts", "seconds"),
    list(
        enumerate(
            [3, 8, 20, 45, 90, 180, 300, 600, 900, 1200, 1800, 2400, 2700, 3000, 3600, 4200, 4800, 5400, 6000], start=1
        )
    ),
)
def test_the_waits_are_the_documented_ones(attempts: int, seconds: float) -> None:
    """After n attempts the next waits as greenlake.md 5.2 lists, 10 % shorter to 10 % longer."""
    waits = [wait(reply(503), attempts=attempts, chance=chance) for chance in (0.0, QUARTER, MIDDLE)]

    assert pytest.approx([seconds * 0.9, seconds * 0.95, seconds]) == waits


def test_the_twentieth_failure_is_the_last() -> None:
    """After 20 attempts there is no other, and the reason names their number and the last answer."""
    assert end(reply(503), attempts=20) == "given up after 20 attempts: 503 Service Unavailable"


@pytest.mark.parametrize("policy", ["standard", "greenlake"])
def test_a_success_is_done(policy: Policy) -> None:
    """A 2xx ends the delivery, at whatever attempt and however late."""
    progress = Progress(attempts=20, first_try_at=START, halted=0.0)

    assert Done() == retry.step(
        reply(204, policy=policy), progress, SCHEDULE, now=START + timedelta(days=3), chance=MIDDLE
    )


@pytest.mark.parametrize(
    ("status", "policy"),
    [
        (410, "standard"),
        (301, "standard"),
        (410, "greenlake"),
        (307, "greenlake"),
        (400, "greenlake"),
        (500, "greenlake"),
    ],
)
def test_a_final_answer_gives_up_at_once(status: int, policy: Policy) -> None:
    """An answer that the policy calls final ends the delivery with its own sentence, at the first attempt."""
    judged = reply(status, policy=policy)

    assert judged.reason == end(judged)


@pytest.mark.parametrize("policy", ["standard", "greenlake"])
@pytest.mark.parametrize("status", [404, 413, 415, 425, 502, 503, 504])
def test_both_policies_share_the_schedule(policy: Policy, status: int) -> None:
    """What both policies retry waits the same."""
    assert wait(reply(status, policy=policy), attempts=4) == 45.0


@pytest.mark.parametrize(
    ("status", "asked", "attempts", "elapsed", "seconds"),
    [
        # Later than the regular time: honoured, on a 503 as on a 429 and any other retried answer.
        (503, "120", 1, 0, 126),
        (429, "120", 1, 0, 126),
        (500, "120", 1, 0, 126),
        (503, "Sun, 01 Mar 2026 12:02:00 GMT", 1, 0, 126),
        # Sooner than the regular time: that stands.
        (503, "1", 4, 0, 45),
        (503, "0", 1, 0, 3),
        (503, "Sun, 06 Nov 1994 08:49:37 GMT", 1, 0, 3),
        # Beyond the window: its end.
        (503, "31536000", 1, 0, 43200),
        (503, "86400", 5, 43000, 200),
        # Not understood: as if absent.
        (503, "tomorrow", 1, 0, 3),
        # An epoch is no wait.
        (503, "1795845720", 1, 0, 3),
        # A 429 that names no wait it can be held to waits the floor, one that does waits what it says.
        (429, "tomorrow", 1, 0, 63),
        (429, "0", 1, 0, 3),
    ],
)
def test_retry_after_is_honoured_between_regular_time_and_window(
    status: int, asked: str, attempts: int, elapsed: float, seconds: float
) -> None:
    """A Retry-After puts the next attempt off, never before its regular time and never
    past the window (cloudevents.md W5, greenlake.md 5.2)."""
    assert pytest.approx(seconds) == wait(reply(status, asked), attempts=attempts, elapsed=elapsed)


@pytest.mark.parametrize(
    ("attempts", "chance", "seconds"), [(1, 0.0, 60), (4, 0.0, 60), (4, MIDDLE, 63), (6, MIDDLE, 180)]
)
def test_a_429_without_retry_after_waits_at_least_the_floor(attempts: int, chance: float, seconds: float) -> None:
    """The floor lifts the short waits of the schedule and leaves the long ones."""
    assert pytest.approx(seconds) == wait(reply(429), attempts=attempts, chance=chance)


@pytest.mark.parametrize(
    ("status", "attempts", "elapsed", "halted", "goes_on"),
    [
        (503, 5, HALF_DAY - 90, 0, True),
        (503, 5, HALF_DAY - 89, 0, False),
        (503, 1, HALF_DAY + 1, 0, False),
        # Halted time does not count.
        (503, 5, HALF_DAY + 900, 990, True),
        (503, 5, HALF_DAY + 900, 989, False),
        # A floor that does not fit any more is not cut short.
        (429, 1, HALF_DAY - 63, 0, True),
        (429, 1, HALF_DAY - 62, 0, False),
    ],
)
def test_the_window_ends_the_tries(status: int, attempts: int, elapsed: float, halted: float, goes_on: bool) -> None:
    """No attempt is scheduled whose regular time begins after the window; halted time does not count in it."""
    progress = Progress(attempts=attempts, first_try_at=START, halted=halted)

    step = retry.step(reply(status), progress, SCHEDULE, now=START + timedelta(seconds=elapsed), chance=MIDDLE)

    assert goes_on == isinstance(step, RetryAt)


def test_giving_up_at_the_window_says_so() -> None:
    """The reason names the window and the last answer."""
    assert end(reply(502), elapsed=50000) == (
        "given up: the next attempt would begin after the retry window: 502 Bad Gateway"
    )


@pytest.mark.parametrize("judged", [reply(503), reply(429), reply(503, "60")], ids=["regular", "floor", "asked"])
def test_what_failed_at_once_comes_back_spread_out(judged: Outcome) -> None:
    """200 deliveries that failed in one moment with one answer get 200 moments, over a tenth of the wait or so."""
    waits = [wait(judged, chance=n / 200) for n in range(200)]

    assert len(set(waits)) == 200
    assert max(waits) - min(waits) > 0.09 * min(waits)


retryable = st.builds(
    Outcome,
    kind=st.just(OutcomeKind.RETRYABLE),
    status=st.none() | st.integers(400, 599),
    retry_after=st.none() | st.floats(0, outcome.LONGEST_WAIT),
    reason=st.just("no"),
    disables=st.just(False),
)
schedules = st.builds(
    Schedule,
    delays=st.lists(st.floats(0, 1e5), max_size=25).map(tuple),
    window=st.floats(1, 1e6),
    jitter=st.floats(0, 0.99),
    floor=st.floats(0, 1e4),
)
chances = st.floats(0, 1, exclude_max=True)
A_TICK = timedelta(microseconds=2)


@given(retryable, schedules, st.integers(1, 30), st.floats(0, 1e6), st.floats(0, 1e6), chances)
def test_a_retry_lies_between_its_regular_time_and_the_end_of_the_window(
    judged: Outcome, schedule: Schedule, attempts: int, elapsed: float, halted: float, chance: float
) -> None:
    """Whatever was answered: never before the shortest regular wait, past the window, or beyond the last attempt."""
    now = START + timedelta(seconds=elapsed)
    progress = Progress(attempts=attempts, first_try_at=START, halted=halted)

    step = retry.step(judged, progress, schedule, now=now, chance=chance)

    if isinstance(step, RetryAt):
        assert attempts <= len(schedule.delays)
        assert step.when >= now + timedelta(seconds=schedule.delays[attempts - 1] * (1 - schedule.jitter)) - A_TICK
        assert step.when <= START + timedelta(seconds=schedule.window + halted) + A_TICK
        if judged.status == 429 and judged.retry_after is None:
            assert step.when >= now + timedelta(seconds=schedule.floor) - A_TICK
    else:
        assert isinstance(step, GiveUp)


@given(st.lists(st.tuples(retryable, chances, st.floats(0, 15)), min_size=25, max_size=25))
def test_the_whole_life_of_a_delivery_is_bounded(tries: list[tuple[Outcome, float, float]]) -> None:
    """However the answers and the waits come, a delivery is tried at most 20 times, each begun within the 12 hours."""
    begun = [START]
    for attempts, (judged, chance, took) in enumerate(tries, start=1):
        progress = Progress(attempts=attempts, first_try_at=START, halted=0.0)
        step = retry.step(judged, progress, SCHEDULE, now=begun[-1] + timedelta(seconds=took), chance=chance)
        if not isinstance(step, RetryAt):
            break
        begun.append(step.when)

    assert len(begun) <= 20
    assert begun[-1] - START <= timedelta(hours=12) + A_TICK
    assert sorted(begun) == begun


@given(st.lists(st.tuples(chances, st.floats(0, 15)), min_size=19, max_size=19))
def test_all_twenty_attempts_fit_into_the_window(tries: list[tuple[float, float]]) -> None:
    """Where no answer asks for more, jitter and slow answers alone never cost a delivery one of its attempts."""
    now = START
    for attempts, (chance, took) in enumerate(tries, start=1):
        progress = Progress(attempts=attempts, first_try_at=START, halted=0.0)
        step = retry.step(reply(503), progress, SCHEDULE, now=now + timedelta(seconds=took), chance=chance)
        assert isinstance(step, RetryAt)
        now = step.when


def test_the_schedule_is_made_of_parts_that_tenacity_composes() -> None:
    """Whoever knows tenacity can add its parts to a schedule's: they see attempts, seconds and waits of the delivery."""
    policy = SCHEDULE.policy
    progress = Progress(attempts=4, first_try_at=START, halted=30.0)
    state = DeliveryState(SCHEDULE, reply(503), progress, START + timedelta(seconds=90), MIDDLE)

    assert isinstance(policy.stop, stop_base)
    assert pytest.approx(47) == wait_combine(policy.wait, wait_fixed(2))(state)
    assert [stop_any(policy.stop, stop_after_delay(seconds))(state) for seconds in (60, 61)] == [True, False]
    assert [stop_any(policy.stop, stop_after_attempt(n))(state) for n in (4, 5)] == [True, False]
