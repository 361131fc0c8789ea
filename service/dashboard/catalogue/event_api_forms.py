"""Registering an event API from a text or a file, giving it another document or version, deprecating and removing it.

Each asks for its permission and calls what the API's handler calls, with the body that it would be sent; what is refused keeps
what was typed.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from service import auth
from service.api import event_api_bodies, event_apis
from service.auth import Permission
from service.dashboard.catalogue import document_faults, event_api_page
from service.dashboard.catalogue.event_api_list import PATH
from service.dashboard.frame import forms, visitors
from service.dashboard.frame.forms import FormFields
from service.dashboard.frame.rendering import redirect, render
from service.dashboard.webhooks.webhook_actions import back
from service.services import services_of
from subscriptions.catalogue.api_rows import EventApi
from subscriptions.catalogue.asyncapi import bounds
from subscriptions.ground.errors import Absent, Busy, Conflicting, Forbidden, Issue, Refused, TooLarge, TooSoon
from subscriptions.webhooks.subscription_list import SubscriptionQuery

#: Bytes of a form: the document as a text and as a file.
FORM_BYTES = 2 * bounds.MAX_BYTES + 64 * 1024
TEXTS = ("document", "name", "description", "group", "application", "version", "namedBy")
BLANK: Mapping[str, str] = dict.fromkeys((*TEXTS, "generation", "force"), "")
#: A moment as a browser's field has it: without a zone, which is UTC then.
_LOCAL = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2})(:[0-9]{2}(?:\.[0-9]+)?)?\Z")
#: What a field of a version is called in the API.
LIFE = {
    "deprecated": "deprecated",
    "deprecated_since": "deprecatedSince",
    "sunset": "sunset",
    "migration": "migration",
    "for_removal": "forRemoval",
}
#: Types that a sentence names.
NAMED = 3
#: What keeps what was typed.
FAILED = (Refused, Busy, TooSoon)


@dataclass(frozen=True, kw_only=True)
class TypedApi:
    """A form as it was sent, or is first shown."""

    values: Mapping[str, str]
    #: What came of it; None: it was not sent yet.
    error: Refused | Busy | TooSoon | None = None


async def new(request: Request) -> Response:
    """GET /dashboard/catalogue/apis/new?beside=: as another version beside one, where that is named"""
    values = dict(BLANK)
    if wanted := request.query_params.get("beside", ""):
        standing = await services_of(request).event_apis.find(_identified(wanted))
        shared = {name: getattr(standing, name) for name in ("name", "description", "group", "application")}
        values |= {
            **shared,
            "document": await _document(request, standing),
            "namedBy": await _naming(request, standing),
        }
    return _shown(request, None, TypedApi(values=values))


async def registered(request: Request) -> Response:
    """POST /dashboard/catalogue/apis: a `document`, or a `file` of it"""
    services, caller = services_of(request), visitors.visitor(request).caller
    auth.require(caller, Permission.CREATE_EVENT_TYPES)
    values = _values(await forms.read_with_files(request, FORM_BYTES))
    try:
        draft = event_api_bodies.draft(_registration(values))
        made = await services.document_fetcher.register(draft, by=auth.scope(caller))
    except Forbidden:
        raise
    except FAILED as error:
        return _shown(request, None, TypedApi(values=values, error=error))
    event_apis.tell("registered", made, caller)
    brought, good = await _brought(request, made)
    return redirect(
        back(request, event_api_page.path_of(made)), said=f"{made.name} is registered: {brought}.", good=good
    )


async def editing(request: Request) -> Response:
    """GET /dashboard/catalogue/apis/{id}/edit"""
    of = await _own(request)
    return _shown(request, of, TypedApi(values=await _standing(request, of)))


async def changed(request: Request) -> Response:
    """POST /dashboard/catalogue/apis/{id}: only what differs is changed; `force` where types go that webhooks subscribe to"""
    services, caller = services_of(request), visitors.visitor(request).caller
    auth.require(caller, Permission.UPDATE_EVENT_TYPES)
    of, values = await _own(request), _values(await forms.read_with_files(request, FORM_BYTES))
    if values["generation"] != str(of.generation):
        said = "somebody has changed it since this form was loaded: look at its page, then save again"
        again = {**values, "generation": str(of.generation)}
        return _shown(request, of, TypedApi(values=again, error=Conflicting(Issue(subject="form", description=said))))
    differing = _differing(await _standing(request, of), values)
    if not differing:
        return redirect(back(request, event_api_page.path_of(of)), said="Nothing was changed.")
    try:
        body, force = msgspec.json.encode(differing), bool(values["force"])
        change = event_api_bodies.change(body, force=force, expected=of.generation)
        after = await services.document_fetcher.change(of.id, change, by=auth.scope(caller))
    except (Forbidden, Absent):
        raise
    except FAILED as error:
        return _shown(request, of, TypedApi(values=values, error=error))
    event_apis.tell("changed", after, caller)
    return redirect(back(request, event_api_page.path_of(after)), said="Saved.")


async def deprecated(request: Request) -> Response:
    """POST /dashboard/catalogue/apis/{id}/life: whether its version is deprecated, since when, until when, and what instead"""
    services, caller = services_of(request), visitors.visitor(request).caller
    auth.require(caller, Permission.UPDATE_EVENT_TYPES)
    of, form = await _own(request), await forms.read(request)
    texts = {name: form.line(name) for name in LIFE}
    flags = {"deprecated": form.ticked("deprecated"), "forRemoval": form.ticked("for_removal")}
    said = {LIFE[name]: _moment(texts[name]) or None for name in ("deprecated_since", "sunset", "migration")}
    try:
        change = event_api_bodies.change(msgspec.json.encode({"version": {**said, **flags}}), force=False)
        after = await services.document_fetcher.change(of.id, change, by=auth.scope(caller))
    except (Forbidden, Absent):
        raise
    except Refused as error:
        wire = {f"version.{wire}": name for name, wire in LIFE.items()}
        wrong = {wire.get(each.subject, each.subject): each.description for each in error.issues}
        return await event_api_page.page(request, of, 400, life={**texts, **_ticks(form)}, wrong=wrong)
    event_apis.tell("changed", after, caller)
    word = "deprecated: its events say so from now on" if after.version.deprecated else "not deprecated"
    return redirect(back(request, event_api_page.path_of(after)), said=f"Version {after.version.value} is {word}.")


async def refetched(request: Request) -> Response:
    """POST /dashboard/catalogue/apis/{id}/refetch: the document, from where its event API says"""
    services, caller = services_of(request), visitors.visitor(request).caller
    auth.require(caller, Permission.UPDATE_EVENT_TYPES)
    of = await _own(request)
    try:
        after = await services.document_fetcher.refetch(of.id, by=auth.scope(caller))
    except (Forbidden, Absent):
        raise
    except FAILED as error:
        return await event_api_page.page(request, of, _status(error), refused=f"It was not fetched: {error}.")
    event_apis.tell("fetched", after, caller)
    failed = after.fetch is None or after.fetch.condition == "FAILED"
    why = after.fetch.message if after.fetch is not None else ""
    said = f"The document was not taken: {why}." if failed else "The document was fetched."
    return redirect(back(request, event_api_page.path_of(after)), said=said, good=not failed)


async def removed(request: Request) -> Response:
    """POST /dashboard/catalogue/apis/{id}/remove: by `force` where types go that webhooks have subscribed to"""
    services, caller = services_of(request), visitors.visitor(request).caller
    auth.require(caller, Permission.DELETE_EVENT_TYPES)
    of, form = await _own(request), await forms.given(request)
    try:
        await services.event_apis.remove(of.id, force=form.ticked("force"), by=auth.scope(caller), now=services.clock())
    except Conflicting as error:
        said = "; ".join(each.description.partition(";")[0] for each in error.issues)
        return await event_api_page.page(
            request, of, 409, refused=f"It was not removed: {said}. Tick that they go, too."
        )
    event_apis.tell_removed(of.id, caller)
    return redirect(back(request, PATH), said=f"{of.name} is removed.")


async def _brought(request: Request, made: EventApi) -> tuple[str, bool]:
    """What a new API brings, beside the version before, and whether that is as one would expect."""
    if not made.types:
        return event_apis.NOTHING_SENT, False
    brought = f"it brings {len(made.types):,} event type{'s' * (len(made.types) != 1)}"
    report, store = services_of(request).api_report, services_of(request).subscription_store
    _, starved = await store.listed(SubscriptionQuery(workspace_id=None, event_api=made.id, starved=True, limit=1))
    if starved:
        are = "subscription is" if starved == 1 else "subscriptions are"
        brought += f". {starved:,} {are} pinned to a version of them of which no event can be told, and get nothing"
    before = await report.succession(made)
    left = before.left_out if before else ()
    if not before or not left:
        return brought, not starved
    named = ", ".join(left[:NAMED]) + (f" and {len(left) - NAMED:,} more" if len(left) > NAMED else "")
    if len(left) < before.types:
        return f"{brought}. Of version {before.version} it leaves out {named}", not starved
    said = f"none of them is of version {before.version} ({named}): see by what they are named"
    return f"{brought}, and {said}", False


async def _naming(request: Request, of: EventApi) -> str:
    """By what its types were named: the form that gives it another document, or version, goes on so."""
    return "channel" if await services_of(request).api_report.by_channel(of) else "message"


def _identified(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise Absent("Event API", text) from None


async def _own(request: Request) -> EventApi:
    """The API of the path; raises Absent, and Forbidden where it is not the visitor's."""
    of = await event_api_page.found(request)
    if not event_api_page.theirs(request, of):
        raise Forbidden(Issue(subject="id", description=f"the event API {of.id} is not this workspace's"))
    return of


def _values(form: FormFields) -> dict[str, str]:
    """What was typed; a file comes before the text."""
    values = {name: form.line(name) for name in BLANK} | {"document": form.text("document")}
    given = form.file("file")
    if given:
        values["document"] = given.decode("utf-8-sig", errors="replace").replace("\0", "\ufffd")
    return values


def _registration(values: Mapping[str, str]) -> bytes:
    """As the API is sent it; raises Refused where there is no document."""
    if not values["document"].strip():
        raise Refused(Issue(subject="document", description="paste a document, or choose a file"))
    given: dict[str, Any] = {name: values[name] for name in TEXTS if name != "version" and values[name]}
    return msgspec.json.encode(given | ({"version": {"value": values["version"]}} if values["version"] else {}))


async def _document(request: Request, of: EventApi) -> str:
    text, _ = await services_of(request).event_apis.document(of.id, by=auth.scope(visitors.visitor(request).caller))
    return text.decode(errors="replace").replace("\r\n", "\n")


async def _standing(request: Request, of: EventApi) -> dict[str, str]:
    """What the form of an API is first filled with."""
    shown = {name: getattr(of, name) for name in ("name", "description", "group", "application")}
    document = await _document(request, of)
    shown |= {"namedBy": await _naming(request, of)}
    return {**BLANK, **shown, "document": document, "version": of.version.value, "generation": str(of.generation)}


def _differing(standing: Mapping[str, str], values: Mapping[str, str]) -> dict[str, Any]:
    """What is to change, as the API is sent it."""
    texts = ("name", "description", "group")
    given: dict[str, Any] = {name: values[name] for name in texts if values[name] != standing[name]}
    renamed = values["namedBy"] not in ("", standing["namedBy"])
    if values["document"].strip() and (renamed or values["document"].rstrip() != standing["document"].rstrip()):
        given |= {"document": values["document"]} | ({"namedBy": values["namedBy"]} if values["namedBy"] else {})
    if values["version"] and values["version"] != standing["version"]:
        given["version"] = {"value": values["version"]}
    return given


def _moment(text: str) -> str:
    """RFC 3339 of what a browser's field of a moment sends; anything else as it is."""
    local = _LOCAL.match(text)
    return f"{local[1]}{local[2] or ':00'}Z" if local else text


def _ticks(form: FormFields) -> dict[str, str]:
    return {name: "true" if form.ticked(name) else "" for name in ("deprecated", "for_removal")}


def _shown(request: Request, of: EventApi | None, typed: TypedApi) -> Response:
    error, issues = typed.error, typed.error.issues if isinstance(typed.error, Refused) else ()
    fields = {"version.value": "version"} | {name: name for name in TEXTS}
    beside = {fields[each.subject]: each.description for each in issues if each.subject in fields}
    found = document_faults.faults(typed.values["document"], issues)
    rest = [each.description for each in issues if each.subject not in fields and not each.subject.startswith("/")]
    if error is not None and not issues:
        rest = [str(error)]
    return render(
        request,
        "catalogue/api_form.html",
        _status(error),
        api=of,
        values=typed.values,
        wrong=beside,
        faults=found,
        refused="; ".join(rest),
        sent=error is not None,
        #: Types would go that webhooks have subscribed to.
        forces=any(each.subject == "eventType" for each in issues) or bool(typed.values["force"]),
        conflicting=isinstance(error, Conflicting),
        own_workspace=visitors.visitor(request).caller.workspace_id,
    )


def _status(error: Refused | Busy | TooSoon | None) -> int:
    known = ((Conflicting, 409), (TooLarge, 413), (Refused, 400), (TooSoon, 429), (Busy, 503))
    return 200 if error is None else next(status for kind, status in known if isinstance(error, kind))
