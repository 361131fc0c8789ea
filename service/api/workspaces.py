"""Workspaces that a request names: who may, and whether there is one.

Which there are is known to `subscriptions/access/workspaces.py`.
"""

from starlette.requests import Request

from service import auth
from service.services import services_of
from subscriptions.access.clients import WORKSPACE
from subscriptions.ground.errors import Forbidden, Issue, Refused

NAME = "workspaceId"
UNKNOWN = "there is no such workspace: it has neither a client nor a webhook"


async def within(request: Request) -> str | None:
    """The workspace that a list covers, None for all: an operator's is what `?workspaceId=` names, others see their own.

    Raises Forbidden where others name another, Refused for one that there is not.
    """
    scope, named = auth.scope(auth.caller(request)), request.query_params.get(NAME)
    if named is None or named == scope:
        return scope
    if scope is not None:
        raise Forbidden(Issue(subject=NAME, description="is not the token's workspace", source="query.parameter"))
    await check(request, named, source="query.parameter")
    return named


async def check(request: Request, named: str, *, source: str = "field") -> None:
    """Raises Refused for what is no workspace, or none that there is."""
    said = "" if WORKSPACE.match(named) else "must be 32 lower-case hexadecimal digits"
    if not said and await services_of(request).workspaces.unknown({named}):
        said = UNKNOWN
    if said:
        raise Refused(Issue(subject=NAME, description=said, source=source))
