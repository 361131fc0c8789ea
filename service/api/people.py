"""People and their sessions over HTTP, for operators: who may sign in to the dashboard, and who has.

GreenLake has no such paths; how they are kept is left to `subscriptions/access`, what a session opens to the dashboard.
"""

import logging

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from service import auth
from service.api import cursors, reading, workspaces, writing
from service.services import services_of
from subscriptions.access.clients import Role
from subscriptions.access.people import Person, PersonDraft
from subscriptions.access.people_store import LINK
from subscriptions.access.sessions import DashboardSession, Stretch
from subscriptions.ground.errors import Conflicting, Issue

log = logging.getLogger("hooklake.access")

PATH, SESSIONS = "/authorization/v2/people", "/authorization/v2/sessions"
#: What a link leads to.
SIGN_IN = "/dashboard/sign-in"
PAGE = 200
#: A link is in the answer.
PRIVATE = {"Cache-Control": "no-store"}


class _Input(msgspec.Struct, forbid_unknown_fields=True, rename="camel", frozen=True, kw_only=True):
    """The body of a creation; they come by a link, and set a password then."""

    name: str
    workspace_id: str
    roles: list[Role]


class _Update(msgspec.Struct, forbid_unknown_fields=True, rename="camel", frozen=True, kw_only=True):
    """The body of a change."""

    roles: list[Role]


async def create(request: Request) -> Response:
    """`POST /authorization/v2/people`: 201"""
    asked = reading.decode(await reading.body(request), _Input)
    draft = PersonDraft(name=asked.name, workspace_id=asked.workspace_id, roles=frozenset(asked.roles))
    services = services_of(request)
    person = await services.people.create(draft, None, now=services.clock())
    _tell("added", person, request)
    return writing.json(_shown(person), 201, {"Location": f"{PATH}/{person.id}"})


async def listed(request: Request) -> Response:
    """`GET /authorization/v2/people?workspaceId=`, newest first, also removed ones; `next` where there are more"""
    limit, _ = reading.paging(request, default=PAGE, most=PAGE)
    within = await workspaces.within(request)
    found = await services_of(request).people.page(within=within, after=cursors.read(request), limit=limit + 1)
    rows = [(each.created_at, each.id) for each in found]
    return writing.json(cursors.page([_shown(each) for each in found], rows, limit))


async def read(request: Request) -> Response:
    """`GET /authorization/v2/people/{id}`"""
    return writing.json(_shown(await services_of(request).people.find(reading.identifier(request, "id", "Person"))))


async def change(request: Request) -> Response:
    """`PATCH /authorization/v2/people/{id}`: other roles, from the next request on"""
    wanted = reading.identifier(request, "id", "Person")
    asked = reading.decode(await reading.body(request), _Update)
    services = services_of(request)
    if (await services.people.find(wanted)).issuer:
        raise Conflicting(Issue(subject="roles", description="are what the issuer says that vouches for this person"))
    person = await services.people.set_roles(wanted, frozenset(asked.roles))
    _tell("roles_set", person, request)
    return writing.json(_shown(person))


async def remove(request: Request) -> Response:
    """`DELETE /authorization/v2/people/{id}`: 204; their sessions end"""
    services = services_of(request)
    person = await services.people.remove(reading.identifier(request, "id", "Person"), now=services.clock())
    _tell("removed", person, request)
    return Response(status_code=204)


async def link(request: Request) -> Response:
    """`POST /authorization/v2/people/{id}/link`: `link`, which signs them in once, and is shown this once"""
    services, now = services_of(request), services_of(request).clock()
    person = await services.people.find(reading.identifier(request, "id", "Person"))
    token = await services.people.link(person.id, now=now)
    _tell("linked", person, request)
    body = {"link": f"{services.settings.url}{SIGN_IN}?link={token}", "expiresAt": writing.moment(now + LINK)}
    return writing.json(body, 201, PRIVATE)


async def sessions(request: Request) -> Response:
    """`GET /authorization/v2/sessions?person=`: those that last, newest first; `next` where there are more"""
    limit, _ = reading.paging(request, default=PAGE, most=PAGE)
    services = services_of(request)
    stretch = Stretch(limit=limit + 1, after=cursors.read(request), of=cursors.key(request, "person"))
    found = await services.people.sessions(stretch, now=services.clock())
    rows = [(each.created_at, each.id) for each in found]
    return writing.json(cursors.page([_session(each) for each in found], rows, limit))


async def end(request: Request) -> Response:
    """`DELETE /authorization/v2/sessions/{id}`: 204"""
    wanted = reading.identifier(request, "id", "Session")
    await services_of(request).people.end(wanted, of=None)
    log.info("session.ended session=%s by=%s", wanted, auth.caller(request).client_id)
    return Response(status_code=204)


def _tell(what: str, person: Person, request: Request) -> None:
    log.info("person.%s person=%s by=%s", what, person.id, auth.caller(request).client_id)


def _shown(person: Person) -> dict[str, object]:
    """`issuer` is empty where a password or a link signs them in."""
    signed_in, removed = person.signed_in_at, person.removed_at
    return {
        "id": str(person.id),
        "type": "authorization/person",
        "name": person.name,
        "workspaceId": person.workspace_id,
        "roles": sorted(person.roles),
        "issuer": person.issuer,
        "hasPassword": person.has_password,
        "resourceUri": f"{PATH}/{person.id}",
        "createdAt": writing.moment(person.created_at),
        "signedInAt": None if signed_in is None else writing.moment(signed_in),
        "removedAt": None if removed is None else writing.moment(removed),
    }


def _session(session: DashboardSession) -> dict[str, object]:
    return {
        "id": str(session.id),
        "type": "authorization/session",
        "person": {"resourceUri": f"{PATH}/{session.person.id}", "name": session.person.name},
        "address": session.address,
        "agent": session.agent,
        "resourceUri": f"{SESSIONS}/{session.id}",
        "createdAt": writing.moment(session.created_at),
        "seenAt": writing.moment(session.seen_at),
        "endsAt": writing.moment(session.ends_at),
    }
