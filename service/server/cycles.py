"""Answers that are whole when they begin, as nearly all are: written in one piece.

uvicorn writes head and body apart, and with uvloop each is a system call, a packet, and a wakening of whoever reads it: a sixth
of what a publication costs. What is answered is left to `answers.py`, when a connection may go on to `server/connections.py`.
"""

from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from service.answers import WHOLE

#: What a scope says of what is understood here beyond ASGI.
EXTENSIONS = {WHOLE: dict[object, object]()}


class Cycle(RequestResponseCycle):
    """A request and its answer."""

    async def send(self, message: Any) -> None:
        """As uvicorn's, for one message more."""
        if message["type"] != WHOLE:
            await super().send(message)
            return
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        if self.disconnected:
            return
        self.response_started = self.response_complete = True
        self.waiting_for_100_continue = False
        pieces = [
            STATUS_LINE[message["status"]],
            *(b"%b: %b\r\n" % line for line in self.default_headers),
            message["lines"],
        ]
        pieces.append(b"\r\n" if self.keep_alive else b"connection: close\r\n\r\n")
        if self.scope["method"] != "HEAD":
            pieces.append(message["body"])
        self.transport.write(b"".join(pieces))
        self.message_event.set()
        if not self.keep_alive:
            self.transport.close()
        self.on_response()
