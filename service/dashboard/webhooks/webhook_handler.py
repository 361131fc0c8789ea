"""What follows a registration: a handler to copy that answers the challenge, then what to subscribe to, then a first delivery.

The programs stand in `handlers`.
"""

from starlette.requests import Request
from starlette.responses import Response

from service.dashboard.frame.rendering import render
from service.dashboard.webhooks import handler_programs, webhook_page
from service.services import services_of


async def shown(request: Request) -> Response:
    """GET /dashboard/webhooks/{id}/handler"""
    found = await webhook_page.found(request)
    subscriptions = await webhook_page.subscribed(request, found)
    _, tried = await services_of(request).history.recent(found.workspace_id, found.id, limit=1, offset=0)
    return render(
        request,
        "webhooks/handler.html",
        webhook=found,
        programs=handler_programs.programs(found.name, found.destination),
        variable=handler_programs.variable(found.name),
        subscriptions=subscriptions,
        tried=tried,
        may=webhook_page.may(request),
        trial={"type": "", "data": "", "why": ""},
    )
