"""Event APIs over HTTP: AsyncAPI documents, registered, read, changed and removed.

How a document is read, and what it may bring, is left to `subscriptions/catalogue/`.
"""

import logging
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from service import auth
from service.api import event_api_bodies, reading, writing
from service.services import services_of
from subscriptions.access.access_tokens import Caller
from subscriptions.catalogue.api_rows import EventApi
from subscriptions.events import attributes, json_text
from subscriptions.ground.errors import Absent

log = logging.getLogger("hooklake.service")

PATH = "/events/v1beta1/event-apis"
LIMIT, MOST = 50, 200
SEARCH = 200
#: What is told of a document that brings nothing.
NOTHING_SENT = (
    "no event type comes of the document: its application sends no message (operations that send in AsyncAPI 3, subscribe in "
    "1 and 2); wanted is the document of whoever publishes the events"
)


async def register(request: Request) -> Response:
    """POST /events/v1beta1/event-apis: 201; its types are in the catalogue then"""
    services, by = services_of(request), auth.scope(auth.caller(request))
    draft = event_api_bodies.draft(await reading.body(request))
    made = await services.document_fetcher.register(draft, by=by)
    tell("registered", made, auth.caller(request))
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
    services, wanted = services_of(request), _id(request)
    text, form = await services.event_apis.document(wanted, by=auth.scope(auth.caller(request)))
    if not text:
        raise Absent("The document of event API", str(wanted), hint="none has come yet, or it is its workspace's own")
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
    wanted = event_api_bodies.change(await reading.body(request), force=reading.flag(request, "force"))
    changed = await services.document_fetcher.change(_id(request), wanted, by=by)
    tell("changed", changed, auth.caller(request))
    return writing.json(_shown(changed, by))


async def refetch(request: Request) -> Response:
    """POST /events/v1beta1/event-apis/{id}/refetch?force=: how it went is in `fetchRequest`"""
    services, by = services_of(request), auth.scope(auth.caller(request))
    fetched = await services.document_fetcher.refetch(_id(request), by=by, force=reading.flag(request, "force"))
    tell("fetched", fetched, auth.caller(request))
    return writing.json(_shown(fetched, by))


async def remove(request: Request) -> Response:
    """DELETE /events/v1beta1/event-apis/{id}?force=: 204; its types are retired, those with subscriptions by force alone"""
    services, by = services_of(request), auth.scope(auth.caller(request))
    wanted = _id(request)
    await services.event_apis.remove(wanted, force=reading.flag(request, "force"), by=by, now=services.clock())
    tell_removed(wanted, auth.caller(request))
    return Response(status_code=204)


def _id(request: Request) -> UUID:
    return reading.identifier(request, "id", "Event API")


def _summary(api: EventApi, by: str | None) -> dict[str, Any]:
    """`workspaceId` for operators (`by` None) and for the workspace itself; absent where it is the operators'."""
    version = {
        "value": api.version.value,
        "deprecated": api.version.deprecated,
        "deprecatedSince": _shown_moment(api.version.deprecated_since),
        "deprecatedIn": api.version.deprecated_in or None,
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
        "error": api.error if by in (None, api.workspace_id) else "",
        "origin": api.origin,
        "digest": api.digest,
        "eventTypeCount": api.type_count,
        "generation": api.generation,
        "createdAt": writing.moment(api.created_at),
        "updatedAt": writing.moment(api.updated_at),
    }
    shown = api.workspace_id is not None and by in (None, api.workspace_id)
    return body | ({"workspaceId": api.workspace_id} if shown else {})


def _access(api: EventApi) -> dict[str, Any]:
    """What is said beside the document, without members that say nothing."""
    fetch: dict[str, Any] = {}
    if api.fetch is not None:
        at = writing.moment(api.fetch.at)
        status = {"condition": api.fetch.condition, "message": api.fetch.message, "timestamp": at}
        fetch = {**api.fetch.request, "status": status}
    found = {"auth": api.auth, "externalSubscriptions": list(api.external_subscriptions), "fetchRequest": fetch}
    return {name: value for name, value in found.items() if value}


def _shown(api: EventApi, by: str | None) -> dict[str, Any]:
    details = json_text.load(api.details.encode())
    read = {name: details[name] for name in ("servers", "security")}
    body = {**_summary(api, by), **read, "eventTypes": list(api.types)}
    if by in (None, api.workspace_id):
        # Others read documents; how one gets at what they describe is between the workspace and those whom it tells.
        body |= _access(api)
    return body | ({} if api.types or not api.asyncapi else {"warnings": [NOTHING_SENT]})


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


def tell(what: str, api: EventApi, known: Caller) -> None:
    """The line of a registration or a change."""
    said = "event_api.%s id=%s types=%d workspace=%s by=%s"
    log.info(said, what, api.id, len(api.types), known.workspace_id, known.client_id)


def tell_removed(api: UUID, known: Caller) -> None:
    """The line of a removal."""
    log.info("event_api.removed id=%s workspace=%s by=%s", api, known.workspace_id, known.client_id)
