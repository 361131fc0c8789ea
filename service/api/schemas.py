"""Schemas of event types over HTTP: given and shown by type, served by id for whoever follows a `dataschema`.

What a schema may be is left to `subscriptions/catalogue/schemas`.
"""

from uuid import UUID

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from service import auth
from service.answers import JsonResponse
from service.api import reading, writing
from service.api.asyncapi import SCHEMA_PATH
from service.api.catalogue import check_type, named, tell
from service.services import Services, services_of
from subscriptions.catalogue.event_schemas import EventSchema, Misfits, SchemaDraft
from subscriptions.catalogue.schemas import bounds
from subscriptions.catalogue.schemas.schema import check_says_something, vet
from subscriptions.events import attributes
from subscriptions.ground.errors import Issue, Refused

PATH = SCHEMA_PATH
#: Characters of a version's name.
LONGEST_VERSION = 64


async def put(request: Request) -> Response:
    """PUT /events/v1beta1/event-types/{eventType}/schema: 201 with the new revision, 200 where it is the one that stands"""
    services, by = services_of(request), auth.scope(auth.caller(request))
    event_type, version, given = named(request), _version(request), _dataschema(request)
    check_type(event_type, services.ground.type_prefix)
    text = await reading.body(request, bounds.MAX_BYTES)
    schema = await services.apart.work(by, len(text), vet, text)
    check_says_something(schema)
    draft = SchemaDraft(
        schema=schema,
        version=version,
        dataschema=given,
        served_at=services.settings.url + PATH,
    )
    kept, new = await services.schemas.put(event_type, draft, by=by, now=services.clock())
    if new:
        services.judge.forget(event_type)
        tell("schema-set", event_type, request)
    return JsonResponse(await _shown(services, kept, by), 201 if new else 200)


async def read(request: Request) -> Response:
    """GET /events/v1beta1/event-types/{eventType}/schema?version=: the newest"""
    services = services_of(request)
    found = await services.schemas.newest(named(request), _version(request))
    return JsonResponse(await _shown(services, found, auth.scope(auth.caller(request))))


async def remove(request: Request) -> Response:
    """DELETE /events/v1beta1/event-types/{eventType}/schema: 204; all its own revisions"""
    services, by = services_of(request), auth.scope(auth.caller(request))
    event_type = named(request)
    check_type(event_type, services.ground.type_prefix)
    await services.schemas.remove(event_type, by=by, now=services.clock())
    services.judge.forget(event_type)
    tell("schema-removed", event_type, request)
    return Response(status_code=204)


async def served(request: Request) -> Response:
    """GET /events/v1beta1/schemas/{id}: the schema itself, which never changes"""
    wanted: UUID = reading.identifier(request, "id", "Schema")
    found = await services_of(request).schemas.find(wanted)
    return Response(found.text, media_type="application/schema+json", headers={"X-Content-Type-Options": "nosniff"})


def _version(request: Request) -> str | None:
    version = request.query_params.get("version")
    if version is not None and not (0 < len(version) <= LONGEST_VERSION and version.isprintable()):
        said = f"must be 1 to {LONGEST_VERSION} characters of text"
        raise Refused(Issue(subject="version", description=said, source="query.parameter"))
    return version


def _dataschema(request: Request) -> str | None:
    given = request.query_params.get("dataschema")
    wrong = None if given is None else attributes.value_fault("dataschema", given)
    if wrong:
        raise Refused(Issue(subject="dataschema", description=wrong, source="query.parameter"))
    return given


async def _shown(services: Services, schema: EventSchema, by: str | None) -> bytes:
    """How many events did not fit is for whoever the type belongs to, of their own, and for operators."""
    entry = await services.types.find(schema.event_type)
    body: dict[str, object] = {
        "eventType": schema.event_type,
        "version": schema.version,
        "revision": schema.revision,
        "dataschema": schema.dataschema,
        "resourceUri": f"{PATH}/{schema.id}",
        "dialect": schema.dialect,
        "validation": entry.validation,
        "createdAt": writing.moment(schema.created_at),
        "schema": msgspec.Raw(schema.text),
    }
    if by in (None, entry.workspace_id):
        misfits = await services.schemas.misfits(schema.event_type, by)
        body["misfits"] = None if misfits is None else _misfits(misfits)
    return msgspec.json.encode(body)


def _misfits(misfits: Misfits) -> dict[str, object]:
    return {
        "warned": misfits.warned,
        "rejected": misfits.rejected,
        "since": writing.moment(misfits.since),
        "lastAt": writing.moment(misfits.last_at),
        "sample": msgspec.Raw(misfits.sample),
    }
