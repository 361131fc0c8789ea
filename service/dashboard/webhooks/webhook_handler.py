"""What follows a registration: a handler to copy that answers the challenge, then what to subscribe to, then a first delivery.

The programs stand in `handlers`. All steps are done from this page, which goes on by itself as they are.
"""

from typing import Any
from zlib import crc32

from starlette.requests import Request
from starlette.responses import Response

from delivery.judgement.breaker import Status, sendable
from delivery.reports.recent_deliveries import RecentDelivery
from service.api.redaction import redacted
from service.dashboard.frame import rendering, visitors
from service.dashboard.frame.rendering import HEADERS, render
from service.dashboard.webhooks import handler_programs, webhook_page
from service.services import services_of
from subscriptions.webhooks.webhook import Webhook

#: Attempts that the first delivery is looked for among.
LOOKED = 10
#: The query's parameter of what a page shows already: it is answered 204 while that is all there is.
SEEN = "seen"
#: And of the event that somebody has just sent from here: its outcome is waited for.
AWAITED = "awaited"


async def shown(request: Request) -> Response:
    """GET /dashboard/webhooks/{id}/handler?seen="""
    return await page(request, await webhook_page.found(request))


async def page(request: Request, of: Webhook, status: int = 200, *, trial: dict[str, str] | None = None) -> Response:
    """The steps, as far as the webhook has come; `trial` is a test event that was refused, and why."""
    subscriptions = await webhook_page.subscribed(request, of)
    alone = visitors.LIVE in request.headers
    awaited = request.query_params.get(AWAITED, "") if alone else rendering.followed(request)
    first = await _first(request, of, awaited)
    proved = sendable(Status(of.status))
    seen = _sum(of.status, of.state_reason, len(subscriptions), first and (first.key, first.attempt_count), awaited)
    if alone and request.query_params.get(SEEN) == seen:
        return Response(status_code=204, headers=HEADERS)
    return render(
        request,
        "webhooks/handler.html",
        status,
        webhook=of,
        own=webhook_page.path_of(of),
        programs=handler_programs.programs(of.name, of.destination),
        variable=handler_programs.variable(of.name),
        subscriptions=subscriptions,
        proved=proved,
        first=first,
        awaited=awaited,
        asked_at=(await services_of(request).backlogs.probes([of.id])).get(of.id),
        seen=seen,
        over=proved and bool(subscriptions) and first is not None and first.success,
        may=webhook_page.may(request),
        trial=trial or {"type": "", "data": "", "why": ""},
    )


async def _first(request: Request, of: Webhook, awaited: str) -> RecentDelivery | None:
    """The newest delivery, challenges apart, or that of the event that is waited for; None before there is one."""
    tried, _ = await services_of(request).history.recent(of.workspace_id, of.id, limit=LOOKED, offset=0)
    # A batch has a key of its own.
    only = awaited if not of.batching else ""
    meant = (each for each in tried if not webhook_page.challenge(each) and only in ("", each.key.hex))
    return next((redacted(each) for each in meant), None)


def _sum(*of: Any) -> str:
    return f"{crc32(repr(of).encode()):x}"
