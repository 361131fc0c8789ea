"""The catalogue over HTTP: which event types there are, how they are grouped, and how one is added.

How a type is spelled is left to `subscriptions/catalogue.py`.
"""

from dataclasses import replace
from typing import Annotated

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from service.api import reading, writing
from service.doors import doors_of
from subscriptions import catalogue, directory
from subscriptions.catalogue import EventType
from subscriptions.directory import Shelf
from subscriptions.errors import Issue, Refused
from subscriptions.types import Entry

PAGE = 200

#: PostgreSQL keeps no NUL, and lists no line breaks.
_Line = Annotated[str, msgspec.Meta(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]
_Prose = Annotated[str, msgspec.Meta(max_length=2000, pattern=r"^[^\x00-\x08\x0b-\x1f\x7f]*$")]


class _Registration(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """The body of a registration; what is absent is left to the catalogue."""

    event_type: str
    friendly_name: _Line | None = None
    description: _Prose | None = None
    api_group: _Line | None = None
    service_manager: _Line | None = None


async def register(request: Request) -> Response:
    """POST /events/v1beta1/event-types: 201 with the new entry, 200 where it stands already.

    409 where it stands with another friendlyName, description, apiGroup or serviceManager than is asked for.
    """
    doors = doors_of(request)
    wanted = reading.decode(await reading.body(request), _Registration)
    told = {name: value for name, value in msgspec.structs.asdict(wanted).items() if name != "event_type" and value}
    entry = replace(_vetted(wanted.event_type, doors.ground.type_prefix), **told)
    standing, new = await doors.types.register(entry, told=told, now=doors.clock())
    return writing.json(_entry(standing), 201 if new else 200)


async def listed(request: Request) -> Response:
    """GET /events/v1beta1/event-types: the catalogue in alphabetical order."""
    limit, offset = reading.paging(request, default=PAGE, most=PAGE)
    entries, total = await doors_of(request).types.page(limit=limit, offset=offset)
    return writing.page([_entry(entry) for entry in entries], offset=offset, total=total)


async def service_managers(request: Request) -> Response:
    """GET /events/v1beta1/service-managers, by name (greenlake.md 1.10)."""
    limit, offset = reading.paging(request, default=PAGE, most=PAGE)
    async with doors_of(request).database.transaction() as connection:
        found, total = await directory.managers(connection, limit=limit, offset=offset)
    return writing.page([_shelf(each, "events/service-manager") for each in found], offset=offset, total=total)


async def api_groups(request: Request) -> Response:
    """GET /events/v1beta1/service-managers/{serviceManagerId}/api-groups, by name."""
    manager = reading.identifier(request, "serviceManagerId", "Service manager")
    limit, offset = reading.paging(request, default=PAGE, most=PAGE)
    async with doors_of(request).database.transaction() as connection:
        found, total = await directory.groups(connection, manager, limit=limit, offset=offset)
    return writing.page([_shelf(each, "events/api-group") for each in found], offset=offset, total=total)


async def group_events(request: Request) -> Response:
    """GET /events/v1beta1/api-groups/{apiGroupId}/events, in alphabetical order."""
    group = reading.identifier(request, "apiGroupId", "API group")
    limit, offset = reading.paging(request, default=PAGE, most=PAGE)
    async with doors_of(request).database.transaction() as connection:
        found, total = await directory.types(connection, group, limit=limit, offset=offset)
    return writing.page([_event(entry) for entry in found], offset=offset, total=total)


def _shelf(shelf: Shelf, kind: str) -> dict[str, object]:
    return {
        "id": str(shelf.id),
        "name": shelf.name,
        "type": kind,
        "generation": shelf.generation,
        "createdAt": writing.moment(shelf.created_at),
        "updatedAt": writing.moment(shelf.updated_at),
    }


def _event(entry: Entry) -> dict[str, object]:
    """`name` is the event type, as GreenLake's picker has it; `description` is ours."""
    return {
        "id": str(directory.type_id(entry.type)),
        "name": entry.type,
        "type": "events/event",
        "friendlyName": entry.friendly_name,
        "description": entry.description,
        "generation": entry.generation,
        "createdAt": writing.moment(entry.created_at),
        "updatedAt": writing.moment(entry.updated_at),
    }


def _vetted(event_type: str, prefix: str) -> EventType:
    try:
        return catalogue.entry(event_type, prefix=prefix)
    except Refused as refused:
        # The catalogue calls it `type`, this request `eventType`.
        raise Refused(
            *(Issue(subject="eventType", description=issue.description) for issue in refused.issues)
        ) from None


def _entry(entry: Entry) -> dict[str, object]:
    return {
        "eventType": entry.type,
        "apiGroup": entry.api_group,
        "serviceManager": entry.service_manager,
        "friendlyName": entry.friendly_name,
        "description": entry.description,
        "generation": entry.generation,
        "createdAt": writing.moment(entry.created_at),
        "updatedAt": writing.moment(entry.updated_at),
    }
