"""What a client may ask of a connection: heads of a bounded size, whole requests within a time, and answers that are read.

What a request says is left to the application; how many bytes a body may have, to `api/reading.py`.
"""

import asyncio
import logging
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from service import problems

log = logging.getLogger("hooklake.service")

#: Names and values of a request's header; a token of another issuer may have 16 KB.
HEAD_BYTES = 32 * 1024
#: Lines of a request's header.
HEADERS = 100
#: Path and query.
URL_BYTES = 8 * 1024
#: The least time that a client gets, in seconds, however many others there are.
LEAST = 2.0
#: Seconds that a connection may rest between two requests while there are places enough: longer than clients and load balancers
#: keep theirs. Whoever ends it first must not be us: a request that was on its way then gets no answer.
KEEP_ALIVE = 75


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one process takes."""

    #: Connections at once; one more is answered 503 and closed.
    connections: int
    #: Seconds for a whole request, from its first byte or from the connection's beginning, and again for reading the answer.
    timeout: float
    #: Bytes of a whole message as it travels, whoever reads them.
    message_bytes: int
    #: Seconds between two looks at all connections.
    interval: float = 1.0

    def patience(self, connections: int) -> float:
        """Seconds that each of so many gets: all while half of the places are free, then the fuller it is the fewer.

        So that slow clients hold no place for long when places are what others need.
        """
        free = 1 - connections / self.connections
        return min(self.timeout, max(LEAST, self.timeout * 2 * free))


class _Over(Exception):
    """The head of a request is over a limit."""

    def __init__(self, answer: bytes) -> None:
        self.answer = answer


class Connection(HttpToolsProtocol):
    """uvicorn's connection with limits of head, message and time, which uvicorn does not have.

    No timer belongs to a connection or a request: a sweep over all of them each second finds those that keep us waiting,
    by what a request leaves behind anyway. On the way of a request there are two assignments.
    """

    def __init__(self, limits: Limits, **given: Any) -> None:
        super().__init__(**given)
        self._limits = limits
        self._sweep = _Sweep.over(self.server_state, self.loop, limits)
        #: The client has begun a request, or has yet to send its first, and has not sent all of it.
        self._receiving = True
        self._head = True
        #: Bytes of the message under way, those that came together with its first ones left out.
        self._taken = 0
        self._chunk = 0
        #: The message that kept us waiting when the sweep came by, and since when.
        self._late: tuple[object, float] | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        """Takes the connection, or refuses it where there are too many."""
        super().connection_made(transport)
        if len(self.connections) > self._limits.connections:
            self._sweep.refused += 1
            self._refuse(_BUSY)
        self._sweep.begin()

    def data_received(self, data: bytes) -> None:
        """Takes bytes, unless there are too many."""
        message, self._chunk = self.scope, len(data)
        self._unset_keepalive_if_required()
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            pass  # there is nothing here to upgrade to, and HTTP/1.1 goes on (RFC 9110, 7.8)
        except httptools.HttpParserError as error:
            over = error.__context__
            self._refuse(over.answer if isinstance(over, _Over) else _UNREADABLE)
            return
        if self._receiving and message is self.scope:
            self._taken += len(data)
            if self._taken > (HEAD_BYTES if self._head else self._limits.message_bytes):
                self._refuse(_LONG_HEAD if self._head else _LONG_BODY)

    def on_message_begin(self) -> None:
        """A request's first byte."""
        super().on_message_begin()
        self._receiving = self._head = True
        self._taken = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header line; one after the body (a trailer) is read over, for the request is under way by then."""
        if self._head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """A request's head; raises for one that is too large, which ends the parsing."""
        self._head = False
        if len(self.url) > URL_BYTES:
            raise _Over(_LONG_URL)
        if len(self.headers) > HEADERS or (self._taken + self._chunk > HEAD_BYTES and _size(self.headers) > HEAD_BYTES):
            raise _Over(_LONG_HEAD)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """A request's last byte."""
        super().on_message_complete()
        self._receiving = False

    def waits(self) -> bool:
        """Whether something is the client's to do: send the rest, or read what it asked for."""
        answered = self.cycle is None or self.cycle.response_complete
        # Without a keep-alive timer it has sent something since its last answer.
        begun = self._receiving or (answered and self.timeout_keep_alive_task is None)
        return begun or self.transport.get_write_buffer_size() > 0

    def look(self, now: float, patience: float) -> bool:
        """Cuts the connection off if it has kept us waiting for so many seconds within one message; whether it did."""
        if not self.waits():
            self._late = None
            self._make_room(now, patience)
        elif self._late is None or self._late[0] is not self.scope:
            self._late = (self.scope, now)
        elif now - self._late[1] >= patience:
            self._cut()
            return True
        return False

    def _make_room(self, now: float, patience: float) -> None:
        """Ends a rest that is longer than there are places for."""
        ends = self.timeout_keep_alive_task
        # While patience is whole this is over when its own timer rings.
        spared = self.timeout_keep_alive * (1 - patience / self._limits.timeout)
        if ends is not None and ends.when() - now < spared:
            self.timeout_keep_alive_handler()

    def _cut(self) -> None:
        unread = self.transport.is_closing() or self.transport.get_write_buffer_size() > 0
        if unread or self.scope is None:
            # Who does not read would not read a refusal; who has said nothing is told nothing.
            self._forget()
            self.transport.abort()
        else:
            self._refuse(_SLOW)

    def _refuse(self, answer: bytes) -> None:
        """The last word on this connection; a request that arrived whole before it is answered first, and is the last then."""
        cycle = self.cycle
        if cycle is not None and not cycle.response_complete and not cycle.more_body:
            cycle.keep_alive = False
            self.flow.pause_reading()
            return
        if cycle is None or cycle.response_complete or not cycle.response_started:
            self.transport.write(answer)
        self._forget()
        self.transport.close()

    def _forget(self) -> None:
        """Lets the application know that nobody is there any more: its answer would follow ours."""
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()


class _Sweep:
    """Looks at all connections of a process every second, for as long as there are any."""

    def __init__(self, connections: Collection[Connection], loop: asyncio.AbstractEventLoop, limits: Limits) -> None:
        self._connections = connections
        self._loop = loop
        self._limits = limits
        self._next: asyncio.TimerHandle | None = None
        #: Connections that were turned away since the last look.
        self.refused = 0

    @classmethod
    def over(cls, state: Any, loop: asyncio.AbstractEventLoop, limits: Limits) -> "_Sweep":
        """The one of the server, whose connections share nothing but its state."""
        if not hasattr(state, "sweep"):
            state.sweep = cls(state.connections, loop, limits)
        return cast(_Sweep, state.sweep)

    def begin(self) -> None:
        """Goes on, if it had come to an end."""
        if self._next is None:
            self._next = self._loop.call_later(self._limits.interval, self._look)

    def _look(self) -> None:
        self._next = None
        now, patience = self._loop.time(), self._limits.patience(len(self._connections))
        slow = sum(connection.look(now, patience) for connection in list(self._connections))
        if slow or self.refused:
            # One line a second, however many they are.
            log.warning("connections.cut slow=%d refused=%d open=%d", slow, self.refused, len(self._connections))
            self.refused = 0
        if self._connections:
            self.begin()


def _size(headers: Iterable[Sequence[bytes]]) -> int:
    return sum(len(name) + len(value) for name, value in headers)


def _answer(status: int, code: str, message: str, *more: bytes) -> bytes:
    """A whole answer, made once: its debugId names the kind, not the request, of which nothing was kept."""
    response = problems.answer(status, code, message)
    lines = [name + b": " + value for name, value in response.raw_headers]
    return b"\r\n".join([STATUS_LINE[status][:-2], *lines, *more, b"connection: close", b"", bytes(response.body)])


_BAD = "HPE_GL_ERROR_BAD_REQUEST"
_BUSY = _answer(
    503,
    "HPE_GL_ERROR_SERVICE_UNAVAILABLE",
    f"There are too many connections. Try again in {problems.RETRY_AFTER} s.",
    b"retry-after: %d" % problems.RETRY_AFTER,
)
_UNREADABLE = _answer(400, _BAD, "The request is not HTTP/1.1 as it is read here")
_SLOW = _answer(408, "HPE_GL_ERROR_REQUEST_TIMEOUT", "The request did not arrive whole in time")
_LONG_BODY = _answer(413, "HPE_GL_EVENTS_PAYLOAD_TOO_LARGE", "The body goes on beyond all that is taken here")
_LONG_URL = _answer(414, "HPE_GL_ERROR_URI_TOO_LONG", f"The URL has more than {URL_BYTES} bytes")
_LONG_HEAD = _answer(
    431,
    "HPE_GL_ERROR_HEADERS_TOO_LARGE",
    f"The header has more than {HEADERS} lines or {HEAD_BYTES} bytes",
)
