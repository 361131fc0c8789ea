"""Numbers: how things stand now, what came of deliveries over time, and the statuses a webhook had (greenlake.md 1.13).

What is counted, and how far back it is kept, is left to `delivery/reports/figures.py` and `standing.py`.
"""

from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from delivery.reports.figures import AttemptCounts, Latency, Point, Scope, Span, SpanFigures
from delivery.reports.standing import PastState, Standing
from service import auth
from service.api import reading, workspaces, writing
from service.services import services_of
from subscriptions.ground.errors import Issue, Refused

PATH = "/events/v1beta1/metrics"
WEBHOOKS = "/events/v1beta1/webhooks"
#: Statuses of one webhook that are answered at once: all that are kept.
MOST = 200


async def read(request: Request) -> Response:
    """`GET /events/v1beta1/metrics?span=&webhookId=&workspaceId=`: of a webhook, of a workspace or, for operators, of all"""
    services, within = services_of(request), await workspaces.within(request)
    span = Span(reading.choice(request, "span", list(Span)) or Span.HOUR)
    webhook = await _webhook(request, within)
    figures = await services.figures.over(span, Scope.of(within, webhook))
    body = _figures(figures)
    if webhook is None:
        body["now"] = _standing(await services.standing.of(within))
    else:
        body["resourceUri"] = f"{WEBHOOKS}/{webhook}"
    return writing.json(body)


async def states(request: Request) -> Response:
    """`GET /events/v1beta1/webhooks/{id}/states`: newest first"""
    wanted = reading.identifier(request, "id", "Webhook")
    limit, offset = reading.paging(request, default=MOST, most=MOST)
    services = services_of(request)
    webhook = await services.webhook_lifecycle.find(auth.scope(auth.caller(request)), wanted)
    found = await services.standing.states(webhook.id)
    shown = (_state(each) for each in found[offset : offset + limit])
    return await writing.page(request, shown, offset=offset, total=len(found))


async def _webhook(request: Request, within: str | None) -> UUID | None:
    """The webhook that is named, which has to be one of the caller's; raises Refused, Absent."""
    text = request.query_params.get("webhookId")
    if text is None:
        return None
    try:
        wanted = UUID(text)
    except ValueError:
        said = f"must be a UUID, and is {text[:50]!r}"
        raise Refused(Issue(subject="webhookId", description=said, source="query.parameter")) from None
    return (await services_of(request).webhook_lifecycle.find(within, wanted)).id


def _figures(figures: SpanFigures) -> dict[str, object]:
    return {
        "type": "events/metrics",
        "span": figures.span,
        "stepSeconds": int(figures.span.step.total_seconds()),
        "deliveredPerSecond": round(figures.rate, 3),
        "total": _counts(figures.total),
        "latency": _latencies(figures.arrived, figures.took),
        "points": [_point(each) for each in figures.points],
    }


def _point(point: Point) -> dict[str, object]:
    return {
        "startAt": writing.moment(point.start),
        **_counts(point.counts),
        **({} if point.waiting is None else {"waiting": point.waiting, "oldestWaitingSeconds": point.oldest}),
        "latency": _latencies(point.arrived, point.took),
    }


def _counts(counts: AttemptCounts) -> dict[str, object]:
    return {
        "accepted": counts.accepted,
        "attempts": counts.attempts,
        "succeeded": counts.succeeded,
        "failed": counts.failed,
        "delivered": counts.delivered,
        "givenUp": counts.given_up,
        "answers": {
            "2xx": counts.status_2xx,
            "3xx": counts.status_3xx,
            "4xx": counts.status_4xx,
            "5xx": counts.status_5xx,
            "none": counts.unanswered,
        },
    }


def _latencies(arrived: Latency | None, took: Latency | None) -> dict[str, object]:
    """What there was nothing of is left out."""
    given = {"publishedToAnswered": arrived, "receiver": took}
    return {name: _latency(each) for name, each in given.items() if each is not None}


def _latency(latency: Latency) -> dict[str, object]:
    return {f"p{share}Milliseconds": round(getattr(latency, f"p{share}"), 1) for share in (50, 95, 99)}


def _standing(standing: Standing) -> dict[str, object]:
    now: dict[str, object] = {
        "at": writing.moment(standing.at),
        "webhooks": {status.value: count for status, count in standing.webhooks.items()},
        "waiting": standing.waiting,
        "waitingMore": standing.more,
        "waitingFor": standing.waited_for,
    }
    if standing.oldest is not None:
        now["oldestWaitingAt"] = writing.moment(standing.oldest)
    if standing.sampled_at is not None:
        now["countedAt"] = writing.moment(standing.sampled_at)
    return now


def _state(state: PastState) -> dict[str, object]:
    return {
        "type": "events/webhookState",
        "status": state.status,
        "stateReason": state.reason,
        "since": writing.moment(state.since),
    }
