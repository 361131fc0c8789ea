"""A rotation of a webhook's secret, step by step: a second one, both live, then it alone; or another one at once.

What a change of a secret brings with it is left to `delivery/verification/webhook_lifecycle.py`.
"""

import logging
import secrets

from starlette.requests import Request
from starlette.responses import Response

from service import auth
from service.auth import Permission
from service.dashboard.frame import forms, visitors
from service.dashboard.frame.rendering import redirect, render
from service.dashboard.webhooks import webhook_page
from service.dashboard.webhooks.webhook_actions import back
from service.dashboard.webhooks.webhook_forms import PROPOSED
from service.services import services_of
from subscriptions.ground.errors import Forbidden, Issue, Refused
from subscriptions.webhooks.webhook import Change, Webhook

log = logging.getLogger("hooklake.service")

#: What each step is told with.
DONE = {
    "second": "Both secrets are live: each request is signed with the first and the second.",
    "drop": "The second secret is dropped: requests are signed with the first alone, as before.",
    "promote": "The second secret is the only one now.",
    "replace": "There is another secret from now on, and no second one.",
}


async def shown(request: Request) -> Response:
    """GET /dashboard/webhooks/{id}/secrets"""
    return _page(request, await webhook_page.found(request))


async def changed(request: Request) -> Response:
    """POST /dashboard/webhooks/{id}/secrets: `step` is one of DONE, with the `secret` of second and replace"""
    caller = visitors.visitor(request).caller
    auth.require(caller, Permission.UPDATE_WEBHOOKS)
    found, form = await webhook_page.found(request), await forms.read(request)
    step, secret, by = form.line("step"), form.text("secret"), f"user:{caller.client_id}"
    if step not in DONE:
        raise Refused(Issue(subject="step", description=f"must be one of {', '.join(DONE)}"))
    lifecycle, scope = services_of(request).webhook_lifecycle, auth.scope(caller)
    try:
        if step == "promote":
            after = await lifecycle.promote(scope, found.id, by=by)
        else:
            after = await lifecycle.change(scope, found.id, _change(step, secret), by=by)
    except Forbidden:
        raise
    except Refused as error:
        said = "; ".join(issue.description for issue in error.issues)
        return _page(request, found, 400, wrong=(step, said), typed=secret)
    log.info("webhook.changed webhook=%s fields=secrets step=%s by=%s", found.id, step, by)
    asked = " Its destination is asked for a new challenge, which either may answer." if after.dual_secret else ""
    asked = asked or " Its destination is asked for a new challenge." if after.status == "PENDING" else ""
    return redirect(back(request, f"{webhook_page.path_of(after)}/secrets"), said=DONE[step] + asked)


def _change(step: str, secret: str) -> Change:
    if step == "replace":
        return Change(secret=secret, secondary_secret="")
    # An empty one would drop what is there.
    if step == "second" and not secret:
        raise Refused(Issue(subject="secondarySecret", description="is required"))
    return Change(secondary_secret=secret if step == "second" else "")


def _page(
    request: Request, of: Webhook, status: int = 200, *, wrong: tuple[str, str] = ("", ""), typed: str = ""
) -> Response:
    return render(
        request,
        "webhooks/secrets.html",
        status,
        webhook=of,
        wrong=wrong,
        given=bool(typed),
        typed=typed or secrets.token_urlsafe(PROPOSED),
        least=services_of(request).ground.least_secret,
    )
