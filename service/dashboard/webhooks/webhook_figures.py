"""The plots of a webhook's page, and what a row of the list says of a day: series made of the rollups' points.

What is counted is left to `delivery/reports/figures.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from starlette.requests import Request

from delivery.reports import figures
from delivery.reports.figures import Latency, Point, Span, SpanFigures
from service.api import reading
from service.dashboard.frame.plotting import Series

#: What a span is called, in the order of the tabs.
SPANS = ((Span.HOUR, "Last hour"), (Span.DAY, "Last day"), (Span.WEEK, "Last week"), (Span.MONTH, "Last month"))
#: Milliseconds of a second.
MS = 1000


@dataclass(frozen=True, kw_only=True)
class Plots:
    """What is drawn of a webhook."""

    moments: Sequence[datetime]
    #: Answers by their class.
    classes: Sequence[Series]
    #: Seconds that the receiver took.
    took: Sequence[Series]
    #: The most that waited.
    waiting: Sequence[Series]


@dataclass(frozen=True, kw_only=True)
class DayOfOne:
    """A webhook's day in a row of the list."""

    attempts: int
    delivered: int
    #: The share of attempts that succeeded; None of none.
    success: float | None
    #: Deliveries that arrived, hour by hour.
    rate: Sequence[int]
    #: When the newest hour began in which an attempt failed; None where none did.
    failed_after: datetime | None


def span(request: Request) -> Span:
    """What `?span=` says; a day where it says nothing."""
    return Span(reading.choice(request, "span", tuple(Span)) or Span.DAY)


def plots(of: SpanFigures) -> Plots:
    """The series of its points."""
    points = of.points
    return Plots(
        moments=[each.start for each in points],
        classes=(
            Series("2xx", [each.counts.status_2xx for each in points], "ok"),
            Series("3xx", [each.counts.status_3xx for each in points], "info"),
            Series("4xx", [each.counts.status_4xx for each in points], "warn"),
            Series("5xx", [each.counts.status_5xx for each in points], "bad"),
            Series("No answer", [each.counts.unanswered for each in points], "idle"),
        ),
        took=(
            Series("p50", [_seconds(each.took, "p50") for each in points], "accent"),
            Series("p95", [_seconds(each.took, "p95") for each in points], "info"),
            Series("p99", [_seconds(each.took, "p99") for each in points], "warn"),
        ),
        waiting=(Series("waiting", [each.waiting for each in points], "idle"),),
    )


def day(points: Sequence[Point]) -> DayOfOne:
    """What the points of a day come to."""
    counted = figures.total(points)
    return DayOfOne(
        attempts=counted.attempts,
        delivered=counted.delivered,
        success=counted.success,
        rate=[each.counts.delivered for each in points],
        failed_after=next((each.start for each in reversed(points) if each.counts.failed), None),
    )


def _seconds(latency: Latency | None, name: str) -> float | None:
    return None if latency is None else float(getattr(latency, name)) / MS
