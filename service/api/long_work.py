"""The turns of a request's long work: whose they are.

How turns are given is left to `server/pieces.py`.
"""

from starlette.requests import Request

from service.answers import AUDIENCE
from service.auth import CALLER
from service.limits.addresses import household
from service.services import services_of
from subscriptions.ground.audience import STAYS

#: Where a request keeps that it has had a turn.
BEGUN = "hooklake.begun"


async def turn(request: Request) -> None:
    """Waits for the turn of the caller's workspace, or of its address where it has no token; raises NobodyWaits."""
    scope = request.scope
    known, client = scope.get(CALLER), scope.get("client")
    whose = known.workspace_id if known else household(client[0] if client else "")
    goes_on = scope.get(BEGUN, False)
    scope[BEGUN] = True
    await services_of(request).long_work.turn(whose, scope.get(AUDIENCE, STAYS), goes_on=goes_on)
