"""`/dashboard`: is everything being delivered? Figures over a span of time, how things stand, who carries, what needs somebody.

What needs somebody is found by `concerns.py`, figures by `delivery/reports`; plots are drawn by `plotting.py`.
"""

import asyncio
import logging
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import Response

from delivery.reports.figures import Latency, Point, Scope, Span, SpanFigures
from delivery.reports.issues import IssueReport
from service import auth
from service.api import reading
from service.auth import Permission
from service.dashboard.attention import concerns
from service.dashboard.attention.concerns import KnownIssues
from service.dashboard.frame import visitors
from service.dashboard.frame.plotting import Series
from service.dashboard.frame.rendering import render
from service.health.carriers import CarrierReport
from service.services import services_of
from subscriptions.ground.errors import Unavailable

log = logging.getLogger("hooklake.service")

T = TypeVar("T")

PATH = "/dashboard"
#: Seconds that the page waits for each of its parts: what has not answered by then is said to be away.
WAIT = 3.0
#: Issues that are asked for: the page shows the worst, and how many more there are.
ISSUES = 100
#: What a span is called, beside "over the last".
SPANS = {Span.HOUR: "Hour", Span.DAY: "Day", Span.WEEK: "Week", Span.MONTH: "Month"}
STEPS = {Span.HOUR: "the minute", Span.DAY: "the hour", Span.WEEK: "the hour", Span.MONTH: "the day"}
#: The queues by what waits in them, as people call it.
QUEUES = {
    "hooklake.tickets": "deliveries",
    "hooklake.drains": "looks for what is due",
    "hooklake.errands": "jobs",
    "hooklake.clock": "the clock's work",
}


@dataclass(frozen=True, kw_only=True)
class StackPart:
    """One part of the stack and what it does."""

    name: str
    #: `up`, `down` or `idle`, as `wording.STATES` has them.
    state: str
    text: str


async def shown(request: Request) -> Response:
    """GET /dashboard?span="""
    visitor, services = visitors.visitor(request), services_of(request)
    span = Span(reading.choice(request, "span", list(Span)) or Span.HOUR)
    workspace, operator = visitor.workspace(request), auth.scope(visitor.caller) is None
    figures, standing, carriers, issues = await asyncio.gather(
        _told(services.figures.over(span, Scope.of(workspace))),
        _told(services.standing.of(workspace)),
        _told(services.carriers.look()),
        _told(_issues(services.issues, workspace)),
    )
    found = concerns.of(standing, carriers, issues or KnownIssues(), operator=operator)
    named, more = concerns.shown(found)
    return render(
        request,
        "overview/overview.html",
        span=span,
        spans=[(words, each.lower()) for each, words in SPANS.items()],
        step=STEPS[span],
        figures=figures,
        standing=standing,
        concerns=named,
        more=more,
        away=figures is None or standing is None,
        # Workers count what waits, when beat tells them to.
        uncounted=carriers is not None and bool(carriers.missing),
        quiet=not found and None not in (standing, carriers, issues),
        stack=_stack(carriers, database=standing is not None) if operator else (),
        plots_of=None if figures is None else _plots(figures),
        may_register=auth.may(visitor.caller, Permission.CREATE_WEBHOOKS),
    )


async def _issues(report: IssueReport, workspace: str | None) -> KnownIssues:
    return KnownIssues(worst=await report.attention(workspace, limit=ISSUES), aside=await report.aside(workspace))


async def _told(asked: Awaitable[T]) -> T | None:
    """What was asked for; None where it does not answer in time."""
    try:
        async with asyncio.timeout(WAIT):
            return await asked
    except (TimeoutError, Unavailable) as error:
        log.debug("overview.untold cause=%r", error)
        return None


def _plots(figures: SpanFigures) -> dict[str, Any]:
    points = figures.points
    return {
        "moments": [point.start for point in points],
        "deliveries": (
            Series("delivered", [point.counts.delivered for point in points], "ok"),
            Series("attempts that failed", [point.counts.failed for point in points], "bad"),
        ),
        "success": (Series("succeeded", [point.counts.success for point in points], "ok"),),
        "arrived": _latencies(points, [point.arrived for point in points]),
        "took": _latencies(points, [point.took for point in points]),
        "waiting": (Series("waiting", [point.waiting for point in points], "warn"),),
        "waited": any(point.waiting for point in points),
    }


def _latencies(points: Sequence[Point], found: Sequence[Latency | None]) -> tuple[Series, ...]:
    """In seconds."""
    tones = {"p50": "accent", "p95": "info", "p99": "idle"}
    return tuple(
        Series(name, [None if each is None else getattr(each, name) / 1000 for each in found], tone)
        for name, tone in tones.items()
    )


def _stack(report: CarrierReport | None, *, database: bool) -> list[StackPart]:
    """Workers, beat, broker, database and entrances, with what each is doing."""
    parts = [StackPart(name="Database", state="up" if database else "down", text=_database(database=database))]
    if report is None:
        said = f"not told within {WAIT:g} s"
        return [*parts, *(StackPart(name=name, state="down", text=said) for name in ("Broker", "Workers", "Beat"))]
    return [*parts, _broker(report), _workers(report), _beat(report), _entrances(report)]


def _database(*, database: bool) -> str:
    return "PostgreSQL answers" if database else f"PostgreSQL does not answer within {WAIT:g} s"


def _broker(report: CarrierReport) -> StackPart:
    if report.broker is None:
        return StackPart(name="Broker", state="down", text="does not answer")
    said = f"{report.broker.product} {report.broker.version}".strip() or "answers"
    waiting = [f"{count:,} {QUEUES.get(queue, queue)}" for queue, count in report.broker.waiting.items() if count]
    text = f"{said}; waiting in it: {', '.join(waiting)}" if waiting else f"{said}; nothing waits in it"
    return StackPart(name="Broker", state="up", text=text)


def _workers(report: CarrierReport) -> StackPart:
    workers = [each for each in report.processes if each.kind == "worker"]
    if not workers:
        return StackPart(name="Workers", state="down", text="none has said anything for 5 s")
    slots, used = sum(each.slots for each in workers), sum(each.in_use for each in workers)
    text = f"{len(workers)} live; {used:,} of {slots:,} slots in use"
    return StackPart(name="Workers", state="up", text=text)


def _beat(report: CarrierReport) -> StackPart:
    live = any(each.kind == "beat" for each in report.processes)
    swept = "nobody has looked for what is due yet"
    if report.swept is not None:
        swept = f"last look for what is due {report.swept:.1f} s ago"
    return StackPart(name="Beat", state="up" if live else "down", text=f"{'live; ' if live else 'silent; '}{swept}")


def _entrances(report: CarrierReport) -> StackPart:
    live = sum(each.kind == "api" for each in report.processes)
    text = f"{live} process{'es' if live != 1 else ''} of the API live"
    return StackPart(name="Entrance", state="up" if live else "idle", text=text)
