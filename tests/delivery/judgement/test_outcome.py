"""Both delivery policies over every answer and failure, and the reading of Retry-After; test_retry has what follows."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.judgement import outcome
from delivery.judgement.outcome import OutcomeKind, Policy

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)

#: (kind, disables) by runs of statuses, first to last: greenlake.md D.7, 5.1.
Table = list[tuple[range, OutcomeKind, bool]]
TABLES: dict[Policy, Table] = {
    "standard": [
        (range(100, 200), OutcomeKind.RETRYABLE, False),
        (range(200, 300), OutcomeKind.SUCCESS, False),
        (range(300, 400), OutcomeKind.FINAL, False),
        (range(400, 410), OutcomeKind.RETRYABLE, False),
        (range(410, 411), OutcomeKind.FINAL, True),
        (range(411, 600), OutcomeKind.RETRYABLE, False),
    ],
    "greenlake": [
        (range(100, 200), OutcomeKind.RETRYABLE, False),
        (range(200, 300), OutcomeKind.SUCCESS, False),
        (range(300, 400), OutcomeKind.FINAL, True),
        (range(400, 404), OutcomeKind.FINAL, True),
        (range(404, 405), OutcomeKind.RETRYABLE, False),
        (range(405, 413), OutcomeKind.FINAL, True),
        (range(413, 414), OutcomeKind.RETRYABLE, False),
        (range(414, 415), OutcomeKind.FINAL, True),
        (range(415, 416), OutcomeKind.RETRYABLE, False),
        (range(416, 425), OutcomeKind.FINAL, True),
        (range(425, 426), OutcomeKind.RETRYABLE, False),
        (range(426, 429), OutcomeKind.FINAL, True),
        (range(429, 430), OutcomeKind.RETRYABLE, False),
        (range(430, 502), OutcomeKind.FINAL, True),
        (range(502, 505), OutcomeKind.RETRYABLE, False),
        (range(505, 600), OutcomeKind.FINAL, True),
    ],
}
ROWS = [(policy, *row) for policy, table in TABLES.items() for row in table]
FAILURES = ["timeout", "refused", "reset", "tls", "name", "blocked", "protocol", "unsealed", "internal"]


def waits(*values: str) -> float | None:
    return outcome.of_reply(503, values, policy="standard", now=NOW).retry_after


@pytest.mark.parametrize(("policy", "statuses", "kind", "disables"), ROWS)
def test_every_status_is_judged_by_the_table(
    policy: Policy, statuses: range, kind: OutcomeKind, disables: bool
) -> None:
    """Each status from 100 to 599 has the kind and the effect that its policy's table says."""
    outcomes = [outcome.of_reply(status, (), policy=policy, now=NOW) for status in statuses]

    assert {(kind, disables)} == {(each.kind, each.disables) for each in outcomes}
    assert list(statuses) == [each.status for each in outcomes]


@pytest.mark.parametrize("policy", TABLES)
def test_the_tables_have_no_gap(policy: Policy) -> None:
    """The two tables above speak of every status once."""
    statuses = [status for row in TABLES[policy] for status in row[0]]

    assert list(range(100, 600)) == statuses


@pytest.mark.parametrize("policy", TABLES)
@pytest.mark.parametrize("kind", FAILURES)
def test_a_try_without_an_answer_is_retried(policy: Policy, kind: str) -> None:
    """Time-outs and failed connections are retried; only GreenLake drops what the guard blocked."""
    judged = outcome.of_failure(kind, "because", policy=policy)

    expected = OutcomeKind.FINAL if (policy, kind) == ("greenlake", "blocked") else OutcomeKind.RETRYABLE
    assert (expected, None, False) == (judged.kind, judged.status, judged.disables)


@pytest.mark.parametrize(
    ("status", "policy", "reason"),
    [
        (200, "standard", "200 OK"),
        (503, "standard", "503 Service Unavailable"),
        (410, "standard", "410 Gone: the webhook was disabled"),
        (500, "greenlake", "500 Internal Server Error: the webhook was disabled"),
        (302, "standard", "302 Found: redirects are not followed"),
        (302, "greenlake", "302 Found: the webhook was disabled"),
        (599, "standard", "599"),
    ],
)
def test_the_reason_of_an_answer_is_readable(status: int, policy: Policy, reason: str) -> None:
    """The reason names the answer in words, and what it did to the webhook."""
    assert reason == outcome.of_reply(status, (), policy=policy, now=NOW).reason


@pytest.mark.parametrize(
    ("kind", "cause", "reason"),
    [
        ("timeout", "no answer within 15 s", "time-out: no answer within 15 s"),
        ("refused", "connection refused by 192.0.2.1:443", "connection refused by 192.0.2.1:443"),
        ("blocked", "10.0.0.1 is not a public address", "blocked: 10.0.0.1 is not a public address"),
        ("reset", "", "reset"),
    ],
)
def test_the_reason_of_a_failure_is_readable(kind: str, cause: str, reason: str) -> None:
    """The reason is the cause, led by the kind where the cause alone would not say it."""
    assert reason == outcome.of_failure(kind, cause, policy="standard").reason


@pytest.mark.parametrize(
    ("values", "seconds"),
    [
        ((), None),
        (("120",), 120.0),
        ((" 7 ",), 7.0),
        (("0",), 0.0),
        (("Sun, 01 Mar 2026 12:02:00 GMT",), 120.0),
        (("Sunday, 01-Mar-26 12:02:00 GMT",), 120.0),
        (("Sun Mar  1 12:02:00 2026",), 120.0),
        (("Sun, 06 Nov 1994 08:49:37 GMT",), 0.0),
        (("Sunday, 06-Nov-94 08:49:37 GMT",), 0.0),
        (("Sun Nov  6 08:49:37 1994",), 0.0),
        (("30", "90", "60"), 90.0),
        (("30", "Sun, 01 Mar 2026 12:02:00 GMT", "soon"), 120.0),
        (("soon",), None),
        (("",), None),
        (("120, 60",), None),
        (("120;x",), None),
        (("infinity",), None),
        (("120", "120"), 120.0),
        (("9" * 5000, "1"), 1.0),
        (("-5",), None),
        (("+5",), None),
        (("1.5",), None),
        (("1e3",), None),
        (("٣",), None),
        (("2026-03-01T12:02:00Z",), None),
        (("Sun, 31 Feb 2026 12:02:00 GMT",), None),
        (("Sun, 01 Mar 99999 12:02:00 GMT",), None),
        (("Sun, 01 Mar 2026 25:61:61 GMT",), None),
        (("1795845720",), None),
        (("1795845720000",), None),
        (("9" * 5000,), None),
        (("31536000",), 31_536_000.0),
        (("Fri, 31 Dec 9999 23:59:59 GMT",), outcome.LONGEST_WAIT),
    ],
)
def test_retry_after_is_read_as_seconds_or_date(values: tuple[str, ...], seconds: float | None) -> None:
    """Numbers and the three forms of a date count, of several the longest; past is 0; garbage is
    none, and so is an epoch; absurd dates are capped."""
    assert seconds == waits(*values)


@pytest.mark.parametrize(
    ("status", "policy"), [(200, "standard"), (410, "standard"), (301, "standard"), (500, "greenlake")]
)
def test_retry_after_means_nothing_where_there_is_no_retry(status: int, policy: Policy) -> None:
    """A success and a final answer carry no wait."""
    assert outcome.of_reply(status, ("120",), policy=policy, now=NOW).retry_after is None


@given(st.lists(st.text() | st.from_regex(r"\A[0-9A-Za-z,:+ -]{1,40}\Z"), max_size=3))
def test_no_retry_after_can_break_the_judgement(values: list[str]) -> None:
    """Whatever a destination sends, the wait is absent or a number of seconds that a date can bear."""
    seconds = waits(*values)

    assert seconds is None or 0 <= seconds <= outcome.LONGEST_WAIT


@given(st.integers(-3_000_000_000, 200_000_000_000))
def test_any_date_is_understood(seconds: int) -> None:
    """Every date is told apart from garbage, and is as far away as it says."""
    moment = NOW + timedelta(seconds=seconds)

    assert min(max(seconds, 0), outcome.LONGEST_WAIT) == waits(format_datetime(moment, usegmt=True))
