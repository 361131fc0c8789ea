"""An egress proxy on real sockets: CONNECT to where it is told, or a scripted answer. Judging is left to the tests."""

import asyncio
import contextlib
import ssl
from dataclasses import dataclass, field
from typing import Self

import trustme


@dataclass
class Relay:
    """Listens on 127.0.0.1 and relays to a port of this machine, whatever address it is told."""

    #: Where all connections lead to; the addresses they ask for are public ones.
    port_behind: int
    #: Answered in place of a connection; `None` hangs.
    instead: bytes | None = b""
    #: Of the authority that its own certificate comes from; none: it is spoken to in the clear.
    authority: trustme.CA | None = None
    #: The request lines and headers of each CONNECT.
    asked: list[list[str]] = field(default_factory=list)
    port: int = 0
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def __aenter__(self) -> Self:
        context = None
        if self.authority is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.authority.issue_cert("127.0.0.1", "localhost").configure_cert(context)
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", ssl=context)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def url(self, credentials: str = "") -> str:
        scheme = "http" if self.authority is None else "https"
        return f"{scheme}://{credentials}127.0.0.1:{self.port}"

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        with contextlib.suppress(OSError, EOFError, asyncio.CancelledError):
            await self._relay(reader, writer)
        self._tasks.discard(task)
        writer.transport.abort()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        self.asked.append(head.decode().split("\r\n")[:-2])
        if self.instead is None:
            await asyncio.Event().wait()
        elif self.instead:
            writer.write(self.instead)
            await writer.drain()
        else:
            inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", self.port_behind)
            writer.write(b"HTTP/1.1 200 Connection established\r\nVia: 1.1 relay\r\n\r\n")
            try:
                await asyncio.gather(_pour(reader, inner_writer), _pour(inner_reader, writer))
            finally:
                inner_writer.transport.abort()


async def _pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while piece := await reader.read(65536):
        writer.write(piece)
        await writer.drain()
    writer.transport.abort()
