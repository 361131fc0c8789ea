"""Who calls, and what they may do: bearer tokens, and the one table from roles to permissions.

How tokens are made and checked is left to `subscriptions/access/access_tokens.py`, how requests are counted to
`limits/request_quota.py`; what a route asks for, to `api/routes.py`.
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from enum import StrEnum

from starlette.requests import Request
from starlette.responses import Response

from service.answers import AUDIENCE
from service.limits.request_quota import TooMany
from service.services import Services, services_of
from subscriptions.access.access_tokens import Caller
from subscriptions.access.clients import Role
from subscriptions.ground import audit
from subscriptions.ground.audience import STAYS
from subscriptions.ground.audit import Actor, ActorKind
from subscriptions.ground.database import asked_by
from subscriptions.ground.errors import Forbidden, Issue, Refused, Unauthorized

Handler = Callable[[Request], Awaitable[Response]]


class Permission(StrEnum):
    """What a route may ask for: those of greenlake.md 1.1, and those of publishers, which GreenLake keeps to itself."""

    PUBLISH = "events:publish"
    TEST_EVENTS = "events:test"
    READ_EVENTS = "events:read"
    ERASE = "events:erase"
    CREATE_EVENT_TYPES = "event-types:create"
    READ_EVENT_TYPES = "event-types:read"
    UPDATE_EVENT_TYPES = "event-types:update"
    DELETE_EVENT_TYPES = "event-types:delete"
    CREATE_WEBHOOKS = "webhooks:create"
    READ_WEBHOOKS = "webhooks:read"
    UPDATE_WEBHOOKS = "webhooks:update"
    DELETE_WEBHOOKS = "webhooks:delete"
    CREATE_SUBSCRIPTIONS = "subscriptions:create"
    READ_SUBSCRIPTIONS = "subscriptions:read"
    UPDATE_SUBSCRIPTIONS = "subscriptions:update"
    DELETE_SUBSCRIPTIONS = "subscriptions:delete"
    MANAGE_CLIENTS = "clients:manage"
    MANAGE_PEOPLE = "people:manage"
    READ_AUDIT = "audit-log:read"
    SYSTEM = "system-webhooks:manage"


_VIEW = frozenset({Permission.READ_WEBHOOKS, Permission.READ_SUBSCRIPTIONS, Permission.READ_EVENT_TYPES})
_SUBSCRIBE = _VIEW | {
    Permission.READ_AUDIT,
    *(Permission.CREATE_WEBHOOKS, Permission.UPDATE_WEBHOOKS, Permission.DELETE_WEBHOOKS),
    *(Permission.CREATE_SUBSCRIPTIONS, Permission.UPDATE_SUBSCRIPTIONS, Permission.DELETE_SUBSCRIPTIONS),
}
_REGISTER = frozenset(
    {
        *(Permission.CREATE_EVENT_TYPES, Permission.READ_EVENT_TYPES, Permission.READ_EVENTS),
        *(Permission.TEST_EVENTS, Permission.UPDATE_EVENT_TYPES, Permission.DELETE_EVENT_TYPES),
    }
)

#: greenlake.md D.16.
PERMISSIONS = {
    Role.PUBLISHER: _REGISTER | {Permission.PUBLISH},
    Role.SUBSCRIBER: _SUBSCRIBE,
    Role.VIEWER: _VIEW,
    Role.OPERATOR: _SUBSCRIBE
    | _REGISTER
    | {Permission.MANAGE_CLIENTS, Permission.MANAGE_PEOPLE, Permission.SYSTEM, Permission.ERASE},
}

_HOLDERS = {each: frozenset(role for role, held in PERMISSIONS.items() if each in held) for each in Permission}

#: Methods that change nothing.
READING = ("GET", "HEAD")

#: Where a request keeps who calls.
CALLER = "hooklake.caller"

#: What an answer has whose request had its token in the URL (RFC 6750, 2.3): it is kept by no cache but the client's own.
PRIVATE = {"Cache-Control": "private"}

#: Which of two would count is for no sender to guess.
TWICE = "is given twice: a request says once who asks"

#: A client's requests for these are not held against its hourly quota, which is that of the management API.
UNCOUNTED = frozenset({Permission.PUBLISH, Permission.READ_EVENTS})


def guarded(
    handler: Handler, permission: Permission | None, vet: Callable[[Request], None], *, serves: bool = False
) -> Handler:
    """The handler behind its permission (None: any good token): who calls is known before a byte of the body is read.

    `vet` raises for a query that is there and should not be. One that `serves` says itself when it does (`serving`), for
    what it does stands in its body.
    """
    counted, publishes = permission not in UNCOUNTED, permission is Permission.PUBLISH

    async def entrance(request: Request) -> Response:
        services = services_of(request)
        headers: Mapping[str, str] | None = None
        if publishes and request.scope["query_string"] and (token := _in_query(request)):
            headers = PRIVATE
        else:
            token = bearer(request)
        client = request.scope.get("client")
        now = services.clock()
        known = await services.access.verify(token, now, client[0] if client else "")
        request.scope[CALLER] = known
        if counted:
            headers = count(request, known, "this client's") or headers
        if permission is not None:
            require(known, permission)
        if request.scope["query_string"]:
            vet(request)
        if publishes:
            _unspent(services, known, now)
        if publishes or serves:
            response = await handler(request)
        else:
            with serving(request, known, ActorKind.CLIENT):
                response = await handler(request)
        if headers is not None:
            response.headers.update(headers)
        return response

    return entrance


def count(request: Request, known: Caller, whose: str) -> Mapping[str, str] | None:
    """Counts a request to the caller's hour, which `whose` words: headers that tell what is left, None where nothing is counted.
    Raises TooMany."""
    services = services_of(request)
    if services.quota is None:
        return None
    standing = services.quota.take((known.issuer, known.client_id), services.clock())
    # Refusals tell it too: `problems.py` finds it here.
    request.state.quota = headers = standing.headers()
    if not standing.within:
        said = f"All {standing.limit} requests of {whose} hour are used up: try again in {standing.seconds} s"
        raise TooMany(said, standing)
    return headers


@contextmanager
def serving(
    request: Request, known: Caller, kind: ActorKind, *, own: bool = False, reads: bool | None = None
) -> Iterator[None]:
    """Within the block the database is asked in turns with other callers, and what a request changes is the caller's change.

    Raises TooMany where the workspace has made all its changes of the hour; `own`: it changes one's own account alone. Whether
    it only `reads` is seen from its method, where nobody says.
    """
    reads = request.scope["method"] in READING if reads is None else reads
    with asked_by((known.issuer, known.client_id), request.scope.get(AUDIENCE, STAYS), reads=reads):
        if reads:
            yield
            return
        client = request.scope.get("client")
        actor = Actor(
            kind=kind,
            id=known.client_id,
            name=known.name,
            workspace_id=known.workspace_id,
            roles=tuple(sorted(known.roles)),
            address=client[0] if client else "",
            at=services_of(request).clock(),
        )
        with _changing(services_of(request), known, actor) if not own else audit.acting(actor):
            yield


@contextmanager
def _changing(services: Services, known: Caller, actor: Actor) -> Iterator[None]:
    """Who acts, with the entries that it leaves counted to the workspace's hour: each is kept for a year.

    They are counted once they are known, so that the last request of an hour may leave some more. Operators are not counted:
    of many workspaces' changes one program of theirs makes all.
    """
    changes = services.changes if scope(known) is not None else None
    if changes is not None and not (standing := changes.take(known.workspace_id, actor.at, 0)).within:
        said = (
            f"All {standing.limit} changes of this workspace's hour are made (HOOKLAKE_CHANGES_PER_HOUR): "
            f"try again in {standing.seconds} s"
        )
        raise TooMany(said, standing)
    with audit.acting(actor) as acting:
        try:
            yield
        finally:
            if changes is not None and acting.entries:
                changes.take(known.workspace_id, actor.at, acting.entries)


def _unspent(services: Services, known: Caller, now: datetime) -> None:
    """Raises TooMany for a publisher whose workspace has spent its minute; others' are looked at when it is known whose."""
    if services.publish_quota is not None and not known.any_workspace:
        services.publish_quota.vet(known.workspace_id, now)


def caller(request: Request) -> Caller:
    """Who calls, in the handler of a guarded route."""
    known: Caller = request.scope[CALLER]
    return known


def scope(known: Caller) -> str | None:
    """The workspace that the caller sees; None for operators, who see all."""
    return None if Role.OPERATOR in known.roles else known.workspace_id


def may(known: Caller, permission: Permission) -> bool:
    """Whether one of the caller's roles has the permission."""
    return not known.roles.isdisjoint(_HOLDERS[permission])


def require(known: Caller, permission: Permission) -> None:
    """Raises Forbidden unless one of the caller's roles has the permission."""
    if not may(known, permission):
        roles = ", ".join(sorted(known.roles))
        description = f"Invalid Permission Error: the permission {permission} is not one of the role {roles}"
        raise Forbidden(Issue(subject="Authorization", description=description, source="header"))


def _in_query(request: Request) -> str:
    """The token of `?access_token=`, where it is taken; empty: there is none. Raises Refused beside one in the header."""
    token = request.query_params.get("access_token", "") if services_of(request).settings.publish_origins else ""
    if token and "authorization" in request.headers:
        said = "is given beside the header Authorization: a request says once who asks"
        raise Refused(Issue(subject="access_token", description=said, source="query.parameter"))
    return token


def bearer(request: Request) -> str:
    """The token of the request; raises Unauthorized where there is none, Refused where there are two."""
    # Not `request.headers`, which makes an object for the one that is looked for.
    given = None
    for name, value in request.scope["headers"]:
        if name == b"authorization":
            if given is not None:
                raise Refused(Issue(subject="Authorization", description=TWICE, source="header"))
            given = value
    scheme, _, token = (given or b"").decode("latin-1").partition(" ")
    if scheme.lower() != "bearer" or not (token := token.strip()):
        said = "Invalid JWT token in Request: send the header `Authorization: Bearer <token>`"
        raise Unauthorized(said, named=False)
    return token
