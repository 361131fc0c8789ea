"""`/dashboard`: is everything being delivered? Figures over a span of time, how things stand, who carries, what needs somebody.

What needs somebody is found by `concerns.py`, figures by `delivery/reports`; plots are drawn by `plotting.py`.
"""

import asyncio
import logging
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import Response

from delivery.reports.figures import Latency, Point, Scope, Span, SpanFigures
from delivery.reports.issues import IssueReport
from delivery.reports.standing import Standing
from service import auth
from service.api import reading
from service.auth import Permission
from service.dashboard.attention import concerns
from service.dashboard.attention.concerns import KnownIssues
from service.dashboard.frame import visitors, wording
from service.dashboard.frame.plotting import UNCOUNTED, Series
from service.dashboard.frame.rendering import render
from service.health.carriers import UNSWEPT, CarrierReport
from service.services import services_of
from subscriptions.ground.errors import Unavailable
from subscriptions.webhooks.subscription_list import Subscription, SubscriptionQuery
from subscriptions.webhooks.subscription_store import SubscriptionStore

log = logging.getLogger("hooklake.service")

T = TypeVar("T")

PATH = "/dashboard"
#: Seconds that the page waits for each of its parts: what has not answered by then is said to be away.
WAIT = 3.0
#: For how long an event that did not fit its type's schema asks for attention.
MISFITS = timedelta(hours=24)
#: Issues that are asked for: the page shows the worst, and how many more there are.
ISSUES = 100
#: What a span is called, beside "over the last".
SPANS = {Span.HOUR: "Hour", Span.DAY: "Day", Span.WEEK: "Week", Span.MONTH: "Month"}
STEPS = {Span.HOUR: "the minute", Span.DAY: "the hour", Span.WEEK: "the hour", Span.MONTH: "the day"}
#: What waits in each queue, as people call one of it and several.
QUEUES = {
    "tickets": ("delivery", "deliveries"),
    "drains": ("look for what is due", "looks for what is due"),
    "errands": ("job", "jobs"),
    "clock": ("signal of beat", "signals of beat"),
}


@dataclass(frozen=True, kw_only=True)
class StackPart:
    """One part of the stack and what it does."""

    name: str
    #: `up`, `late`, `down`, `idle` or `unknown`, as `wording.STATES` has them.
    state: str
    text: str


async def shown(request: Request) -> Response:
    """GET /dashboard?span="""
    visitor, services = visitors.visitor(request), services_of(request)
    span = Span(reading.choice(request, "span", list(Span)) or Span.HOUR)
    workspace, operator = visitor.workspace(request), auth.scope(visitor.caller) is None
    figures, standing, carriers, issues, misfits, starved = await asyncio.gather(
        _told(services.figures.over(span, Scope.of(workspace))),
        _told(services.standing.of(workspace)),
        _told(services.carriers.look()),
        _told(_issues(services.issues, workspace, services.assembly.settings.issue_quiet)),
        _told(services.misfit_report.counts(workspace, after=services.clock() - MISFITS)),
        _told(_starved(services.subscription_store, workspace)),
    )
    found = concerns.of(standing, carriers, issues or KnownIssues(), misfits or (), operator=operator)
    found = concerns.ranked([*found, *concerns.of_pins(starved or ())])
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
        uncounted=uncounted(standing, carriers),
        again=any(each.again for each in found),
        quiet=all(each.tone == "info" for each in found) and None not in (standing, carriers, issues),
        stack=_stack(carriers, database=standing is not None) if operator else (),
        plots_of=None if figures is None else _plots(figures),
        may_register=auth.may(visitor.caller, Permission.CREATE_WEBHOOKS),
    )


def uncounted(standing: Standing | None, carriers: CarrierReport | None) -> datetime | None:
    """When what waits was counted last, where nobody counts it at the moment; workers do, when beat tells them to."""
    if standing is None or carriers is None or not carriers.missing:
        return None
    # Where it never was, whoever sweeps counts.
    swept = None if carriers.swept is None else standing.at - timedelta(seconds=carriers.swept)
    return standing.sampled_at or swept or standing.at


async def _issues(report: IssueReport, workspace: str | None, quiet: float) -> KnownIssues:
    worst, aside = await report.attention(workspace, limit=ISSUES), await report.aside(workspace)
    return KnownIssues(worst=worst, aside=aside, quiet=quiet)


async def _starved(store: SubscriptionStore, workspace: str | None) -> list[Subscription]:
    listed, _ = await store.listed(SubscriptionQuery(workspace_id=workspace, starved=True, limit=ISSUES))
    return listed


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
            Series(
                "delivered",
                [each.counts.delivered if figures.knows(each) else None for each in points],
                "ok",
                UNCOUNTED,
            ),
            Series(
                "failed", [each.counts.failed if figures.knows(each) else None for each in points], "bad", UNCOUNTED
            ),
        ),
        "success": (Series("succeeded", [point.counts.success for point in points], "ok"),),
        "arrived": _latencies(points, [point.arrived for point in points]),
        "took": _latencies(points, [point.took for point in points]),
        "waiting": (_waiting([point.waiting for point in points]),),
    }


def _waiting(counted: Sequence[int | None]) -> Series:
    """A gap where nobody counted; where nothing waited there is nothing to draw."""
    first = next((n for n, each in enumerate(counted) if each is not None), None)
    # What goes on is counted a few seconds after it has begun.
    if first is not None and not any(counted) and None not in counted[first:-1]:
        return Series("waiting", [None] * len(counted), "warn")
    return Series("waiting", counted, "warn", UNCOUNTED)


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
        return [*parts, *(StackPart(name=name, state="unknown", text=said) for name in ("Broker", "Workers", "Beat"))]
    return [*parts, _broker(report), _workers(report), _beat(report), _entrances(report)]


def _database(*, database: bool) -> str:
    return "PostgreSQL answers" if database else f"PostgreSQL does not answer within {WAIT:g} s"


def _broker(report: CarrierReport) -> StackPart:
    if report.broker is None:
        return StackPart(name="Broker", state="down", text="does not answer")
    said = f"{report.broker.product} {report.broker.version}".strip() or "answers"
    waiting = [f"{count:,} {_queued(queue, count)}" for queue, count in report.broker.waiting.items() if count]
    text = f"{said}; waiting in it: {', '.join(waiting)}" if waiting else f"{said}; nothing waits in it"
    return StackPart(name="Broker", state="up", text=text)


def _queued(queue: str, count: int) -> str:
    one, many = QUEUES.get(queue, (f"message of {queue}", f"messages of {queue}"))
    return one if count == 1 else many


def _workers(report: CarrierReport) -> StackPart:
    workers = [each for each in report.processes if each.kind == "worker"]
    if not workers:
        return _away("Workers", report, "worker", "none runs")
    slots, used = sum(each.slots for each in workers), sum(each.in_use for each in workers)
    text = f"{len(workers)} live; {used:,} of {slots:,} slots in use"
    return StackPart(name="Workers", state="up", text=text)


def _beat(report: CarrierReport) -> StackPart:
    if not any(each.kind == "beat" for each in report.processes):
        return _away("Beat", report, "beat", "does not run")
    if report.swept is None:
        return StackPart(name="Beat", state="late", text="live; nobody has looked for what is due yet")
    text = f"live; last look for what is due {wording.duration(report.swept)} ago"
    return StackPart(name="Beat", state="late" if report.swept > UNSWEPT else "up", text=text)


def _away(name: str, report: CarrierReport, kind: str, never: str) -> StackPart:
    """What is known of processes of which none lives."""
    if report.heard is None:
        return StackPart(name=name, state="unknown", text="the database, which would know, does not answer")
    seconds = report.heard.get(kind)
    text = never if seconds is None else f"silent for {wording.duration(seconds)}"
    return StackPart(name=name, state="down", text=text)


def _entrances(report: CarrierReport) -> StackPart:
    live = sum(each.kind == "api" for each in report.processes)
    text = f"{live} process{'es' if live != 1 else ''} of the API live"
    return StackPart(name="Entrance", state="up" if live else "idle", text=text)
