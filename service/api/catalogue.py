"""The catalogue over HTTP: which event types there are, how they are grouped, and how one is added, changed and retired.

How a type is spelled is left to `subscriptions/events/catalogue.py`.
"""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, UnsetType
from starlette.requests import Request
from starlette.responses import Response

from service import auth
from service.api import reading, workspaces, writing
from service.services import Services, services_of
from subscriptions.events import attributes, catalogue, directory
from subscriptions.events.catalogue import EventType
from subscriptions.events.directory import TypeGroup
from subscriptions.events.event_type_rows import (
    DETAILS,
    OFF,
    REJECT,
    WARN,
    CatalogueEntry,
)
from subscriptions.ground import texts
from subscriptions.ground.errors import Absent, Issue, Refused

log = logging.getLogger("hooklake.service")

PAGE = 200
#: Characters of what is searched for.
LONGEST_SEARCH = 200
#: Why a type is nobody's.
ITSELF = "this service sends itself: nobody registers or publishes it"

_Line = Annotated[str, msgspec.Meta(max_length=200, pattern=texts.LINE)]
_Prose = Annotated[str, msgspec.Meta(max_length=2000, pattern=texts.PROSE)]


class _Registration(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """The body of a registration; what is absent is left to the catalogue."""

    event_type: str
    friendly_name: _Line | None = None
    description: _Prose | None = None
    api_group: _Line | None = None
    service_manager: _Line | None = None


class _Update(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """The body of a change; null sets a detail back to what it is when nobody gives it, `workspaceId` to the operators."""

    friendly_name: _Line | UnsetType | None = UNSET
    description: _Prose | UnsetType | None = UNSET
    api_group: _Line | UnsetType | None = UNSET
    service_manager: _Line | UnsetType | None = UNSET
    workspace_id: str | UnsetType | None = UNSET
    validation: Literal["off", "warn", "reject"] | UnsetType | None = UNSET


async def register(request: Request) -> Response:
    """POST /events/v1beta1/event-types: 201 with the new entry, 200 where it stands already.

    409 where it stands with another friendlyName, description, apiGroup or serviceManager than is asked for.
    """
    services, by = services_of(request), auth.scope(auth.caller(request))
    wanted = reading.decode(await reading.body(request), _Registration)
    details = {name: value for name, value in msgspec.structs.asdict(wanted).items() if name != "event_type" and value}
    entry = replace(_vetted(wanted.event_type, services.ground.type_prefix), **details)
    _check_details(entry, details)
    standing, new = await services.types.register(entry, chosen=details, by=by, now=services.clock())
    if new:
        tell("registered", standing.type, request)
    return writing.json(_entry(standing, by, services.ground.type_prefix), 201 if new else 200)


async def read(request: Request) -> Response:
    """GET /events/v1beta1/event-types/{eventType}"""
    services = services_of(request)
    with _spelling(request, services.ground.type_prefix):
        found = await services.types.find(named(request))
    return writing.json(_entry(found, auth.scope(auth.caller(request)), services.ground.type_prefix))


async def change(request: Request) -> Response:
    """PATCH /events/v1beta1/event-types/{eventType}: by its workspace; whose it is, by operators"""
    services, by = services_of(request), auth.scope(auth.caller(request))
    given = msgspec.structs.asdict(reading.decode(await reading.body(request), _Update))
    details = {name: value for name, value in given.items() if value is not UNSET}
    entry = _vetted(request.path_params["eventType"], services.ground.type_prefix)
    if by is None and details.get("workspace_id") is not None:
        await workspaces.check(request, details["workspace_id"])
    values = {name: _default(entry, name) if value is None else value for name, value in details.items()}
    _check_details(replace(entry, **{name: value for name, value in values.items() if name in DETAILS}), details)
    if details.get("validation") in (WARN, REJECT):
        await _check_schema(services, entry.type)
    changed = await services.types.change(entry.type, values, by=by, now=services.clock())
    if "workspace_id" in values:
        await services.event_apis.part(entry.type, now=services.clock())
    tell("changed", changed.type, request)
    return writing.json(_entry(changed, by, services.ground.type_prefix))


async def retire(request: Request) -> Response:
    """DELETE /events/v1beta1/event-types/{eventType}: 204; no publication and no new subscription within five seconds"""
    services, by = services_of(request), auth.scope(auth.caller(request))
    event_type = named(request)
    # No more: one that would not be registered today may stand from before.
    check_type(event_type, services.ground.type_prefix)
    with _spelling(request, services.ground.type_prefix):
        await services.types.retire(event_type, by=by, now=services.clock())
    tell("retired", event_type, request)
    return Response(status_code=204)


async def listed(request: Request) -> Response:
    """GET /events/v1beta1/event-types?search=: the catalogue in alphabetical order."""
    limit, offset = reading.paging(request, default=PAGE, most=PAGE)
    search = reading.words(request, "search", most=LONGEST_SEARCH)
    services = services_of(request)
    entries, total = await services.types.page(limit=limit, offset=offset, search=search)
    by, prefix = auth.scope(auth.caller(request)), services.ground.type_prefix
    return await writing.page(request, (_entry(entry, by, prefix) for entry in entries), offset=offset, total=total)


async def service_managers(request: Request) -> Response:
    """GET /events/v1beta1/service-managers, by name (greenlake.md 1.10)."""
    limit, offset = reading.paging(request, default=PAGE, most=PAGE)
    found, total = await services_of(request).directory.managers(limit=limit, offset=offset)
    return await writing.page(
        request, (_shelf(each, "events/service-manager") for each in found), offset=offset, total=total
    )


async def api_groups(request: Request) -> Response:
    """GET /events/v1beta1/service-managers/{serviceManagerId}/api-groups, by name."""
    manager = reading.identifier(request, "serviceManagerId", "Service manager")
    limit, offset = reading.paging(request, default=PAGE, most=PAGE)
    found, total = await services_of(request).directory.groups(manager, limit=limit, offset=offset)
    return await writing.page(request, (_shelf(each, "events/api-group") for each in found), offset=offset, total=total)


async def group_events(request: Request) -> Response:
    """GET /events/v1beta1/api-groups/{apiGroupId}/events, in alphabetical order."""
    group = reading.identifier(request, "apiGroupId", "API group")
    limit, offset = reading.paging(request, default=PAGE, most=PAGE)
    services = services_of(request)
    found, total = await services.directory.types(group, limit=limit, offset=offset)
    prefix = services.ground.type_prefix
    return await writing.page(request, (_event(entry, prefix) for entry in found), offset=offset, total=total)


def _shelf(shelf: TypeGroup, kind: str) -> dict[str, object]:
    return {
        "id": str(shelf.id),
        "name": shelf.name,
        "type": kind,
        "generation": shelf.generation,
        "createdAt": writing.moment(shelf.created_at),
        "updatedAt": writing.moment(shelf.updated_at),
    }


def _event(entry: CatalogueEntry, prefix: str) -> dict[str, object]:
    """`name` is the event type, as GreenLake's picker has it; `description` and `category` are ours."""
    return {
        "id": str(directory.type_id(entry.type)),
        "name": entry.type,
        "type": "events/event",
        "friendlyName": entry.friendly_name,
        "description": entry.description,
        "category": catalogue.category(entry.type, prefix=prefix),
        "generation": entry.generation,
        "createdAt": writing.moment(entry.created_at),
        "updatedAt": writing.moment(entry.updated_at),
    }


def named(request: Request) -> str:
    """The type in the path; raises Absent for one that no event could have, some of which PostgreSQL would not even compare."""
    event_type: str = request.path_params["eventType"]
    if attributes.value_fault("type", event_type):
        raise Absent("Event type", event_type)
    return event_type


@contextmanager
def _spelling(request: Request, prefix: str) -> Iterator[None]:
    """Where a type is not there: raises Refused with the right spelling of one that GreenLake's pages spell otherwise."""
    try:
        yield
    except Absent:
        if said := catalogue.misspelt(request.path_params["eventType"], prefix=prefix):
            raise Refused(Issue(subject="eventType", description=said)) from None
        raise


def _default(entry: EventType, name: str) -> Any:
    """What a detail is where nobody says."""
    return OFF if name == "validation" else getattr(entry, name) if name in DETAILS else None


async def _check_schema(services: Services, event_type: str) -> None:
    """Raises Refused where there is nothing to hold events to."""
    try:
        await services.schemas.newest(event_type)
    except Absent as absent:
        if absent.kind != "Schema":
            raise
        said = f"{event_type} has no schema that its events could be held to: PUT one to its /schema first"
        raise Refused(Issue(subject="validation", description=said)) from None


def check_type(event_type: str, prefix: str) -> None:
    """Raises Refused for a type that is ours."""
    if catalogue.reserved(event_type, prefix=prefix):
        raise Refused(Issue(subject="eventType", description=f"{event_type[:200]} is a type that {ITSELF}"))


def _vetted(event_type: str, prefix: str) -> EventType:
    check_type(event_type, prefix)
    try:
        return catalogue.entry(event_type, prefix=prefix)
    except Refused as refused:
        # The catalogue calls it `type`, this request `eventType`.
        raise Refused(
            *(Issue(subject="eventType", description=issue.description) for issue in refused.issues)
        ) from None


def _check_details(entry: EventType, given: Mapping[str, object]) -> None:
    """Raises Refused for a type that would stand among those of this service, and for a name that can look like another."""
    unseen = catalogue.unseen(entry.friendly_name) if given.get("friendly_name") else None
    if unseen:
        raise Refused(Issue(subject="friendlyName", description=unseen))
    manager = entry.service_manager.strip().casefold()
    if entry.api_group.strip().casefold() == catalogue.OURS and manager == catalogue.SERVICE_MANAGER.casefold():
        raise Refused(Issue(subject="apiGroup", description=f"{catalogue.OURS} holds the types that {ITSELF}"))


def tell(what: str, event_type: str, request: Request) -> None:
    """Logs what the caller did with a type."""
    known = auth.caller(request)
    log.info("type.%s type=%r workspace=%s by=%s", what, event_type, known.workspace_id, known.client_id)


def _entry(entry: CatalogueEntry, by: str | None, prefix: str) -> dict[str, object]:
    """`workspaceId` for operators (`by` None) and for the workspace itself; absent where it is the operators'."""
    body: dict[str, object] = {
        "eventType": entry.type,
        "category": catalogue.category(entry.type, prefix=prefix),
        "apiGroup": entry.api_group,
        "serviceManager": entry.service_manager,
        "friendlyName": entry.friendly_name,
        "description": entry.description,
        "validation": entry.validation,
        "origin": entry.origin,
        "generation": entry.generation,
        "createdAt": writing.moment(entry.created_at),
        "updatedAt": writing.moment(entry.updated_at),
    }
    shown = entry.workspace_id is not None and by in (None, entry.workspace_id)
    return body | ({"workspaceId": entry.workspace_id} if shown else {})
