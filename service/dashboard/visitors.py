"""Who looks at a page, and which workspace of theirs they look at.

How one gets in is left to the sign-in page, what a role permits to `service/auth.py`.
"""

from dataclasses import dataclass

from starlette.requests import Request

from service import auth
from service.auth import CALLER
from service.services import services_of
from subscriptions.access.access_tokens import Caller
from subscriptions.access.clients import WORKSPACE
from subscriptions.ground.errors import Issue, Refused

#: Where a request keeps who looks.
VISITOR = "hooklake.visitor"
#: Where nobody is known yet, they are sent.
SIGN_IN = "/dashboard/sign-in"
#: The query's parameter by which operators narrow what they see.
NAME = "workspace"


@dataclass(frozen=True, kw_only=True)
class Visitor:
    """Who looks."""

    #: As a token would give it: `service.auth` decides by it.
    caller: Caller

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


async def entered(request: Request) -> Visitor:
    """Who looks; raises Unauthorized where nobody is known."""
    client = request.scope.get("client")
    services = services_of(request)
    known = await services.access.verify(auth.bearer(request), services.clock(), client[0] if client else "")
    request.scope[CALLER] = known
    request.scope[VISITOR] = found = Visitor(caller=known)
    return found


def visitor(request: Request) -> Visitor:
    """Who looks, in the handler of a page."""
    found: Visitor = request.scope[VISITOR]
    return found
