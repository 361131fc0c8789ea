"""What a client may ask of a connection: heads of a bounded size, whole requests within a time, and answers that are read.

Which heads are refused is left to `vetting.py`, what is answered then to `refusals.py`, what a request says to the application;
how many bytes a body may have, to `api/reading.py`.
"""

import asyncio
from collections.abc import Hashable
from functools import partial
from typing import Any

import httptools
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from service.answers import AUDIENCE
from service.limits.addresses import household
from service.server import heads, refusals
from service.server.connection_limits import AHEAD, HEAD_BYTES, ConnectionLimits
from service.server.cycles import EXTENSIONS, Cycle
from service.server.listeners import hung_up
from service.server.places import Household
from service.server.refusals import Over
from service.server.sweep import Sweep
from service.server.turnstile import forwarded
from service.server.vetting import vet
from subscriptions.ground.audience import Audience

#: Header lines that say where a body ends.
_FRAMING = (b"content-length", b"transfer-encoding")


class ServerConnection(HttpToolsProtocol):
    """uvicorn's connection with limits of head, message and time, which uvicorn does not have.

    No timer belongs to a connection or a request: a sweep over all of them each second finds those that keep us waiting,
    by what a request leaves behind anyway. On the way of a request there are two assignments.
    """

    def __init__(self, limits: ConnectionLimits, **given: Any) -> None:
        super().__init__(**given)
        self._limits = limits
        self._sweep = Sweep.over(self.server_state, self.loop, limits)
        self._places = self._sweep.places
        self._turnstile = self._sweep.turnstile
        self._audience = Audience()
        self.household: Household | None = None
        #: The client has begun a request, or has yet to send its first, and has not sent all of it.
        self._receiving = True
        self._head = True
        #: Its head offers an upgrade, and has yet to be passed over.
        self._offering = False
        #: The parser reads a head that is known already.
        self._again = False
        #: Whether the connection may go on after a request that asks before it sends its body.
        self._keepable = True
        #: Bytes of the message under way, those that came together with its first ones left out.
        self.taken = 0
        self._chunk = 0
        #: The request that the application answers, or answered last.
        self._at_work: RequestResponseCycle | None = None
        #: The message that kept us waiting when the sweep came by, and since when.
        self._late: tuple[object, float] | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        """Takes the connection; where there is no place for it, until it has said what it wants."""
        super().connection_made(transport)
        if hung_up(transport):
            transport.abort()
        elif self._places.enter(self, self._address()):
            self._places.rests(self)
        self._sweep.begin()

    def connection_lost(self, exc: Exception | None) -> None:
        """Its place is free."""
        self._places.leaves(self)
        self._forget()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Takes bytes, unless there are too many."""
        message, self._chunk = self.scope, len(data)
        self._unset_keepalive_if_required()
        try:
            self._feed(data)
        except httptools.HttpParserError as error:
            self._refuse(refusals.of(error))
            return
        if self._receiving and message is self.scope:
            self.taken += len(data)
            if self.taken > (HEAD_BYTES if self._head else self._limits.message_bytes):
                self._refuse(refusals.LONG_HEAD if self._head else refusals.LONG_BODY)
        if self.timeout_keep_alive_task is not None:
            self._places.rests(self)
        elif self._receiving or self.cycle.response_complete:
            if message is not self.scope:
                # Since the first byte of a message, not the last that came of it.
                self._places.works(self)
            self._places.begins(self)
        else:
            self._places.works(self)

    def _feed(self, data: bytes | memoryview) -> None:
        """Parses all of it: an offer of another protocol is not wanted here, and HTTP/1.1 goes on (RFC 9110, 7.8)."""
        while True:
            try:
                self.parser.feed_data(data)
                return
            except httptools.HttpParserUpgrade as offer:
                # The parser takes the message to end with its head. It is told that head again without the offer, so that
                # it reads what follows as the body.
                data = memoryview(data)[offer.args[0] :]
                self._offering, self._again = False, True
                framing = [b"%s: %s\r\n" % line for line in self.headers if line[0] in _FRAMING]
                self.parser.feed_data(b"POST / HTTP/1.1\r\n%s\r\n" % b"".join(framing))
                self._again = False

    def on_message_begin(self) -> None:
        """A request's first byte."""
        if self._again:
            return
        if len(self.pipeline) >= AHEAD:
            # Those before it are answered; the client sends the others again on its next connection (RFC 9112, 9.3.2).
            raise Over(refusals.BUSY)
        super().on_message_begin()
        self._receiving = self._head = True
        self.taken = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header line; one after the body (a trailer) is read over, for the request is under way by then."""
        if self._head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """A request's head; raises for one that is too large or not for us, which ends the parsing."""
        if self._again:
            return
        self._head = False
        self._offering = vet(self.parser, self.url, self.headers, at_most=self.taken + self._chunk)
        placed = self.household is not None or self._places.enter(self, self._address())
        if not (placed or heads.for_health(self.url, self.parser.get_method())):
            self._sweep.refused += 1
            raise Over(refusals.BUSY)
        super().on_headers_complete()
        if self.household is None:
            self.cycle.keep_alive = False
        if self.expect_100_continue:
            self._ask_first()

    def _address(self) -> str:
        return self.client[0] if self.client else ""

    def _ask_first(self) -> None:
        """Ends the connection with the answer, unless the body is there by then: whoever is refused may leave it out, and
        what comes next would be read as the body."""
        self._keepable, self.cycle.keep_alive = self.cycle.keep_alive, False
        if self.scope["http_version"] == "1.0":
            # It knows no answer but the last (RFC 9110, 10.1.1).
            self.cycle.waiting_for_100_continue = False

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        first, self._at_work = self._at_work is None, cycle
        # uvicorn makes them of a class that it names itself.
        cycle.__class__ = Cycle
        cycle.scope["extensions"] = EXTENSIONS
        cycle.scope[AUDIENCE] = self._audience  # type: ignore[literal-required]  # ours
        if first and hung_up(self.transport):
            self._forget()
            self.transport.abort()
        elif self._turnstile.passes():
            super()._start_asgi_task(cycle, app)
        else:
            self._turnstile.wait(self._whose(cycle), partial(self._begin, cycle, app))

    def _begin(self, cycle: RequestResponseCycle, app: ASGI3Application) -> bool:
        if not cycle.disconnected:
            super()._start_asgi_task(cycle, app)
        return not cycle.disconnected

    def _whose(self, cycle: RequestResponseCycle) -> Hashable:
        home = self.household
        # A proxy stands for many, each of whom is somebody by himself.
        if home is None:
            return household(self._address())
        return (forwarded(cycle.scope["headers"]) if home.shared else None) or home

    def on_message_complete(self) -> None:
        """A request's last byte."""
        if self._offering:
            return
        super().on_message_complete()
        self._receiving = False
        if self.cycle.response_complete and not self.transport.is_closing():
            # It was answered before it had ended, and rests from here on.
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )
        if self.expect_100_continue:
            self.cycle.waiting_for_100_continue = False
            if not self.cycle.response_started:
                self.cycle.keep_alive = self._keepable

    def on_response_complete(self) -> None:
        """The last byte of an answer is on its way: the connection rests until it is used again."""
        super().on_response_complete()
        if self.timeout_keep_alive_task is not None:
            self._places.rests(self)

    def shutdown(self) -> None:
        """Ends the connection with the answer that is under way, or now."""
        self._keepable = False
        super().shutdown()

    def waits(self) -> bool:
        """Whether something is the client's to do: send the rest, or read what it asked for."""
        answered = self.cycle is None or self.cycle.response_complete
        # Without a keep-alive timer it has sent something since its last answer.
        begun = self._receiving or (answered and self.timeout_keep_alive_task is None)
        return begun or self._unread()

    def _unread(self) -> bool:
        """Whether some of an answer is still here, because its client does not read."""
        return self.transport.get_write_buffer_size() > 0

    def look(self, now: float, patience: float) -> bool:
        """Cuts the connection off if it has kept us waiting for so many seconds within one message; whether it did."""
        if not self.waits():
            self._late = None
            if self.timeout_keep_alive_task is None:
                self._places.works(self)
        elif self._late is None or self._late[0] is not self.scope:
            self._late = (self.scope, now)
        elif now - self._late[1] >= patience:
            self._cut()
            return True
        elif self._unread() and self.timeout_keep_alive_task is None:
            # Who does not read an answer holds a place no better than who does not send a request.
            self._places.begins(self)
        return False

    def make_room(self) -> None:
        """Goes, because a newcomer needs its place: without a word, unless it has begun to ask."""
        if self._unread():
            self._forget()
            self.transport.abort()
        elif self.scope is None or self.timeout_keep_alive_task is not None:
            self.transport.close()
        else:
            self._refuse(refusals.BUSY)

    def turn_away(self) -> None:
        """Goes, because it never had a place."""
        self._sweep.refused += 1
        self._refuse(refusals.BUSY)

    def _cut(self) -> None:
        unread = self.transport.is_closing() or self._unread()
        if unread or self.scope is None:
            # Who does not read would not read a refusal; who has said nothing is told nothing.
            self._forget()
            self.transport.abort()
        else:
            self._refuse(refusals.SLOW)

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
        """Lets the application know that nobody is there any more: its answer would follow ours, or meet a closed transport.

        The request at work is not the last one where others were sent ahead, and uvicorn would tell the last alone.
        """
        self._audience.gone = True
        for cycle in (self._at_work, self.cycle):
            if cycle is not None and not cycle.response_complete:
                cycle.disconnected = True
                cycle.message_event.set()
