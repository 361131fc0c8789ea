"""`/dashboard/live`: what happens now, to whoever looks, as server-sent events.

What is in them, and that it is made once for all who look, is left to `service/live.py`; what a page does with it, to
`static/dashboard.js`.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime

from sse_starlette import EventSourceResponse, ServerSentEvent
from sse_starlette.sse import SendTimeoutError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from service.dashboard.frame import cookies, visitors
from service.dashboard.frame.rendering import HEADERS
from service.live import Live
from service.services import services_of
from subscriptions.ground.errors import TooSoon, Unavailable

PATH = "/dashboard/live"
#: Seconds between two signs of life, for which one piece may wait to be read, and between two looks whether the visitor is
#: still signed in.
PING, UNREAD, LOOK = 15, 20.0, 10.0


class Stream(EventSourceResponse):
    """A stream whose reader may stand still: then it ends, and nothing is wrong here. Where it is this process that ends, it
    ends whole, with its last chunk: else it is cut off for its reader (RFC 9112, 8)."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends it."""
        open_ended = False

        async def sending(message: Message) -> None:
            nonlocal open_ended
            await send(message)
            open_ended = message["type"] == "http.response.start" or bool(message.get("more_body"))

        with suppress(SendTimeoutError):
            await super().__call__(scope, receive, sending)
            if open_ended:
                await send({"type": "http.response.body", "body": b"", "more_body": False})


async def live(request: Request) -> Response:
    """GET /dashboard/live?workspace=, from the id in `Last-Event-ID` on"""
    visitor, services = visitors.visitor(request), services_of(request)
    if services.live is None:
        raise HTTPException(404, "Pages of this deployment are not live: load them again to see what is new")
    services.live.vet(str(visitor.person.id))
    return Stream(
        _pieces(request, services.live, visitor.workspace(request)),
        headers=dict(HEADERS),
        ping=PING,
        ping_message_factory=_sign_of_life,
        send_timeout=UNREAD,
    )


async def _pieces(request: Request, hub: Live, workspace: str | None) -> AsyncIterator[bytes]:
    person, since = visitors.visitor(request).person, request.headers.get("last-event-id", "")
    with suppress(TooSoon), hub.watch(str(person.id), workspace, since) as watcher:
        looked = time.monotonic()
        yield bytes(_sign_of_life().encode())
        while True:
            piece = None
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK):
                    piece = await watcher.piece()
            if piece is not None:
                yield piece
            if time.monotonic() - looked >= LOOK:
                looked = time.monotonic()
                if not await _signed_in(request):
                    return


async def _signed_in(request: Request) -> bool:
    """Whether the visitor still is, and may see what he might at the beginning; while that cannot be asked, he is."""
    before = visitors.visitor(request).person
    try:
        now = await visitors.session_of(request, cookies.token(request), used=False)
    except Unavailable:
        return True
    return now is not None and (now.person.roles, now.person.workspace_id) == (before.roles, before.workspace_id)


def _sign_of_life() -> ServerSentEvent:
    return ServerSentEvent(event="alive", data=datetime.now(UTC).isoformat(), sep="\n")
