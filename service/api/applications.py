"""Applications over HTTP: the named publishers of a workspace, registered, read, changed and removed.

What a name may be is left to `subscriptions/catalogue/applications.py`, publishing under it to the doors.
"""

import logging
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType
from starlette.requests import Request
from starlette.responses import Response

from service import auth
from service.api import reading, workspaces, writing
from service.services import services_of
from subscriptions.catalogue import applications
from subscriptions.catalogue.applications import ApplicationChange, ApplicationDraft, RegisteredApplication
from subscriptions.ground import texts

log = logging.getLogger("hooklake.service")

PATH = "/events/v1beta1/applications"
LIMIT, MOST = 50, 200
SEARCH = 200

_Prose = Annotated[str, msgspec.Meta(max_length=2000, pattern=texts.PROSE)]


class _Registered(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """The body of a registration."""

    name: str
    description: _Prose = ""
    webhook_id: UUID | None = None
    workspace_id: str | None = None


class _Changed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """The body of a change: what is absent stays, and null empties (RFC 7396)."""

    description: _Prose | UnsetType | None = UNSET
    webhook_id: UUID | UnsetType | None = UNSET


async def register(request: Request) -> Response:
    """POST /events/v1beta1/applications: 201"""
    services, known = services_of(request), auth.caller(request)
    given = reading.decode(await reading.body(request), _Registered)
    workspace = given.workspace_id or known.workspace_id
    if auth.scope(known) is None and workspace != known.workspace_id:
        await workspaces.check(request, workspace)
    draft = ApplicationDraft(
        workspace_id=workspace, name=given.name, description=given.description, webhook=given.webhook_id
    )
    made = await services.event_urls.register(draft, by=auth.scope(known))
    tell("registered", made, request)
    return writing.json(_shown(made, request), 201, {"Location": f"{PATH}/{made.id}"})


async def listed(request: Request) -> Response:
    """GET /events/v1beta1/applications?search=&workspaceId=: by name"""
    limit, offset = reading.paging(request, default=LIMIT, most=MOST)
    found, total = await services_of(request).applications.page(
        workspace_id=await workspaces.within(request),
        limit=limit,
        offset=offset,
        search=reading.words(request, "search", most=SEARCH),
    )
    return await writing.page(request, (_shown(each, request) for each in found), offset=offset, total=total)


async def read(request: Request) -> Response:
    """GET /events/v1beta1/applications/{id}"""
    by = auth.scope(auth.caller(request))
    return writing.json(_shown(await services_of(request).applications.find(_id(request), by=by), request))


async def change(request: Request) -> Response:
    """PATCH /events/v1beta1/applications/{id}"""
    services, by = services_of(request), auth.scope(auth.caller(request))
    given = reading.decode(await reading.body(request), _Changed)
    asked = ApplicationChange(
        description=None if isinstance(given.description, UnsetType) else given.description or "",
        webhook=None if isinstance(given.webhook_id, UnsetType) else given.webhook_id,
        without_webhook=given.webhook_id is None,
    )
    changed = await services.event_urls.change(_id(request), asked, by=by)
    tell("changed", changed, request)
    return writing.json(_shown(changed, request))


async def remove(request: Request) -> Response:
    """DELETE /events/v1beta1/applications/{id}?force=: 204; one that has event APIs by force alone"""
    by, force = auth.scope(auth.caller(request)), reading.flag(request, "force")
    gone = await services_of(request).applications.remove(_id(request), force=force, by=by)
    tell("removed", gone, request)
    return Response(status_code=204)


def _id(request: Request) -> UUID:
    return reading.identifier(request, "id", "Application")


def _shown(application: RegisteredApplication, request: Request) -> dict[str, Any]:
    return {
        "id": str(application.id),
        "type": "events/application",
        "resourceUri": f"{PATH}/{application.id}",
        "workspaceId": application.workspace_id,
        "name": application.name,
        "description": application.description,
        "webhookId": None if application.webhook is None else str(application.webhook),
        "eventUrl": applications.event_url(services_of(request).settings.url, application.name),
        "generation": application.generation,
        "createdAt": writing.moment(application.created_at),
        "updatedAt": writing.moment(application.updated_at),
    }


def tell(what: str, application: RegisteredApplication, request: Request) -> None:
    """The line of a change."""
    known = auth.caller(request)
    said = "application.%s id=%s name=%r workspace=%s by=%s"
    log.info(said, what, application.id, application.name, application.workspace_id, known.client_id)
