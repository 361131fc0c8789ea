"""A webhook's health as tables and as properties; what an answer means is test_outcome's."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.judgement import breaker
from delivery.judgement.breaker import FAILING, Health, Result, Rules, Status

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
RULES = Rules(
    halt_failures=20,
    halt_after=900.0,
    failure_window=43200.0,
    probe_interval=60.0,
    probe_interval_max=3600.0,
    calm_after=300.0,
)
HOUR = 3600.0
REFUSED = f"{FAILING}. The last one: 503 Service Unavailable"
GONE = "410 Gone: the webhook was disabled"


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def health(status: Status = Status.ACTIVE, *, failures: int = 0, first: float = 0.0, last: float = 0.0) -> Health:
    reason = FAILING if status in (Status.WARNING, Status.ERROR) else ""
    return Health(
        status=status,
        state_reason=reason,
        failures=failures,
        first_failure_at=at(first) if failures else None,
        last_failure_at=at(last) if failures else None,
    )


def good(seconds: float) -> Result:
    return Result(ok=True, at=at(seconds), disables=False, reason="200 OK")


def bad(seconds: float) -> Result:
    return Result(ok=False, at=at(seconds), disables=False, reason="503 Service Unavailable")


def gone(seconds: float) -> Result:
    return Result(ok=False, at=at(seconds), disables=True, reason=GONE)


def after(before: Health, *results: Result, now: float | None = None) -> Health:
    """Recorded together, at the moment of the last of them unless told."""
    moment = max(result.at for result in results) if now is None else at(now)
    return breaker.after(before, results, rules=RULES, now=moment)


def one_by_one(results: Sequence[Result]) -> Health:
    """Each recorded by itself as it happens, from a healthy webhook on."""
    state = health()
    for result in results:
        state = after(state, result)
    return state


def test_the_first_failure_is_a_warning() -> None:
    """One failed attempt makes an ACTIVE webhook WARNING, with the documented reason and what the attempt came to."""
    expected = Health(
        status=Status.WARNING, state_reason=REFUSED, failures=1, first_failure_at=at(5), last_failure_at=at(5)
    )

    assert expected == after(health(), bad(5))


def test_a_success_clears_the_count_and_leaves_the_warning() -> None:
    """After a success the failures before it count no more; WARNING stays until the window has passed without one."""
    expected = Health(
        status=Status.WARNING, state_reason=FAILING, failures=0, first_failure_at=None, last_failure_at=at(7)
    )

    assert expected == after(health(Status.WARNING, failures=15, first=0, last=7), good(8))


def test_the_last_failure_is_told() -> None:
    """The reason names the latest failure, however late an earlier one is recorded, and whatever succeeded since."""
    timed_out = Result(ok=False, at=at(9), disables=False, reason="the answer did not come within 15 s.")

    told = after(after(health(), bad(5)), timed_out)

    assert told.state_reason == f"{FAILING}. The last one: the answer did not come within 15 s"
    assert after(after(told, bad(7), now=10), good(11)).state_reason == told.state_reason


def test_nothing_happened_nothing_changes() -> None:
    """No results, no change."""
    before = health(Status.WARNING, failures=3, last=60)

    assert before == breaker.after(before, (), rules=RULES, now=at(90))


def test_a_success_of_a_healthy_webhook_changes_nothing() -> None:
    """The common case costs no write: the health stays equal."""
    assert health() == after(health(), good(1), good(2))


@pytest.mark.parametrize(
    ("results", "status"),
    [
        # 20 are not more than 20; the 21st halts, where the first is 15 minutes old.
        ([bad(n * 60) for n in range(20)], Status.WARNING),
        ([bad(n * 60) for n in range(21)], Status.ERROR),
        # 21 within less than 15 minutes wait for one that is later.
        ([bad(n * 44) for n in range(21)], Status.WARNING),
        ([*(bad(n * 44) for n in range(21)), bad(899)], Status.WARNING),
        ([*(bad(n * 44) for n in range(21)), bad(900)], Status.ERROR),
        # A success starts both the number and the 15 minutes again.
        ([*(bad(n * 60) for n in range(20)), good(1201), *(bad(1202 + n) for n in range(30))], Status.WARNING),
        ([*(bad(n * 60) for n in range(20)), good(1201), *(bad(1202 + n * 60) for n in range(21))], Status.ERROR),
        # Failures that the window has left behind do not count.
        ([*(bad(n) for n in range(500)), bad(499 + 12 * HOUR + 1)], Status.WARNING),
        ([bad(n * 11 * HOUR) for n in range(100)], Status.WARNING),
        ([bad(n * HOUR) for n in range(100)], Status.WARNING),
        ([bad(n * 0.5 * HOUR) for n in range(30)], Status.ERROR),
    ],
)
def test_a_webhook_that_only_fails_is_halted(results: list[Result], status: Status) -> None:
    """ERROR needs more than 20 failures since the last success, within 12 hours, first and last
    15 minutes apart (greenlake.md D.8)."""
    assert (status, REFUSED) == (one_by_one(results).status, one_by_one(results).state_reason)


@pytest.mark.parametrize("now", [1.0, 3600.0])
def test_a_burst_does_not_halt(now: float) -> None:
    """200 attempts that fail within a second halt nothing, recorded at once or an hour later."""
    burst = after(health(), *(bad(n / 200) for n in range(200)), now=now)

    assert (burst.status, burst.failures) == (Status.WARNING, 200)


def test_a_failure_recorded_after_its_window_is_forgotten() -> None:
    """What could not be recorded for 12 hours no longer says anything about the webhook."""
    assert health() == after(health(), bad(0), now=12 * HOUR + 1)


def test_a_failure_from_the_future_counts_as_of_now() -> None:
    """Where a worker's clock is ahead, its failures do not keep the webhook from calming."""
    assert after(health(), bad(300), now=1).last_failure_at == at(1)


def test_results_are_judged_in_order_of_time() -> None:
    """In whatever order results are handed over, the later one decides."""
    in_order = after(health(), bad(1), bad(2), good(3), bad(4))

    assert in_order == after(health(), bad(4), good(3), bad(1), bad(2))
    assert in_order.failures == 1


def test_a_failure_that_is_recorded_late_goes_before_the_first() -> None:
    """A failure older than the first one counted moves the beginning back."""
    late = after(health(Status.WARNING, failures=2, first=50, last=60), bad(40), now=61)

    assert (3, at(40), at(60)) == (late.failures, late.first_failure_at, late.last_failure_at)


@pytest.mark.parametrize("status", [Status.ACTIVE, Status.WARNING, Status.ERROR])
def test_an_answer_that_disables_does_so_at_once(status: Status) -> None:
    """DISABLED says which answer it was, and what came with or after it changes nothing."""
    disabled = after(health(status), gone(1), good(2), bad(3))

    assert (disabled.status, disabled.state_reason) == (Status.DISABLED, GONE)


@pytest.mark.parametrize("status", [Status.PENDING, Status.DISABLED])
@pytest.mark.parametrize("result", [good(1), bad(1), gone(1)], ids=["good", "bad", "gone"])
def test_late_results_do_not_touch_what_is_not_sent_to(status: Status, result: Result) -> None:
    """A webhook that waits for its challenge or for its user is left as it is."""
    assert health(status) == after(health(status), result)


def test_a_success_heals_a_halted_webhook() -> None:
    """A probe by an owed delivery that succeeds makes an ERROR webhook ACTIVE with its count cleared."""
    assert health() == after(health(Status.ERROR, failures=40, last=5000), good(6000))


def test_a_failed_probe_keeps_a_webhook_halted() -> None:
    """ERROR stays ERROR, also long after the failures that led to it, and keeps its own reason."""
    unreachable = Health(
        status=Status.ERROR,
        state_reason="Webhook URL unreachable. error: refused",
        failures=0,
        first_failure_at=None,
        last_failure_at=None,
    )

    probed = after(unreachable, bad(24 * HOUR))

    assert (Status.ERROR, unreachable.state_reason, 1) == (probed.status, probed.state_reason, probed.failures)


@pytest.mark.parametrize(
    ("status", "now", "calmed"),
    [
        (Status.WARNING, 60 + 12 * HOUR - 1, Status.WARNING),
        (Status.WARNING, 60 + 12 * HOUR, Status.ACTIVE),
        (Status.ERROR, 60 + 24 * HOUR, Status.ERROR),
        (Status.PENDING, 60 + 24 * HOUR, Status.PENDING),
        (Status.DISABLED, 60 + 24 * HOUR, Status.DISABLED),
    ],
)
def test_a_warning_calms_after_the_window(status: Status, now: float, calmed: Status) -> None:
    """12 hours without a failure make WARNING ACTIVE, and nothing else."""
    before = health(status, failures=2, first=0, last=60)

    calm = breaker.calm(before, rules=RULES, now=at(now))

    assert calm == (health() if calmed is Status.ACTIVE else before)


@pytest.mark.parametrize(("now", "calmed"), [(60 + 299, Status.WARNING), (60 + 300, Status.ACTIVE)])
def test_a_webhook_that_is_well_again_calms_soon(now: float, calmed: Status) -> None:
    """A success since the last failure, and minutes without another: it does not say WARNING for 12 hours (greenlake.md D.8)."""
    before = after(health(Status.WARNING, failures=2, first=0, last=60), good(61))

    calm = breaker.calm(before, rules=RULES, now=at(now))

    assert calm.status is calmed
    assert breaker.calm(health(Status.WARNING, failures=1, first=60, last=60), rules=RULES, now=at(now)).failures == 1


@pytest.mark.parametrize("status", [Status.PENDING, Status.ACTIVE, Status.WARNING, Status.ERROR])
def test_healing_clears_the_count(status: Status) -> None:
    """A good challenge makes a webhook ACTIVE, as if nothing had ever failed."""
    assert health() == breaker.healed(health(status, failures=30, last=2000))


def test_healing_does_not_enable() -> None:
    """A webhook that its user or an answer disabled is not made ACTIVE by a good challenge."""
    assert health(Status.DISABLED) == breaker.healed(health(Status.DISABLED))


@pytest.mark.parametrize(
    ("failed", "seconds"),
    [(0, 60), (1, 120), (2, 240), (3, 480), (4, 960), (5, 1920), (6, 3600), (7, 3600), (100_000, 3600)],
)
def test_probes_grow_apart(failed: int, seconds: float) -> None:
    """The first probe comes after a minute, each that fails doubles the wait, up to an hour."""
    assert seconds == breaker.probe_after(failed, RULES)


@pytest.mark.parametrize(
    ("status", "sendable"),
    [
        (Status.PENDING, False),
        (Status.ACTIVE, True),
        (Status.WARNING, True),
        (Status.ERROR, False),
        (Status.DISABLED, False),
    ],
)
def test_only_active_and_warning_are_sent_to(status: Status, sendable: bool) -> None:
    """Deliveries go out under these two, and are kept under the others (greenlake.md 5.3)."""
    assert sendable == breaker.sendable(status)


#: Gaps between results in seconds, from a burst to days, and whether each succeeded.
histories = st.lists(
    st.tuples(st.floats(0.001, 1) | st.floats(1, 3600) | st.floats(3600, 200_000), st.booleans()), max_size=80
)
failing = st.lists(st.floats(0, 1) | st.floats(0, 3600) | st.floats(0, 50_000), min_size=1, max_size=80)


def told(gaps: Sequence[tuple[float, bool]]) -> list[Result]:
    """Results that follow one another by these gaps."""
    results: list[Result] = []
    moment = 0.0
    for gap, ok in gaps:
        moment += gap
        results.append(good(moment) if ok else bad(moment))
    return results


@given(histories)
def test_a_halt_has_its_reasons(gaps: list[tuple[float, bool]]) -> None:
    """Whenever a webhook is halted, more than 20 attempts failed since the last success, over at least 15 minutes."""
    state = health()
    streak: list[datetime] = []
    for result in told(gaps):
        before, state = state, after(state, result)
        streak = [] if result.ok else [*streak, result.at]

        assert state.failures <= len(streak)
        if state.status is Status.ERROR and before.status is not Status.ERROR:
            assert len(streak) > 20
            assert streak[-1] - streak[0] >= timedelta(minutes=15)


@given(failing)
def test_the_count_is_exact_while_all_failures_lie_within_the_window(gaps: list[float]) -> None:
    """Within 12 hours of the first failure nothing is estimated: halted when the rule says so, and not before."""
    results = [result for result in told([(gap, False) for gap in gaps]) if result.at - START <= timedelta(hours=12)]
    state = one_by_one(results)
    span = results[-1].at - results[0].at if results else timedelta()

    assert len(results) == state.failures
    assert (len(results) > 20 and span >= timedelta(minutes=15)) <= (state.status is Status.ERROR)


@given(failing)
def test_a_window_without_a_failure_forgets(gaps: list[float]) -> None:
    """A failure more than 12 hours after the one before it is the first again."""
    results = told([(gap, False) for gap in gaps])
    seconds = (results[-1].at - START).total_seconds() + 12 * HOUR + 1

    assert one_by_one([*results, bad(seconds)]).failures == 1


@given(histories)
def test_recorded_together_or_one_by_one(gaps: list[tuple[float, bool]]) -> None:
    """How results are bundled into records does not matter, as long as they are recorded in time."""
    results = [result for result in told(gaps) if result.at - START <= timedelta(hours=12)]
    bundled = breaker.after(health(), results[::-1], rules=RULES, now=at(12 * HOUR))

    assert one_by_one(results) == bundled
