"""What came of deliveries over an hour, a day, a week or a month, and how long it took: read from rollups, whatever there was.

No delivery is counted here; how rollups come about is told in `ledger/counts/rollups.py`. What waits and fails at this moment is
left to `standing.py`.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from uuid import UUID

import msgspec

from delivery.ledger.counts import histograms
from delivery.ledger.counts.rollups import DAY, HOUR, MINUTE, NOBODY, NOWHERE
from subscriptions.ground.database import Clock, Database, Raw
from subscriptions.ground.statements import Row, statement


class Span(StrEnum):
    """How far back one looks, the newest step included."""

    HOUR = "HOUR"
    DAY = "DAY"
    WEEK = "WEEK"
    MONTH = "MONTH"

    @property
    def step(self) -> timedelta:
        """What one point covers."""
        return timedelta(minutes=_STEPS[self][0])

    @property
    def points(self) -> int:
        """How many there are."""
        return _STEPS[self][1]

    def starts(self, now: datetime) -> list[datetime]:
        """When each point begins, the oldest first."""
        passed = now.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
        newest = now.astimezone(UTC) - passed % self.step
        return [newest - self.step * n for n in range(self.points - 1, -1, -1)]


#: Minutes of a point, which is the grain of a rollup, and how many of them.
_STEPS = {Span.HOUR: (MINUTE, 60), Span.DAY: (HOUR, 24), Span.WEEK: (HOUR, 168), Span.MONTH: (DAY, 30)}


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """Whose figures: a webhook's, a workspace's, or those of all."""

    webhook: UUID = NOBODY
    workspace_id: str = NOWHERE

    @classmethod
    def of(cls, workspace_id: str | None, webhook: UUID | None = None) -> "Scope":
        """Of the webhook where one is named; its workspace is for the caller to check."""
        return cls(workspace_id=workspace_id or NOWHERE) if webhook is None else cls(webhook=webhook)


class AttemptCounts(msgspec.Struct, frozen=True, kw_only=True):
    """What was counted."""

    #: Events that publishers were told are kept; of one webhook none are counted.
    accepted: int = 0
    attempts: int = 0
    succeeded: int = 0
    #: Deliveries that arrived, and those that were given up.
    delivered: int = 0
    given_up: int = 0
    status_2xx: int = 0
    status_3xx: int = 0
    status_4xx: int = 0
    status_5xx: int = 0
    unanswered: int = 0

    @property
    def failed(self) -> int:
        """Attempts that failed."""
        return self.attempts - self.succeeded

    @property
    def success(self) -> float | None:
        """The share of attempts that succeeded; None of none."""
        return self.succeeded / self.attempts if self.attempts else None


class Latency(msgspec.Struct, frozen=True, kw_only=True):
    """Milliseconds that half, 95 and 99 of a hundred took at most, within 10 %."""

    p50: float
    p95: float
    p99: float


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """One step of time."""

    start: datetime
    counts: AttemptCounts
    #: The most that waited at a sample, and the greatest age of one of them, in seconds; None where no sample was taken.
    waiting: int | None = None
    oldest: int | None = None
    #: From the publication to the answer that delivered it; None of none.
    arrived: Latency | None = None
    #: Of the receivers alone: from the attempt's begin to its answer; None of none.
    took: Latency | None = None


class SpanFigures(msgspec.Struct, frozen=True, kw_only=True):
    """A span of time, point by point and in all."""

    span: Span
    #: Up to when.
    at: datetime
    #: All of the span's, oldest first; those in which nothing happened are zeros.
    points: Sequence[Point]
    total: AttemptCounts
    arrived: Latency | None
    took: Latency | None
    #: Up to when what attempts came to was counted; None where nobody counted within the span.
    counted_until: datetime | None = None

    def knows(self, point: Point) -> bool:
        """Whether what came of its step was counted: what nobody counted yet is not nothing."""
        counted = self.counted_until is not None and point.start <= self.counted_until
        return counted or bool(point.counts.attempts or point.counts.accepted)

    @property
    def rate(self) -> float:
        """Deliveries that arrived per second, from the first step up to now."""
        return self.total.delivered / max((self.at - self.points[0].start).total_seconds(), 1.0)


class RollupsOfOne(msgspec.Struct, frozen=True, kw_only=True):
    """What `series.sql` and `sampled.sql` are given."""

    webhook: UUID
    workspace_id: str
    grain: int
    since: datetime
    until: datetime


class RollupsOfEach(msgspec.Struct, frozen=True, kw_only=True):
    """What `series_of_each.sql` is given."""

    webhooks: list[UUID]
    grain: int
    since: datetime
    until: datetime


SERIES = statement(__package__, "series", RollupsOfOne)
SERIES_OF_EACH = statement(__package__, "series_of_each", RollupsOfEach)
# What was counted is folded before a sample is taken.
SAMPLED = statement(__package__, "sampled", RollupsOfOne)


class FigureReport:
    """Reads rollups: a hundred and seventy of them at most for one scope, whatever there was to count."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def over(self, span: Span, scope: Scope) -> SpanFigures:
        """The figures of a scope up to now; raises Unavailable."""
        now = self._clock()
        starts = span.starts(now)
        minutes, _ = _STEPS[span]
        given = RollupsOfOne(
            webhook=scope.webhook,
            workspace_id=scope.workspace_id,
            grain=minutes,
            since=starts[0],
            until=starts[-1],
        )
        async with self._database.raw() as connection:
            rows = await SERIES.fetch(connection, given)
            sampled = await _sampled(connection, minutes, starts)
        found = {row["start"]: row for row in rows}
        return SpanFigures(
            span=span,
            at=now,
            points=[_point(start, found.get(start), sampled=start in sampled) for start in starts],
            total=_sum([_counts(row) for row in rows]),
            arrived=_latency(histograms.merged(row["arrived"] for row in rows)),
            took=_latency(histograms.merged(row["took"] for row in rows)),
            counted_until=max(sampled.values(), default=None),
        )

    async def each(self, span: Span, webhooks: Sequence[UUID]) -> Mapping[UUID, Sequence[Point]]:
        """For lists: all points of each webhook, without latencies; raises Unavailable."""
        starts = span.starts(self._clock())
        minutes, _ = _STEPS[span]
        given = RollupsOfEach(webhooks=list(webhooks), grain=minutes, since=starts[0], until=starts[-1])
        async with self._database.raw() as connection:
            rows = await SERIES_OF_EACH.fetch(connection, given)
            sampled = await _sampled(connection, minutes, starts)
        found = {(row["webhook"], row["start"]): row for row in rows}
        return {
            webhook: [_counted(start, found.get((webhook, start)), sampled=start in sampled) for start in starts]
            for webhook in webhooks
        }


async def _sampled(connection: Raw, grain: int, starts: Sequence[datetime]) -> dict[datetime, datetime]:
    """Of each step in which a sample was taken when the newest one was."""
    of_all = RollupsOfOne(webhook=NOBODY, workspace_id=NOWHERE, grain=grain, since=starts[0], until=starts[-1])
    rows = await SAMPLED.fetch(connection, of_all)
    return {row["start"]: row["sampled_at"] for row in rows}


def total(points: Sequence[Point]) -> AttemptCounts:
    """What was counted in all of them."""
    return _sum([point.counts for point in points])


def _point(start: datetime, row: Row | None, *, sampled: bool) -> Point:
    counted = _counted(start, row, sampled=sampled)
    if row is None:
        return counted
    arrived, took = (_latency(histograms.merged([row[name]])) for name in ("arrived", "took"))
    return msgspec.structs.replace(counted, arrived=arrived, took=took)


def _counted(start: datetime, row: Row | None, *, sampled: bool) -> Point:
    counts = AttemptCounts() if row is None else _counts(row)
    waiting, oldest = (0, 0) if row is None else (row["waiting"], row["oldest"])
    # A row is also of attempts.
    known = sampled or waiting > 0
    return Point(start=start, counts=counts, waiting=waiting if known else None, oldest=oldest if known else None)


def _counts(row: Row) -> AttemptCounts:
    return AttemptCounts(**{name: row[name] for name in AttemptCounts.__struct_fields__})


def _sum(counts: Sequence[AttemptCounts]) -> AttemptCounts:
    return AttemptCounts(
        **{name: sum(getattr(each, name) for each in counts) for name in AttemptCounts.__struct_fields__}
    )


def _latency(buckets: Counter[int]) -> Latency | None:
    found = [histograms.quantile(buckets, share) for share in (0.5, 0.95, 0.99)]
    p50, p95, p99 = found
    return None if p50 is None or p95 is None or p99 is None else Latency(p50=p50, p95=p95, p99=p99)
