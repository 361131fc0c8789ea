"""A server that speaks in bytes: what it says to each request is told to the letter; and a sender to it.

Judging what comes of it is left to the tests, addresses and TLS to those of dialling.
"""

import asyncio
import os
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Self

from delivery.wire.dialling import Connection, Dial, Dialler, Make, Origin
from delivery.wire.guard import Guard
from delivery.wire.sender import Sender
from delivery.wire.transport import Transport, TransportLimits
from tests.delivery.wire.attempts import LOCAL

LENGTH = re.compile(rb"\r\nContent-Length: (\d+)\r\n")
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
SECOND = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"


class Client:
    """One accepted connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def says(self, data: bytes) -> None:
        """Sends at once, or ends the connection where there is no data; the loop's streams do so when they come to it."""
        with socket.socket(fileno=os.dup(self.writer.get_extra_info("socket").fileno())) as now:
            if data:
                now.sendall(data)
            else:
                now.shutdown(socket.SHUT_WR)

    async def request(self) -> bytes:
        """The next request whole; raises EOFError where none comes."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        found = LENGTH.search(head)
        return head + await self.reader.readexactly(int(found[1]) if found else 0)

    async def gone(self) -> None:
        """Until the other side has closed the connection."""
        try:
            while await self.reader.read(65536):
                pass
        except ConnectionError:
            pass

    async def pour(self, piece: bytes, most: int) -> int:
        """Sends a piece over and over until it is hung up on; how many bytes the sockets took."""
        poured = 0
        try:
            while poured < most:
                self.writer.write(piece)
                await self.writer.drain()
                poured += len(piece)
        except (ConnectionError, RuntimeError):
            # The second is uvloop's, where asyncio has the first.
            pass
        return poured


#: What is done with one connection.
Meet = Callable[[Client], Awaitable[None]]


class Scripted:
    """Listens on 127.0.0.1 without TLS; each connection is met by `meet`, and closed after it."""

    def __init__(self, meet: Meet) -> None:
        self._meet = meet
        self.connections = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accepted, "127.0.0.1")
        self.port = self._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/hook"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.sleep(0)

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        try:
            await self._meet(Client(reader, writer))
        except (OSError, EOFError, asyncio.CancelledError):
            # The other side has gone, or the test is over.
            pass
        finally:
            self._tasks.discard(task)
            writer.close()


def saying(*answers: bytes) -> Meet:
    """Answers all requests of all connections with these, one after the other, and keeps the connections open."""
    left = iter(answers)

    async def meet(client: Client) -> None:
        while True:
            await client.request()
            client.writer.write(next(left, SECOND))

    return meet


def then_closing(answer: bytes) -> Meet:
    """Answers one request, and says no more."""

    async def meet(client: Client) -> None:
        await client.request()
        client.writer.write(answer)

    return meet


class _Straight(Dialler):
    """Without names and TLS, whose making takes longer than a test."""

    def __init__(self) -> None:
        pass

    async def dial(self, origin: Origin, make: Make, dial: Dial) -> Connection:
        dial.peer = (origin.host, origin.port)
        return await asyncio.get_running_loop().create_connection(make, *dial.peer)

    async def aclose(self) -> None:
        pass


class _Late(_Straight):
    """Hands a connection over when it has ended."""

    async def dial(self, origin: Origin, make: Make, dial: Dial) -> Connection:
        transport, protocol = await super().dial(origin, make, dial)
        while not transport.is_closing():  # noqa: ASYNC110  only the protocol is told, and that is the tested one
            await asyncio.sleep(0)
        return transport, protocol


@asynccontextmanager
async def plainly(limits: TransportLimits | None = None, *, late: bool = False) -> AsyncIterator[Sender]:
    """A sender that dials what it is told; `late` makes it use connections that have ended before they were at hand."""
    transport = Transport(_Late() if late else _Straight(), Guard(LOCAL, allow_http=True), limits or TransportLimits())
    try:
        yield Sender(transport, lambda: datetime.now(UTC), agent="Hooklake/test")
    finally:
        await transport.aclose()
