"""One connection and the exchanges over it: HTTP/1.1, one request at a time, each answer under a deadline.

Dialling and keeping connections is left to `pool`, reading answers to `answers`.
"""

import asyncio
import math
import select
import time
from collections.abc import Callable, Sequence
from typing import Any, cast

from delivery.wire import kernel
from delivery.wire.answers import Answer, NotHttp, Reader

Pairs = Sequence[tuple[str, str]]

#: A request: what is written at once, and what is written as the connection takes it, which may be much and may take long.
Message = tuple[bytes, bytes]

#: Bytes of a request that are written at once. Of more each piece is copied, and encrypted, when there is room for it: the
#: transport's buffers would hold a large one two to four times over, and a TLS connection keeps the largest that it had.
PIECE = 65536
#: Timers ring up to so many seconds early.
_TICK = 0.002


class HungUp(Exception):
    """The other side closed the connection before the answer was complete; `begun` says whether any of it had come."""

    def __init__(self, *, begun: bool) -> None:
        super().__init__()
        self.begun = begun


class Unacknowledged(Exception):
    """Not even the system at the other end took the request, for `seconds`."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds


def start(method: str, target: str, headers: Pairs) -> str:
    """The first lines of a request's head. Raises ValueError for what would break a line."""
    return f"{method} {target} HTTP/1.1\r\n{_lines(headers)}"


def head(begun: str, headers: Pairs) -> bytes:
    """A request's head, from its first lines. Raises ValueError for what would break a line."""
    return f"{begun}{_lines(headers)}\r\n".encode()


def message(begins: bytes, body: bytes) -> Message:
    """A request of a head and a body; a large body is not copied."""
    return (begins + body, b"") if len(body) <= PIECE else (begins, body)


def _lines(headers: Pairs) -> str:
    lines = "".join([f"{name}: {value}\r\n" for name, value in headers])
    if not lines.count("\r") == lines.count("\n") == len(headers) or "\0" in lines:
        raise ValueError("a header holds a line break or NUL")
    return lines


class HttpConnection(asyncio.Protocol):
    """A dialled connection; `lost` is told once it is gone.

    It is fit for another exchange while it is `open` and `quiet`: the answer was whole, nothing came after it, and all of
    the request had been taken.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, lost: "Callable[[HttpConnection], None]") -> None:
        self._loop = loop
        self._lost = lost
        #: Whether it may be used, so far as is known.
        self.open = False
        #: Since when it has been idle (the loop's seconds).
        self.kept_at = 0.0
        #: The address that was dialled, and the proxy: for sentences about failures.
        self.way: tuple[tuple[Any, ...] | None, str] = (None, "")
        #: Why it ended, where that was before it was asked anything.
        self._error: Exception | None = None
        #: When the first of the answer came, by `time.monotonic`; 0 before.
        self.answered_at = 0.0
        self._waiter: asyncio.Future[None] | None = None
        self._deadline = self._look_at = self._rings_at = math.inf
        self._patience = 0.0
        self._timer: asyncio.TimerHandle | None = None
        #: What is still to be written, and whether there is no room for it yet.
        self._rest = memoryview(b"")
        self._full = False

    async def exchange(self, request: Message, *, deadline: float, cap: int, patience: float = math.inf) -> Answer:
        """Sends a request and reads its answer until `deadline` (the loop's seconds), `cap` bytes of its body at most.

        Raises Unacknowledged once nothing of what is under way has been acknowledged for `patience` seconds.
        Of an answer that breaks off or is late, what came of it counts from its status line on. Raises TimeoutError, HungUp,
        NotHttp and OSError as well; the connection is closed then, and when it is cancelled.
        """
        if not self.open:
            raise self._ended()
        self._reader.begin(cap)
        self.answered_at = 0.0
        waiter = self._waiter = self._loop.create_future()
        self._deadline, self._patience = deadline, patience
        self._look_at = self._loop.time() + patience
        if min(deadline, self._look_at) < self._rings_at:
            self._arm()
        try:
            begins, rest = request
            self._transport.write(begins)
            if rest:
                self._go_on(rest)
            await waiter
        except BaseException:
            self._waiter = None
            self.abort()
            raise
        finally:
            # An error that it holds would hold this frame by its traceback, and with it the request until garbage is sought.
            del waiter
        answer = self._reader.answer()
        self._reader.let_go()
        return answer

    def quiet(self) -> bool:
        """Whether nothing has arrived since the last answer, the end of the connection included.

        Asked of the socket, for the loop hears of it too late: an answer that nobody asked for would be the next one's.
        """
        return not self._poll.poll(0)

    def path(self) -> kernel.Path:
        """What the other end's system has let us know."""
        return kernel.path(self._transport.get_extra_info("socket"))

    def abort(self) -> None:
        """Closes it at once. Closing TLS politely would wait for the peer, and go on receiving meanwhile."""
        if self.open:
            self.open = False
            self._rest = self._rest[:0]
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is dialled, and TLS has begun."""
        # uvloop's transports are no subclass of asyncio's.
        self._transport = cast(asyncio.Transport, transport)
        self._poll = select.poll()
        self._poll.register(transport.get_extra_info("socket").fileno(), select.POLLIN)
        self._reader = Reader()
        self.open = True

    def data_received(self, data: bytes) -> None:
        """Some of the answer, or what nobody asked for."""
        if self._waiter is None:
            self._fail(NotHttp("it came before the request"))
            return
        if not self.answered_at:
            self.answered_at = time.monotonic()
        try:
            if self._reader.feed(data):
                self._finish()
        except NotHttp as error:
            self._fail(error)

    def pause_writing(self) -> None:
        """The transport holds as much as it should."""
        self._full = True

    def resume_writing(self) -> None:
        """It has room."""
        self._full = False
        self._write_on()

    def eof_received(self) -> None:
        """The other side says no more."""
        self._end(None)

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone."""
        self._end(exc)
        if self._timer is not None:
            self._timer.cancel()
        self._reader.close()
        self._lost(self)

    def _go_on(self, rest: bytes) -> None:
        # TLS holds half a megabyte otherwise (uvloop, asyncio).
        self._transport.set_write_buffer_limits(high=PIECE)
        self._rest = memoryview(rest)
        self._write_on()

    def _write_on(self) -> None:
        while self._rest and not self._full:
            piece, self._rest = self._rest[:PIECE], self._rest[PIECE:]
            self._transport.write(piece)

    def _ended(self) -> Exception:
        """Why it ended before it was asked; told once, for who raises it is held by it."""
        error, self._error = self._error, None
        return error or HungUp(begun=False)

    def _end(self, error: Exception | None) -> None:
        if self._waiter is not None and self._reader.end(closed=error is None):
            self._finish()
        elif error is None or (self._reader.begun and isinstance(error, ConnectionError)):
            self._fail(HungUp(begun=self._reader.begun))
        else:
            self._fail(error)

    def _finish(self) -> None:
        waiter, self._waiter = self._waiter, None
        if self._reader.spent or self._rest or self._transport.get_write_buffer_size():
            self.abort()
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def _fail(self, error: Exception) -> None:
        waiter, self._waiter = self._waiter, None
        self.abort()
        if waiter is None:
            self._error = self._error or error
        elif not waiter.done():
            waiter.set_exception(error)

    # One timer for a connection, not one for a request: it is set anew when it has rung too early.

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._rings_at = min(self._deadline, self._look_at)
        self._timer = self._loop.call_at(self._rings_at, self._ring)

    def _ring(self) -> None:
        self._timer, self._rings_at = None, math.inf
        if self._waiter is None:
            return
        now = self._loop.time()
        if self._deadline - now > _TICK:
            if self._look_at - now <= _TICK:
                self._look(now)
            if self._waiter is not None:
                self._arm()
        elif self._reader.end(closed=False):
            self._finish()
        else:
            self._fail(TimeoutError())

    def _look(self, now: float) -> None:
        """Looks whether the other end's system has taken the request, and when to look again.

        TCP_USER_TIMEOUT would end the connection by itself, and with it those of receivers that are slow to read: what was
        sent beyond their window counts there, however promptly they say so.
        """
        path = self.path()
        if path.unacknowledged and path.silent + _TICK >= self._patience:
            self._fail(Unacknowledged(self._patience))
        elif path.unacknowledged or self._transport.get_write_buffer_size():
            self._look_at = now + max(self._patience - path.silent, self._patience / 4)
        else:
            self._look_at = math.inf
