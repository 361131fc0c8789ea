"""What is done to a webhook from its page: verified, paused, resumed, tried, unregistered; its deliveries sent again.

Each asks for its permission, and calls what the API's handler calls. Its fields are left to `webhook_forms.py`.
"""

import logging

from starlette.requests import Request
from starlette.responses import Response

from delivery.publishing.event_tester import TryOut
from delivery.reports.recent_deliveries import LISTED, Retried
from service import auth
from service.api import reading, testing
from service.auth import Permission
from service.dashboard.frame import forms, visitors
from service.dashboard.frame.rendering import redirect
from service.dashboard.webhooks import webhook_page
from service.dashboard.webhooks.webhook_list import PATH
from service.services import services_of
from subscriptions.ground.errors import Malformed, Refused
from subscriptions.webhooks.webhook import Change

log = logging.getLogger("hooklake.service")

#: What asking for a retry came to.
AGAIN = {
    Retried.SUBMITTED: "It is sent again now.",
    Retried.UNDERWAY: "An attempt is under way already; nothing was changed.",
    Retried.WAITING: "It is kept, and goes out once the webhook may be sent to.",
}
#: What became of a test event, by the state of its delivery.
SENT = {
    "owed": "A test event is on its way: it shows among the recent deliveries in a moment.",
    "parked": "A test event is kept: it goes out once the webhook may be sent to.",
    "collecting": "A test event waits for its batch, which goes out within a minute.",
}


async def verified(request: Request) -> Response:
    """POST /dashboard/webhooks/{id}/verify: what the destination answered is told, and kept among the recent deliveries"""
    caller, wanted = visitors.visitor(request).caller, reading.identifier(request, "id", "Webhook")
    auth.require(caller, Permission.READ_WEBHOOKS)
    found, answer = await services_of(request).webhook_lifecycle.verify(auth.scope(caller), wanted)
    answered = f"{answer.status_code} {answer.message}".strip() if answer.status_code else f"nothing: {answer.message}"
    if found.status == "ACTIVE" and not found.state_reason:
        said = f"The destination answered {answered}: it has proved itself."
    else:
        said = f"The destination answered {answered}. {found.state_reason}"
    return redirect(back(request, webhook_page.path_of(found)), said=said)


async def paused(request: Request) -> Response:
    """POST /dashboard/webhooks/{id}/pause"""
    return await _halted(request, paused=True)


async def resumed(request: Request) -> Response:
    """POST /dashboard/webhooks/{id}/resume"""
    return await _halted(request, paused=False)


async def _halted(request: Request, *, paused: bool) -> Response:
    caller, wanted = visitors.visitor(request).caller, reading.identifier(request, "id", "Webhook")
    auth.require(caller, Permission.UPDATE_WEBHOOKS)
    lifecycle = services_of(request).webhook_lifecycle
    # Who reads the reason knows people by their names.
    changed = await lifecycle.change(auth.scope(caller), wanted, Change(paused=paused), by=caller.name)
    log.info("webhook.changed webhook=%s fields=paused by=user:%s", wanted, caller.client_id)
    said = (
        "Paused: what is published meanwhile is kept for it."
        if paused
        else "Resumed: its destination is asked, and what was kept goes out once it has answered."
        if changed.status == "PENDING"
        else "Resumed: what was kept goes out now."
    )
    return redirect(back(request, webhook_page.path_of(changed)), said=said)


async def removed(request: Request) -> Response:
    """POST /dashboard/webhooks/{id}/unregister: its subscriptions end with it"""
    caller, wanted = visitors.visitor(request).caller, reading.identifier(request, "id", "Webhook")
    auth.require(caller, Permission.DELETE_WEBHOOKS)
    found = await webhook_page.found(request)
    await services_of(request).webhook_lifecycle.remove(auth.scope(caller), wanted, force=True)
    log.info("webhook.removed webhook=%s by=user:%s", wanted, caller.client_id)
    return redirect(back(request, PATH), said=f"{found.name} is unregistered.")


async def tried(request: Request) -> Response:
    """POST /dashboard/webhooks/{id}/test: a test event, to it alone"""
    auth.require(visitors.visitor(request).caller, Permission.UPDATE_WEBHOOKS)
    form = await forms.read(request)
    data = form.text("data").strip()
    asked = TryOut(
        webhook=reading.identifier(request, "id", "Webhook"),
        event_type=form.line("type"),
        data=data.encode() if data else None,
    )
    try:
        sent = await testing.send(services_of(request), visitors.visitor(request).caller, asked)
    except (Malformed, Refused) as error:
        why = "; ".join(f"{issue.subject} {issue.description}" for issue in error.issues)
        typed = {"type": asked.event_type, "data": data, "why": f"No test event was sent: {why}."}
        return await webhook_page.page(request, await webhook_page.found(request), 400, trial=typed)
    return redirect(back(request, f"{PATH}/{asked.webhook}") + "#deliveries", said=SENT[sent.state])


async def retried(request: Request) -> Response:
    """POST /dashboard/webhooks/{id}/failures/{failure}/retry"""
    caller, wanted = visitors.visitor(request).caller, reading.identifier(request, "id", "Webhook")
    auth.require(caller, Permission.UPDATE_WEBHOOKS)
    failure = reading.identifier(request, "failure", "Delivery failure", hint=LISTED)
    _, retried = await services_of(request).history.retry(auth.scope(caller), wanted, failure)
    return redirect(back(request, f"{PATH}/{wanted}") + "#deliveries", said=AGAIN[retried])


def back(request: Request, path: str) -> str:
    """The path, with the workspace that was chosen."""
    chosen = request.query_params.get(visitors.NAME, "")
    return f"{path}?{visitors.NAME}={chosen}" if chosen else path
