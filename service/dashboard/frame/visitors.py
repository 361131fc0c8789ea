"""Who looks at a page, and which workspace of theirs they look at.

How one gets in is left to `signing_in.py`, what a role permits to `service/auth.py`.
"""

from dataclasses import dataclass

from starlette.requests import Request

from service import auth
from service.answers import AUDIENCE
from service.auth import CALLER
from service.dashboard.frame import cookies
from service.limits.addresses import household
from service.services import services_of
from subscriptions.access.access_tokens import Caller
from subscriptions.access.clients import WORKSPACE
from subscriptions.access.people import Person
from subscriptions.access.sessions import DashboardSession
from subscriptions.ground.audience import STAYS
from subscriptions.ground.database import asked_by
from subscriptions.ground.errors import Issue, Refused, Unauthorized

#: Where a request keeps who looks.
VISITOR = "hooklake.visitor"
#: The header of what a page loads by itself, while nobody does anything: it keeps nobody signed in.
LIVE = "x-live"
#: Where nobody is known yet, they are sent.
SIGN_IN = "/dashboard/sign-in"
#: The query's parameter by which operators narrow what they see.
NAME = "workspace"


@dataclass(frozen=True, kw_only=True)
class Visitor:
    """Who looks."""

    #: As a token would give it: `service.auth` decides by it.
    caller: Caller
    session: DashboardSession

    @property
    def person(self) -> Person:
        """Whose session it is."""
        return self.session.person

    def workspace(self, request: Request) -> str | None:
        """The workspace that is shown, None for all: an operator's choice, or the visitor's own. Raises Refused for none."""
        scope = auth.scope(self.caller)
        chosen = request.query_params.get(NAME, "")
        if scope is not None or not chosen:
            return scope
        if not WORKSPACE.match(chosen):
            raise Refused(
                Issue(subject=NAME, description="must be 32 lower-case hexadecimal digits", source="query.parameter")
            )
        return chosen


def chosen(request: Request) -> str:
    """The workspace that the page's address names, where it can be one; links keep it."""
    named = request.query_params.get(NAME, "")
    return named if WORKSPACE.match(named) else ""


async def entered(request: Request) -> Visitor:
    """Who looks; raises Unauthorized where nobody is known."""
    token = cookies.token(request)
    found = await session_of(request, token, used=LIVE not in request.headers) if token else None
    if found is None:
        raise Unauthorized("sign in to see this page", named=bool(token))
    known = known_by(request, found)
    request.scope[CALLER] = known.caller
    request.scope[VISITOR] = known
    return known


def known_by(request: Request, session: DashboardSession) -> Visitor:
    """Whoever has this session."""
    person = session.person
    caller = Caller(
        issuer=person.issuer or services_of(request).settings.issuer,
        client_id=str(person.id),
        name=person.name,
        workspace_id=person.workspace_id,
        roles=person.roles,
        any_workspace=False,
    )
    return Visitor(caller=caller, session=session)


async def session_of(request: Request, token: str, *, used: bool = True) -> DashboardSession | None:
    """The session that a token names, as long as it lasts; a stream that is only open does not use it."""
    services = services_of(request)
    # Nobody knows yet who asks: those of an address take the database's connections by turns.
    with asked_by(household(address(request)), request.scope.get(AUDIENCE, STAYS)):
        return await services.people.session(token, now=services.clock(), used=used)


def address(request: Request) -> str:
    """Where the request comes from; of a trusted proxy, where that says."""
    client = request.scope.get("client")
    return client[0] if client else ""


def visitor(request: Request) -> Visitor:
    """Who looks, in the handler of a page."""
    found: Visitor = request.scope[VISITOR]
    return found
