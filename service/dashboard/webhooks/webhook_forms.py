"""Registering a webhook, and changing one: all its fields, checked as they are typed, and by the API's own rules when sent.

What the fields may say is left to `subscriptions/webhooks/webhook.py`, secrets of one that exists to `webhook_secrets.py`.
"""

import logging
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from service import auth
from service.api.webhooks import owner
from service.auth import Permission
from service.dashboard.frame import forms, visitors
from service.dashboard.frame.forms import FormFields
from service.dashboard.frame.rendering import redirect, render
from service.dashboard.webhooks import webhook_page
from service.dashboard.webhooks.webhook_actions import back
from service.services import services_of
from subscriptions.ground.errors import Forbidden, Issue, Refused
from subscriptions.webhooks.field_rules import CREDENTIALS
from subscriptions.webhooks.webhook import TRUST, Change, Registration, Webhook, wire_name
from subscriptions.webhooks.webhook_list import WebhookQuery

log = logging.getLogger("hooklake.service")

TEXTS = ("name", "destination", "description", "auth_type", "client_id", "issuer_url", "content_mode")
FLAGS = ("batching", "challenge_request_enabled")
#: What is not shown of a webhook: left empty, it stays as it is.
HIDDEN = ("api_key", "client_secret", "client_key")
CERTIFICATES = ("ca_bundle", "client_certificate")
#: What is checked while it is typed.
CHECKED = ("name", "destination", "issuer_url")
#: Bytes of randomness in a secret that is proposed.
PROPOSED = 24
BLANK: Mapping[str, Any] = {
    **dict.fromkeys((*TEXTS, *HIDDEN, *CERTIFICATES, "secret"), ""),
    "batching": False,
    "challenge_request_enabled": True,
    "content_mode": "json",
}


@dataclass(frozen=True, kw_only=True)
class Sent:
    """A form as it was sent or is first shown, and what is wrong with it."""

    #: By column.
    values: Mapping[str, Any]
    #: What is wrong, by column.
    wrong: Mapping[str, str] = field(default_factory=dict)
    #: What is wrong with none of them.
    refused: str = ""


async def new(request: Request) -> Response:
    """GET /dashboard/webhooks/new: with a secret that nobody has used"""
    return _shown(request, None, Sent(values={**BLANK, "secret": secrets.token_urlsafe(PROPOSED)}))


async def registered(request: Request) -> Response:
    """POST /dashboard/webhooks: leads to a handler that answers its challenge"""
    caller = visitors.visitor(request).caller
    auth.require(caller, Permission.CREATE_WEBHOOKS)
    form = await forms.read(request)
    values = {**_typed(form), "secret": form.text("secret")}
    try:
        made = await services_of(request).webhook_lifecycle.register(Registration(**_fitting(values)), owner(caller))
    except Forbidden:
        raise
    except Refused as error:
        return _shown(request, None, _refused(values, await _faults(request, values, error)))
    by = f"user:{caller.client_id}"
    log.info("webhook.registered webhook=%s workspace=%s by=%s", made.id, made.workspace_id, by)
    return redirect(back(request, f"{webhook_page.path_of(made)}/handler"), said=f"{made.name} is registered.")


async def editing(request: Request) -> Response:
    """GET /dashboard/webhooks/{id}/edit"""
    found = await webhook_page.found(request)
    return _shown(request, found, Sent(values=_standing(found)))


async def changed(request: Request) -> Response:
    """POST /dashboard/webhooks/{id}: only what differs is changed"""
    caller = visitors.visitor(request).caller
    auth.require(caller, Permission.UPDATE_WEBHOOKS)
    found, form = await webhook_page.found(request), await forms.read(request)
    if form.line("generation") != str(found.generation):
        said = "Somebody has changed it since this form was loaded; nothing was saved. These are its values now."
        return _shown(request, found, Sent(values=_standing(found), refused=said), 409)
    values = _typed(form)
    given = _differing(found, _fitting(values))
    if not given:
        return redirect(back(request, webhook_page.path_of(found)), said="Nothing was changed.")
    lifecycle, by = services_of(request).webhook_lifecycle, f"user:{caller.client_id}"
    try:
        after = await lifecycle.change(auth.scope(caller), found.id, Change(**given), by=by)
    except Forbidden:
        raise
    except Refused as error:
        return _shown(request, found, _refused(values, await _faults(request, given, error, str(found.id))))
    log.info("webhook.changed webhook=%s fields=%s by=%s", found.id, ",".join(sorted(given)), by)
    asked = after.status == "PENDING" and after.epoch != found.epoch
    said = (
        "Saved. Its destination is asked for a new challenge; what is published meanwhile is kept."
        if asked
        else "Saved."
    )
    return redirect(back(request, webhook_page.path_of(after)), said=said)


async def checked(request: Request) -> Response:
    """GET /dashboard/webhooks/check?name=: what a registration would say of one field; nobody is asked, no name looked up"""
    column = next((each for each in CHECKED if each in request.query_params), CHECKED[0])
    text, own = request.query_params.get(column, ""), request.query_params.get("of", "")
    fault = await _fault(request, column, text, own)
    return render(request, "webhooks/check.html", column=column, text=text, fault=fault)


async def _fault(request: Request, column: str, text: str, own: str) -> str:
    """What is wrong with one field by itself, of a new webhook or the one of the id `own`; empty: nothing."""
    services, workspace = services_of(request), visitors.visitor(request).caller.workspace_id
    try:
        if text and "\0" not in text:
            services.webhook_lifecycle.vet(Change(**dict[str, Any]({column: text})))
    except Refused as refused:
        return refused.issues[0].description
    if column != "name" or not text:
        return ""
    page = await services.webhook_lifecycle.listed(WebhookQuery(workspace_id=workspace, search=text, limit=50))
    taken = any(each.name == text and str(each.id) != own for each in page.webhooks)
    return "is the name of another webhook of the workspace" if taken else ""


async def _faults(request: Request, given: Mapping[str, Any], error: Refused, own: str = "") -> Refused:
    """All that is wrong: what the first look has found, and in fields that passed it what later ones would find."""
    seen = {each.subject for each in error.issues}
    left = [each for each in (*CHECKED, "ca_bundle") if wire_name(each) not in seen]
    found = [(each, await _fault(request, each, str(given.get(each, "")), own)) for each in left]
    return Refused(*error.issues, *(Issue(subject=wire_name(each), description=why) for each, why in found if why))


def _typed(form: FormFields) -> dict[str, Any]:
    """The form by column; certificates as texts, whatever stands around them."""
    texts: dict[str, Any] = {each: form.line(each) for each in (*TEXTS, *CERTIFICATES)}
    return {**texts, **{each: form.text(each) for each in HIDDEN}, **{each: form.ticked(each) for each in FLAGS}}


def _fitting(values: Mapping[str, Any]) -> dict[str, Any]:
    """Without the credentials that its authType has no use for: the form does not show them."""
    needed = CREDENTIALS.get(str(values["auth_type"]), ())
    strange = {each for names in CREDENTIALS.values() for each in names} - set(needed)
    return {name: "" if name in strange else value for name, value in values.items()}


def _standing(of: Webhook) -> dict[str, Any]:
    """What the form of a webhook is first filled with."""
    shown = {each: getattr(of, each) for each in (*TEXTS, *FLAGS, *CERTIFICATES)}
    return {**shown, **dict.fromkeys(HIDDEN, "")}


def _differing(of: Webhook, values: Mapping[str, Any]) -> dict[str, Any]:
    """What is to change: shown fields that differ, hidden ones that were given; a certificate that goes takes its key along."""
    given = {each: values[each] for each in (*TEXTS, *FLAGS) if values[each] != getattr(of, each)}
    given |= {each: values[each] for each in CERTIFICATES if values[each] != getattr(of, each).strip()}
    given |= {each: values[each] for each in HIDDEN if values[each]}
    if given.get("client_certificate") == "":
        given["client_key"] = ""
    elif "client_key" in given and "client_certificate" not in given:
        given["client_certificate"] = values["client_certificate"]
    return given


def _refused(values: Mapping[str, Any], error: Refused) -> Sent:
    """Each fault beside its field, and the rest above the form."""
    columns = {wire_name(each): each for each in (*values, *TRUST)}
    wrong = {columns[each.subject]: each.description for each in error.issues if each.subject in columns}
    rest = [each.description for each in error.issues if each.subject not in columns]
    said = "; ".join(rest).capitalize() + "." if rest else "Nothing was saved yet: look at the fields that are marked."
    return Sent(values=values, wrong=wrong, refused=said)


def _shown(request: Request, of: Webhook | None, sent: Sent, status: int = 0) -> Response:
    services, caller = services_of(request), visitors.visitor(request).caller
    return render(
        request,
        "webhooks/form.html",
        status or (400 if sent.refused else 200),
        webhook=of,
        sent=sent,
        values=sent.values,
        wrong=sent.wrong,
        least=services.ground.least_secret,
        own_workspace=caller.workspace_id,
        proof=services.assembly.settings.require_proof,
        http=services.assembly.settings.allow_http,
    )
