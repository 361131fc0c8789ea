"""All methods of a page's path: who looks is known first, and whatever goes wrong becomes a page that says so.

What the pages show is left to their modules, what the refusals say to `service/problems.py`.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from service import auth
from service.answers import LONG
from service.api import long_work, reading
from service.api.endpoints import tell
from service.auth import CALLER, Handler, Permission
from service.dashboard.frame import forgery, refusals, visitors
from service.services import services_of
from subscriptions.ground.audit import ActorKind
from subscriptions.ground.database import repeating


@dataclass(frozen=True, kw_only=True)
class Open:
    """A page's handler that is for everybody, strangers too: signing in, what pages load."""

    handler: Handler


class PageEndpoint:
    """An ASGI application for one path."""

    def __init__(self, handlers: Mapping[str, tuple[Handler, Permission | None] | Open]) -> None:
        #: The permission that each method asks for (None: any visitor); methods for everybody are not among them.
        self.asks = {method: each[1] for method, each in handlers.items() if not isinstance(each, Open)}
        self._handlers = {
            method: _by_turns(repeating(each.handler))
            if isinstance(each, Open)
            else _guarded(repeating(each[0]), each[1])
            for method, each in handlers.items()
        }
        if "GET" in self._handlers:
            self._handlers["HEAD"] = self._handlers["GET"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        request, began = Request(scope, receive), time.monotonic()
        try:
            try:
                if scope["method"] not in auth.READING:
                    forgery.vet(request)
                response = await self._handlers.get(scope["method"], self._unknown)(request)
                if scope["method"] == "HEAD" and not hasattr(response, "body"):
                    # What would be made while it is sent is made for nobody.
                    response = Response(status_code=response.status_code, headers=dict(response.headers))
                size = len(getattr(response, "body", b""))
                if size > LONG and CALLER in scope:
                    reading.hold(request).answer(size)
            except Exception as error:
                response = await refusals.answered(request, error)
            tell(scope, response, time.monotonic() - began)
            await response(scope, receive, send)
        finally:
            if reading.HOLD in scope:
                scope[reading.HOLD].end()

    async def _unknown(self, _request: Request) -> Response:
        raise HTTPException(405, headers={"Allow": ", ".join(sorted(self._handlers))})


def _by_turns(handler: Handler) -> Handler:
    """The handler of what is for everybody: strangers' requests take the loop by turns of their address."""

    async def entrance(request: Request) -> Response:
        await long_work.turn(request)
        return await handler(request)

    return entrance


def _guarded(handler: Handler, permission: Permission | None) -> Handler:
    """The handler behind its permission; what it asks the database for it asks in turns with other visitors."""

    async def entrance(request: Request) -> Response:
        visitor = await visitors.entered(request)
        auth.count(request, visitor.caller, "your")
        if permission is not None:
            auth.require(visitor.caller, permission)
        # Each takes the loop for some milliseconds, which whoever publishes waits for.
        async with services_of(request).pages.place(visitor.caller.workspace_id):
            await long_work.turn(request)
            with auth.serving(request, visitor.caller, ActorKind.PERSON, own=permission is None):
                return await handler(request)

    return entrance
