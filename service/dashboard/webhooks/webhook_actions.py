"""What is done to a webhook from its page: verified, paused, resumed, tried, unregistered; its deliveries sent again.

Each asks for its permission, and calls what the API's handler calls. Its fields are left to `webhook_forms.py`.
"""

import logging

from starlette.requests import Request
from starlette.responses import Response

from delivery.judgement.breaker import Status
from delivery.publishing.event_tester import TryOut
from delivery.reports import state_words
from delivery.reports.recent_deliveries import LISTED, Retried
from delivery.verification.challenges import DestinationResponse
from service import auth
from service.api import reading, testing
from service.auth import Permission
from service.dashboard.frame import forms, visitors
from service.dashboard.frame.forms import FormFields
from service.dashboard.frame.rendering import redirect
from service.dashboard.webhooks import webhook_handler, webhook_page
from service.dashboard.webhooks.webhook_list import PATH
from service.services import services_of
from subscriptions.ground.errors import Malformed, Refused
from subscriptions.webhooks.webhook import Change, Webhook

log = logging.getLogger("hooklake.service")

#: Pages that lead through several steps: a form that is one of them leads back there.
STEPS = ("handler", "secrets")
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
    form = await forms.given(request)
    found, answer = await services_of(request).webhook_lifecycle.verify(auth.scope(caller), wanted)
    proved = found.status == Status.ACTIVE
    return redirect(onward(request, webhook_page.path_of(found), form), said=_answered(found, answer), good=proved)


def _answered(of: Webhook, answer: DestinationResponse) -> str:
    """What came of a verification, each thing once."""
    if not answer.status_code:
        return f"The destination did not answer: {answer.message.removesuffix('.')}."
    answered = f"The destination answered {answer.status_code} {answer.message}".strip()
    if of.status == Status.ACTIVE:
        return f"{answered}: it has proved itself."
    if of.status == Status.DISABLED:
        return f"{answered}. The webhook stays paused."
    why = state_words.sentence(of.state_reason)
    # Some reasons begin with the answer themselves.
    return why if f"answered {answer.status_code}" in why else f"{answered}. {why}".strip()


async def paused(request: Request) -> Response:
    """POST /dashboard/webhooks/{id}/pause"""
    return await _halted(request, paused=True)


async def resumed(request: Request) -> Response:
    """POST /dashboard/webhooks/{id}/resume"""
    return await _halted(request, paused=False)


async def _halted(request: Request, *, paused: bool) -> Response:
    caller, wanted = visitors.visitor(request).caller, reading.identifier(request, "id", "Webhook")
    auth.require(caller, Permission.UPDATE_WEBHOOKS)
    lifecycle, form = services_of(request).webhook_lifecycle, await forms.given(request)
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
    return redirect(onward(request, webhook_page.path_of(changed), form), said=said)


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
        page = webhook_handler.page if form.line("then") == "handler" else webhook_page.page
        return await page(request, await webhook_page.found(request), 400, trial=typed)
    own = f"{PATH}/{asked.webhook}"
    path = onward(request, own, form)
    unsent = (await services_of(request).carriers.look()).unsent
    if unsent and sent.state == "owed":
        return redirect(path, said=f"A test event is kept, and not sent yet. {unsent}", good=False)
    if form.line("then") in STEPS:
        said = "A test event is on its way: what becomes of it shows here in a moment."
        return redirect(path, said=said, of=sent.event.key)
    return redirect(path + "#deliveries", said=SENT[sent.state], of=sent.event.key)


async def retried(request: Request) -> Response:
    """POST /dashboard/webhooks/{id}/failures/{failure}/retry"""
    caller, wanted = visitors.visitor(request).caller, reading.identifier(request, "id", "Webhook")
    auth.require(caller, Permission.UPDATE_WEBHOOKS)
    failure = reading.identifier(request, "failure", "Delivery failure", hint=LISTED)
    _, retried = await services_of(request).history.retry(auth.scope(caller), wanted, failure)
    return redirect(back(request, f"{PATH}/{wanted}") + "#deliveries", said=AGAIN[retried], of=failure)


def onward(request: Request, own: str, form: FormFields) -> str:
    """Where a form leads to: to the steps that it is one of, or to the webhook."""
    then = form.line("then")
    return back(request, f"{own}/{then}" if then in STEPS else own)


def back(request: Request, path: str) -> str:
    """The path, with the workspace that was chosen."""
    chosen = request.query_params.get(visitors.NAME, "")
    return f"{path}?{visitors.NAME}={chosen}" if chosen else path
