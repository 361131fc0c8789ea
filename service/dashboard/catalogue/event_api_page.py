"""One event API: its versions side by side, the types that it brings, its servers, its document, and who subscribes.

Registering and changing one is left to `event_api_forms.py`.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from delivery.reports import state_words
from service import auth
from service.api import event_apis as api
from service.api import reading
from service.auth import Permission
from service.dashboard.catalogue import subscribers
from service.dashboard.catalogue.event_api_list import PATH
from service.dashboard.frame import visitors
from service.dashboard.frame.rendering import HEADERS, render
from service.services import services_of
from subscriptions.catalogue.api_report import ApiEnding, BroughtType
from subscriptions.catalogue.api_rows import EventApi
from subscriptions.events import json_text
from subscriptions.events.directory import type_id

#: Types of a page; characters of the document that are shown; servers; types that a sentence names.
PAGE, SHOWN, SERVERS, NAMED = 100, 20_000, 50, 8
MOMENTS = ("deprecated_since", "sunset")


async def shown(request: Request) -> Response:
    """GET /dashboard/catalogue/apis/{id}?offset="""
    return await page(request, await found(request))


async def document(request: Request) -> Response:
    """GET /dashboard/catalogue/apis/{id}/document: a file, as it was given"""
    answer = await api.document(request)
    answer.headers.update(HEADERS)
    return answer


async def found(request: Request) -> EventApi:
    """The API of the path; raises Absent."""
    return await services_of(request).event_apis.find(reading.identifier(request, "id", "Event API"))


def path_of(of: EventApi) -> str:
    """Its page."""
    return f"{PATH}/{of.id}"


def theirs(request: Request, of: EventApi) -> bool:
    """Whether it is the visitor's to change, if their role permits."""
    return auth.scope(visitors.visitor(request).caller) in (None, of.workspace_id)


async def page(request: Request, of: EventApi, status: int = 200, **more: Any) -> Response:
    """The API's page; `more` are values of the template beside its own."""
    services, caller, own = services_of(request), visitors.visitor(request).caller, theirs(request, of)
    _, offset = reading.paging(request, default=PAGE, most=PAGE)
    types = await services.api_report.types(of.id, limit=PAGE, offset=offset)
    text, _ = await services.event_apis.document(of.id, by=auth.scope(caller))
    details = json_text.load(of.details.encode())
    removes = own and auth.may(caller, Permission.DELETE_EVENT_TYPES)
    ending = await services.api_report.ending(of) if removes else None
    named, others = await subscribers.named(request, event_api=of.id)
    values = {
        "api": of,
        "own": path_of(of),
        "changes": own and auth.may(caller, Permission.UPDATE_EVENT_TYPES),
        "registers": own and auth.may(caller, Permission.CREATE_EVENT_TYPES),
        "ending": ending,
        "fetch": of.fetch if own else None,
        "access": _access(of) if own else {},
        "consequences": _consequences(ending) if ending else "",
        "versions": await services.api_report.versions(of),
        "types": types,
        "ids": {each.event_type: type_id(each.event_type) for each in types},
        "counts": await _counts(request, types),
        "offset": offset,
        "following": offset + PAGE if offset + PAGE < of.type_count else None,
        "servers": details.get("servers", [])[:SERVERS],
        "security": details.get("security", [])[:SERVERS],
        "title": details.get("title", ""),
        "document": text[: 4 * SHOWN].decode(errors="ignore")[:SHOWN],
        "size": len(text),
        "cut": len(text.decode(errors="ignore")) > SHOWN,
        "nothing_sent": state_words.as_sentence(api.NOTHING_SENT),
        "subscribers": named,
        "more": others,
        "subscribes": auth.may(caller, Permission.READ_SUBSCRIPTIONS),
        "life": _life(of),
        "wrong": {},
        "refused": "",
    }
    return render(request, "catalogue/api.html", status, **{**values, **more})


async def _counts(request: Request, types: list[BroughtType]) -> Mapping[str, int] | None:
    """By type, how many webhooks have subscribed of those that the visitor sees; None where they may see none."""
    visitor = visitors.visitor(request)
    if not auth.may(visitor.caller, Permission.READ_SUBSCRIPTIONS):
        return None
    names = [each.event_type for each in types]
    return await services_of(request).subscription_store.subscribers(visitor.workspace(request), names)


def _access(of: EventApi) -> Mapping[str, str]:
    """How one gets at what it describes, as JSON with `***` for secrets; what is not said is not there."""
    said = {"Authentication": of.auth, "External subscriptions": list(of.external_subscriptions)}
    return {
        name: msgspec.json.format(msgspec.json.encode(each), indent=2).decode() for name, each in said.items() if each
    }


def _life(of: EventApi) -> dict[str, str]:
    """What the form of its deprecation is first filled with."""
    moments = {name: getattr(of.version, name) for name in MOMENTS}
    texts = {name: "" if at is None else f"{at:%Y-%m-%dT%H:%M}" for name, at in moments.items()}
    flags = {name: "true" if getattr(of.version, name) else "" for name in ("deprecated", "for_removal")}
    return {**texts, **flags, "migration": of.version.migration}


def _consequences(ending: ApiEnding) -> str:
    """What goes with an API, in a sentence or more."""
    said = []
    if ending.retired:
        left = len(ending.retired) - NAMED
        names = ", ".join(ending.retired[:NAMED]) + (f" and {left:,} more" if left > 0 else "")
        retired = _many(len(ending.retired), "event type is", "event types are")
        said.append(f"{retired} retired with it and can be published no more: {names}.")
    if ending.subscribed:
        total = sum(ending.subscribed.values())
        first = ", ".join(f"{name} ({many:,})" for name, many in list(ending.subscribed.items())[:NAMED])
        asks = f"{_many(total, 'subscription asks', 'subscriptions ask')} for them and get{'s' * (total == 1)} nothing more"
        said.append(f"{asks}: {first}.")
    if ending.staying:
        stays = _many(ending.staying, "event type that it describes stays", "event types that it describes stay")
        said.append(f"{stays}: others describe them, or they were there before.")
    if ending.pinned:
        pinned = _many(ending.pinned, "subscription understands", "subscriptions understand")
        said.append(f"{pinned} this version of them alone, and get{'s' * (ending.pinned == 1)} nothing more.")
    return " ".join([*said, "Its document is gone. This cannot be undone."])


def _many(count: int, one: str, more: str) -> str:
    return f"{count:,} {one if count == 1 else more}"
