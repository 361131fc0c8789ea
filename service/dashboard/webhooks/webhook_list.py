"""The list of webhooks: searched, narrowed, in an order, with what waits for each.

What webhooks are listed is left to `subscriptions/webhooks/webhook_list.py`, one of them to `webhook_page.py`.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from delivery.judgement.breaker import Status
from delivery.reports.figures import Span
from delivery.reports.standing import SampledBacklog
from service import auth
from service.api import reading
from service.api.webhooks import LONGEST_SEARCH
from service.auth import Permission
from service.dashboard.frame import export, visitors, wording
from service.dashboard.frame.rendering import render
from service.dashboard.webhooks import webhook_figures
from service.dashboard.webhooks.webhook_figures import DayOfOne
from service.services import services_of
from subscriptions.ground.errors import Issue, Refused
from subscriptions.webhooks.webhook import Webhook
from subscriptions.webhooks.webhook_list import Sort, WebhookQuery

PATH = "/dashboard/webhooks"
PAGE = 50

COLUMNS = (
    *("Id", "Workspace", "Name", "URL", "State", "Reason", "Attempts in 24 h", "Delivered in 24 h", "Success in 24 h"),
    *("Waiting", "Failures", "Last failure", "Registered"),
)
SORTS = (
    (Sort.STATUS, "Needs attention first"),
    (Sort.NAME, "Name"),
    (Sort.NEWEST, "Newest first"),
    (Sort.FAILURES, "Most failures first"),
)
STATUSES = (("", "Any"), *((str(each), wording.state(each)[2]) for each in Status))


async def listed(request: Request) -> Response:
    """GET /dashboard/webhooks?search=&status=&sort=&after="""
    services, visitor = services_of(request), visitors.visitor(request)
    query = _query(request, visitor.workspace(request))
    if export.wanted(request):
        return export.answer(request, "webhooks", COLUMNS, _pages(request, query))
    page = await services.webhook_lifecycle.listed(query)
    ids = [each.id for each in page.webhooks]
    return render(
        request,
        "webhooks/list.html",
        query=query,
        page=page,
        waiting=await services.standing.waiting(ids),
        counted=await _counted(request),
        days=await _days(request, ids),
        may_register=auth.may(visitor.caller, Permission.CREATE_WEBHOOKS),
        sorts=SORTS,
        statuses=STATUSES,
    )


async def _counted(request: Request) -> datetime | None:
    """When what waits was counted last, where something that is away keeps it from being counted now."""
    services = services_of(request)
    return await services.standing.sampled_at() if (await services.carriers.look()).missing else None


async def _days(request: Request, ids: Sequence[UUID]) -> dict[UUID, DayOfOne]:
    """The last 24 hours of each."""
    found = await services_of(request).figures.each(Span.DAY, ids) if ids else {}
    return {webhook: webhook_figures.day(points) for webhook, points in found.items()}


async def _pages(request: Request, query: WebhookQuery) -> AsyncIterator[list[list[object]]]:
    """All webhooks that the query finds, a page at a time, in the order of COLUMNS."""
    services, following = services_of(request), query.after
    while True:
        page = await services.webhook_lifecycle.listed(replace(query, after=following))
        ids = [each.id for each in page.webhooks]
        waiting = await services.standing.waiting(ids)
        days = await _days(request, ids)
        yield [_row(each, waiting[each.id], days[each.id]) for each in page.webhooks]
        following = page.following
        if following is None:
            return


def _row(of: Webhook, left: SampledBacklog, day: DayOfOne) -> list[object]:
    state = wording.state(of.status)[2]
    shown: list[object] = [of.id, of.workspace_id, of.name, of.destination, state, of.state_reason]
    shown += [day.attempts, day.delivered, day.success]
    return [*shown, f"{left.waiting}+" if left.more else left.waiting, of.failures, of.last_failure_at, of.created_at]


def _query(request: Request, workspace: str | None) -> WebhookQuery:
    """An empty field of the form asks for nothing."""
    asked = request.query_params
    return WebhookQuery(
        workspace_id=workspace,
        search=reading.words(request, "search", most=LONGEST_SEARCH),
        status=reading.choice(request, "status", tuple(Status)) if asked.get("status") else "",
        sort=Sort(reading.choice(request, "sort", tuple(Sort))) if asked.get("sort") else Sort.STATUS,
        limit=PAGE,
        after=_after(asked.get("after", "")),
    )


def _after(text: str) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError:
        said = "is none that a page of this list has linked to"
        raise Refused(Issue(subject="after", description=said, source="query.parameter")) from None
