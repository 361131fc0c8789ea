"""Event APIs over HTTP: AsyncAPI documents, registered, read, changed and removed.

How a document is read, and what it may bring, is left to `subscriptions/catalogue/`.
"""

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType
from starlette.requests import Request
from starlette.responses import Response

from service import auth
from service.api import reading, writing
from service.services import services_of
from subscriptions.catalogue.api_rows import ApiVersion, EventApi
from subscriptions.catalogue.event_apis import EventApiChange, EventApiDraft
from subscriptions.events import attributes, json_text
from subscriptions.ground.errors import Issue, Refused

log = logging.getLogger("hooklake.service")

PATH = "/events/v1beta1/event-apis"
LIMIT, MOST = 50, 200
SEARCH = 200
#: What is told of a document that brings nothing.
NOTHING_SENT = (
    "no event type comes of the document: its application sends no message (operations that send in AsyncAPI 3, subscribe in "
    "1 and 2); wanted is the document of whoever publishes the events"
)

#: PostgreSQL keeps no NUL and no half of a surrogate pair, and lists no line breaks.
_Line = Annotated[str, msgspec.Meta(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f\ud800-\udfff]*$")]
_Words = Annotated[str, msgspec.Meta(max_length=200, pattern=r"^[^\x00-\x1f\x7f\ud800-\udfff]*$")]
_Prose = Annotated[str, msgspec.Meta(max_length=2000, pattern=r"^[^\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]*$")]
_NamedBy = Annotated[str, msgspec.Meta(pattern=r"^(message|channel)$")]


class _Version(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """A version as it is given."""

    value: _Line
    deprecated: bool | None = None
    deprecated_since: str | None = None
    sunset: str | None = None
    migration: _Words | None = None
    for_removal: bool | None = None


class _VersionChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """What is said anew of a version: what is absent stays, and null is what it is where nobody says anything (RFC 7396)."""

    value: _Line | UnsetType = UNSET
    deprecated: bool | UnsetType | None = UNSET
    deprecated_since: str | UnsetType | None = UNSET
    sunset: str | UnsetType | None = UNSET
    migration: _Words | UnsetType | None = UNSET
    for_removal: bool | UnsetType | None = UNSET


class _Registration(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """The body of a registration."""

    document: str
    name: _Line | None = None
    description: _Prose | None = None
    group: _Words = ""
    application: _Words = ""
    version: _Version | None = None
    named_by: _NamedBy = "message"


class _Update(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """The body of a change: what is absent stays, and null empties what may be empty (RFC 7396)."""

    document: str | UnsetType = UNSET
    name: _Line | UnsetType = UNSET
    description: _Prose | UnsetType | None = UNSET
    group: _Words | UnsetType | None = UNSET
    version: _VersionChange | UnsetType = UNSET
    named_by: _NamedBy = "message"


async def register(request: Request) -> Response:
    """POST /events/v1beta1/event-apis: 201; its types are in the catalogue then"""
    services, by = services_of(request), auth.scope(auth.caller(request))
    wanted = reading.decode(await reading.body(request), _Registration)
    draft = EventApiDraft(
        text=_text(wanted.document),
        name=wanted.name,
        description=wanted.description,
        group=wanted.group,
        application=wanted.application,
        version=_version(wanted.version),
        by_channel=wanted.named_by == "channel",
    )
    made = await services.event_apis.register(draft, by=by, now=services.clock())
    _tell("registered", made, request)
    return writing.json(_shown(made, by), 201, {"Location": f"{PATH}/{made.id}"})


async def listed(request: Request) -> Response:
    """GET /events/v1beta1/event-apis?group=&eventType=&search=: by name, the newest of a name first"""
    limit, offset = reading.paging(request, default=LIMIT, most=MOST)
    found, total = await services_of(request).event_apis.page(
        limit=limit,
        offset=offset,
        group=reading.words(request, "group", most=SEARCH),
        event_type=reading.words(request, "eventType", most=attributes.MAX_TYPE),
        search=reading.words(request, "search", most=SEARCH),
    )
    by = auth.scope(auth.caller(request))
    return await writing.page(request, (_summary(each, by) for each in found), offset=offset, total=total)


async def read(request: Request) -> Response:
    """GET /events/v1beta1/event-apis/{id}"""
    found = await services_of(request).event_apis.find(_id(request))
    return writing.json(_shown(found, auth.scope(auth.caller(request))))


async def document(request: Request) -> Response:
    """GET /events/v1beta1/event-apis/{id}/document: as it was given, in its own format"""
    text, form = await services_of(request).event_apis.document(_id(request))
    # Somebody's text: no browser makes anything of it.
    headers = {
        "X-Content-Type-Options": "nosniff",
        "Content-Disposition": f'attachment; filename="asyncapi.{form.lower()}"',
    }
    return Response(text, media_type=f"application/{form.lower()}", headers=headers)


async def events(request: Request) -> Response:
    """GET /events/v1beta1/event-apis/{id}/events: what the document says of each event, in alphabetical order of the types"""
    limit, offset = reading.paging(request, default=LIMIT, most=MOST)
    rows, total = await services_of(request).event_apis.described(_id(request), limit=limit, offset=offset)
    return await writing.page(request, (_described(row) for row in rows), offset=offset, total=total)


async def change(request: Request) -> Response:
    """PATCH /events/v1beta1/event-apis/{id}?force=: by its workspace"""
    services, by = services_of(request), auth.scope(auth.caller(request))
    given = reading.decode(await reading.body(request), _Update)
    wanted = EventApiChange(
        text=None if isinstance(given.document, UnsetType) else _text(given.document),
        name=None if isinstance(given.name, UnsetType) else given.name,
        description=_emptied(given.description),
        group=_emptied(given.group),
        version={} if isinstance(given.version, UnsetType) else _anew(given.version),
        by_channel=given.named_by == "channel",
        force=reading.flag(request, "force"),
    )
    changed = await services.event_apis.change(_id(request), wanted, by=by, now=services.clock())
    _tell("changed", changed, request)
    return writing.json(_shown(changed, by))


async def remove(request: Request) -> Response:
    """DELETE /events/v1beta1/event-apis/{id}?force=: 204; its types are retired, those with subscriptions by force alone"""
    services, by = services_of(request), auth.scope(auth.caller(request))
    wanted = _id(request)
    await services.event_apis.remove(wanted, force=reading.flag(request, "force"), by=by, now=services.clock())
    known = auth.caller(request)
    log.info("event_api.removed id=%s workspace=%s by=%s", wanted, known.workspace_id, known.client_id)
    return Response(status_code=204)


def _id(request: Request) -> UUID:
    return reading.identifier(request, "id", "Event API")


def _text(document: str) -> bytes:
    """Raises Refused for half a character, which UTF-8 has none of."""
    try:
        return document.encode()
    except UnicodeEncodeError:
        raise Refused(Issue(subject="document", description="holds half of a surrogate pair")) from None


def _emptied(text: str | UnsetType | None) -> str | None:
    """None: it stays."""
    return None if isinstance(text, UnsetType) else text or ""


def _version(given: _Version | None) -> ApiVersion | None:
    if given is None:
        return None
    return ApiVersion(
        value=given.value,
        deprecated=bool(given.deprecated),
        deprecated_since=_moment("version.deprecatedSince", given.deprecated_since),
        sunset=_moment("version.sunset", given.sunset),
        migration=_uri("version.migration", given.migration),
        for_removal=bool(given.for_removal),
    )


def _anew(given: _VersionChange) -> Mapping[str, Any]:
    """As fields of `ApiVersion`."""
    read: Mapping[str, Any] = {
        "value": given.value,
        "deprecated": given.deprecated or False,
        "deprecated_since": _moment("version.deprecatedSince", _kept(given.deprecated_since)),
        "sunset": _moment("version.sunset", _kept(given.sunset)),
        "migration": _uri("version.migration", _kept(given.migration)),
        "for_removal": given.for_removal or False,
    }
    return {name: value for name, value in read.items() if getattr(given, name) is not UNSET}


def _kept(text: str | UnsetType | None) -> str | None:
    return None if isinstance(text, UnsetType) else text


def _uri(subject: str, text: str | None) -> str:
    if text and attributes.value_fault("dataschema", text):
        raise Refused(Issue(subject=subject, description="must be an absolute URI"))
    return text or ""


def _moment(subject: str, text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        if attributes.instant(text) is None:
            raise ValueError(text)
        return datetime.fromisoformat(text.upper())
    except ValueError:
        said = "must be an RFC 3339 timestamp such as 2026-05-04T12:30:00Z"
        raise Refused(Issue(subject=subject, description=said)) from None


def _summary(api: EventApi, by: str | None) -> dict[str, Any]:
    """`workspaceId` for operators (`by` None) and for the workspace itself; absent where it is the operators'."""
    version = {
        "value": api.version.value,
        "deprecated": api.version.deprecated,
        "deprecatedSince": _shown_moment(api.version.deprecated_since),
        "sunset": _shown_moment(api.version.sunset),
        "migration": api.version.migration or None,
        "forRemoval": api.version.for_removal,
    }
    body: dict[str, Any] = {
        "id": str(api.id),
        "type": "events/event-api",
        "resourceUri": f"{PATH}/{api.id}",
        "name": api.name,
        "description": api.description,
        "group": api.group,
        "application": api.application,
        "version": {name: value for name, value in version.items() if value is not None},
        "asyncapi": api.asyncapi,
        "format": api.format,
        "origin": api.origin,
        "digest": api.digest,
        "eventTypeCount": api.type_count,
        "generation": api.generation,
        "createdAt": writing.moment(api.created_at),
        "updatedAt": writing.moment(api.updated_at),
    }
    shown = api.workspace_id is not None and by in (None, api.workspace_id)
    return body | ({"workspaceId": api.workspace_id} if shown else {})


def _shown(api: EventApi, by: str | None) -> dict[str, Any]:
    details = json_text.load(api.details.encode())
    read = {name: details[name] for name in ("servers", "security")}
    body = {**_summary(api, by), **read, "eventTypes": list(api.types)}
    return body | ({} if api.types else {"warnings": [NOTHING_SENT]})


def _described(row: Any) -> dict[str, Any]:
    """What a document says of an event; schemas, examples and the rest as the JSON that they are."""
    details = json_text.load(row["details"].encode())
    return {
        "id": str(row["id"]),
        "eventType": row["event_type"],
        "version": row["version"],
        "revision": row["revision"],
        "dataschema": row["dataschema"],
        "contentType": row["content_type"],
        "schemaDialect": row["dialect"],
        "payload": msgspec.Raw((row["payload"] or "null").encode()),
        "headers": msgspec.Raw((row["headers"] or "null").encode()),
        "examples": msgspec.Raw(row["examples"].encode()),
        "attributes": msgspec.Raw(row["attributes"].encode()),
        "deprecated": row["deprecated"],
        "title": details.get("title", ""),
        "summary": details.get("summary", ""),
        "description": details.get("description", ""),
        "tags": details.get("tags", []),
        "channel": details.get("channel", ""),
        "correlationId": details.get("correlationId", ""),
        "bindings": details.get("bindings", {}),
    }


def _shown_moment(when: datetime | None) -> str | None:
    return None if when is None else writing.moment(when)


def _tell(what: str, api: EventApi, request: Request) -> None:
    known = auth.caller(request)
    said = "event_api.%s id=%s types=%d workspace=%s by=%s"
    log.info(said, what, api.id, len(api.types), known.workspace_id, known.client_id)
