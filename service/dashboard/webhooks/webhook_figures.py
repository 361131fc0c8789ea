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
from service.dashboard.frame.plotting import UNCOUNTED, Series

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

    def counted(name: str) -> list[int | None]:
        return [getattr(each.counts, name) if of.knows(each) else None for each in points]

    return Plots(
        moments=[each.start for each in points],
        classes=(
            Series("2xx", counted("status_2xx"), "ok", UNCOUNTED),
            Series("3xx", counted("status_3xx"), "info", UNCOUNTED),
            Series("4xx", counted("status_4xx"), "warn", UNCOUNTED),
            Series("5xx", counted("status_5xx"), "bad", UNCOUNTED),
            Series("No answer", counted("unanswered"), "idle", UNCOUNTED),
        ),
        took=(
            Series("p50", [_seconds(each.took, "p50") for each in points], "accent"),
            Series("p95", [_seconds(each.took, "p95") for each in points], "info"),
            Series("p99", [_seconds(each.took, "p99") for each in points], "warn"),
        ),
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
