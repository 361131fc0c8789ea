"""What follows a registration: a handler to copy that answers the challenge, then what to subscribe to, then a first delivery.

The programs stand in `handlers`.
"""

from starlette.requests import Request
from starlette.responses import Response

from service.dashboard import handler_programs, webhook
from service.dashboard.rendering import render
from service.services import services_of


async def shown(request: Request) -> Response:
    """GET /dashboard/webhooks/{id}/handler"""
    found = await webhook.found(request)
    subscriptions = await webhook.subscribed(request, found)
    _, tried = await services_of(request).history.recent(found.workspace_id, found.id, limit=1, offset=0)
    return render(
        request,
        "webhooks/handler.html",
        webhook=found,
        programs=handler_programs.programs(found.name, found.destination),
        variable=handler_programs.variable(found.name),
        subscriptions=subscriptions,
        tried=tried,
        may=webhook.may(request),
        trial={"type": "", "data": "", "why": ""},
    )
