"""How one path answers: its methods, its errors, and a line of the log for each request.

Which paths there are is left to `routes.py`.
"""

import time
from collections.abc import Mapping

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from service import problems
from service.answers import LONG
from service.api import reading
from service.auth import CALLER, Handler
from subscriptions.ground import logs

#: Characters of a path that a line tells: whoever sends long ones would push everybody else's lines out of the log.
LOGGED = 256
#: One line per request.
access = logs.Frequent("hooklake.access")


class Endpoint:
    """All methods of a path, as an ASGI application of its own, errors included: `app.py` asks it without a router."""

    def __init__(self, handlers: Mapping[str, Handler]) -> None:
        self._allowed = {
            "Allow": ", ".join(sorted({*handlers, "OPTIONS"} | ({"HEAD"} if "GET" in handlers else set())))
        }
        # HEAD is a GET whose body the server keeps to itself.
        self._handlers = {
            "OPTIONS": self._options,
            **({"HEAD": handlers["GET"]} if "GET" in handlers else {}),
            **handlers,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        await answer(self._handlers.get(scope["method"], self._unknown), scope, receive, send)

    async def _options(self, _request: Request) -> Response:
        return Response(status_code=204, headers=self._allowed)

    async def _unknown(self, _request: Request) -> Response:
        raise HTTPException(405, headers=self._allowed)


async def answer(handler: Handler, scope: Scope, receive: Receive, send: Send) -> None:
    """What the handler answers, or an error, with its line in the log."""
    request, began = Request(scope, receive), time.monotonic()
    try:
        try:
            response = await handler(request)
            if len(response.body) > LONG and CALLER in scope:
                # Until it is sent, which its reader decides.
                reading.hold(request).answer(len(response.body))
        except Exception as error:
            response = await problems.answered(request, error)
        tell(scope, response, time.monotonic() - began)
        await response(scope, receive, send)
    finally:
        if reading.HOLD in scope:
            scope[reading.HOLD].end()


def tell(scope: Scope, response: Response, seconds: float) -> None:
    """Logs the line of a request. Its query is not in it: some callers have to put a token there."""
    path, known, debug_id = scope["path"], scope.get(CALLER), getattr(response, "debug_id", None)
    if path.startswith("/health/") and response.status_code == 200:
        return  # probes ask each second, and a good answer says nothing
    access.info(
        "request.answered method=%s path=%r status=%d ms=%.1f client=%s address=%s debugId=%s",
        scope["method"],
        path[:LOGGED],
        response.status_code,
        seconds * 1000,
        known.client_id if known else "-",
        scope["client"][0] if scope.get("client") else "-",
        debug_id or "-",
    )
