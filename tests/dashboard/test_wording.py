"""Numbers, durations and shares as people say them, and plots as places of points."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

from service.dashboard.frame import plotting, wording
from service.dashboard.frame.plotting import Series

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def test_durations() -> None:
    """The two largest units, and never a false precision."""
    given = (None, 0, 0.0004, 0.34, 0.9996, 4.21, 9.96, 59.6, 200, 7500, 274_000, 86_400)

    said = [wording.duration(each) for each in given]

    assert said == [
        *("–", "0 ms", "0 ms", "340 ms", "1 s", "4.2 s", "10 s", "1 min"),
        *("3 min 20 s", "2 h 5 min", "3 d 4 h", "1 d"),
    ]


def test_shares_that_are_not_all_are_not_shown_as_all() -> None:
    """99.9996 % of a million is not 100 %, one of a million is not none, and 5 of 23 are no five digits."""
    said = [wording.percent(each) for each in (None, 0, 0.000001, 0.0123, 5 / 23, 0.5, 0.9987, 0.999996, 1)]

    assert said == ["–", "0 %", "0.01 %", "1 %", "22 %", "50 %", "99.87 %", "99.99 %", "100 %"]


def test_numbers_and_counts() -> None:
    """Large ones with commas, capped ones with a plus, an axis's as short as can be."""
    assert [wording.number(each) for each in (0, 12345, 1.5)] == ["0", "12,345", "1.5"]
    assert (wording.count(9999, 10_000), wording.count(10_000, 10_000)) == ("9,999", "10,000+")
    assert [wording.short(each) for each in (0, 0.25, 950, 1200, 34_000, 5_100_000)] == [
        *("0", "0.25", "950", "1.2k", "34k", "5.1M")
    ]
    assert [wording.size(each) for each in (512, 1234, 3_400_000)] == ["512 B", "1.23 KB", "3.4 MB"]


def test_moments_from_now() -> None:
    """One unit, in the past and to come."""
    spans = (0, 3, 61, 7300, -7300, 200_000)

    assert [wording.ago(NOON - timedelta(seconds=each), NOON) for each in spans] == [
        *("just now", "3 s ago", "1 min ago", "2 h ago", "in 2 h", "2 d ago")
    ]


def test_a_plot_has_a_place_and_a_sentence_for_each_point() -> None:
    """Series that stand on each other reach up to their sum, what is not known is a gap, and each point says its values."""
    series = [Series("delivered", [4, None, 2]), Series("failed", [4, 1, 0])]
    moments = [NOON + timedelta(minutes=n) for n in range(3)]

    drawn = plotting.plotted(series, moments, "bars")

    assert [point.title for point in drawn.points][:2] == [
        "2026-05-01 12:00 UTC: delivered 4, failed 4",
        "2026-05-01 12:01 UTC: delivered –, failed 1",
    ]
    assert [label for _, label in drawn.rules] == ["0", "4", "8"]
    assert drawn.lines[0].count("Z") == 2
    assert drawn.lines[1].startswith("M4 50V0H29.33V50Z")


def test_plots_of_nothing() -> None:
    """No point, no value, or nothing but zeros: none of them divides by zero, and only what is not known is empty."""
    assert plotting.plotted([], []).nothing
    # A label of an axis is of one unit, which has room beside the drawing.
    for most, labels in (
        (0.15, ["0", "100 ms", "200 ms"]),
        (94, ["0", "1 min", "2 min"]),
        (271, ["0", "2.5 min", "5 min"]),
    ):
        longest = plotting.plotted([Series("x", [most])], [NOON], unit="s")
        assert [label for _, label in longest.rules] == labels
    assert plotting.plotted([Series("x", [None])], [NOON]).nothing == "Nothing in this time."
    uncounted = Series("x", [None], missing=plotting.UNCOUNTED)
    assert plotting.plotted([uncounted], [NOON]).nothing == "Nobody counted in this time."
    assert not plotting.plotted([Series("x", [0, 0])], [NOON, NOON]).nothing
    assert plotting.spark([]) == plotting.spark([None]) == ""
    assert plotting.spark([3, None, 6], 100, 24) == "M0 12M100 1"


def test_a_reason_is_said_in_peoples_words() -> None:
    """A paused webhook is paused, whoever paused it; the wire's literal forms are left to the API."""
    given = (
        "",
        "Webhook Disabled by user: ada",
        "410 Gone: the webhook was disabled",
        "Webhook URL unreachable. error: connection refused by 192.0.2.1:443",
        "Failure in Event Deliveries. The last one: 503 Service Unavailable",
        "HMAC validation failed. Please verify webhook secret.",
    )

    assert [wording.FILTERS["why"](each) for each in given] == [
        "",
        "Paused by ada.",
        "Paused by its destination, which answered 410 Gone.",
        "Connection refused by 192.0.2.1:443.",
        "The last failure: 503 Service Unavailable.",
        "HMAC validation failed. Please verify webhook secret.",
    ]
    assert wording.state("DISABLED")[2] == "Paused"


def test_times_are_written_as_html_has_them() -> None:
    """A valid `datetime` has three digits of a fraction at most (HTML 2.3.5.7), and one filter writes all of them."""
    at = datetime(2026, 11, 28, 19, 20, 46, 459123, tzinfo=UTC)
    templates = Path(wording.__file__).parents[1] / "templates"
    written = re.findall(r'datetime="{{ ([^}]+) }}"', "".join(each.read_text() for each in templates.rglob("*.html")))

    assert wording.stamp(at) == "2026-11-28T19:20:46.459+00:00"
    assert len(written) >= 4
    assert [each for each in written if not each.endswith("| stamp")] == []
