"""A server with our connections, and raw clients of it.

What they send each other is left to the tests.
"""

import asyncio
import json
from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any, Protocol, cast

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp
from uvicorn import Config
from uvicorn.server import ServerState

from service import problems
from service.answers import JsonResponse
from service.api import reading
from service.server.bodies import Bodies
from service.server.connection_limits import ConnectionLimits
from service.server.connections import ServerConnection
from service.server.pieces import LongWork

#: More than the buffers of both sides hold.
LARGE = b"x" * (32 << 20)


class Door:
    """A server with our connections, and raw clients of it; it serves `app`, or what answers to the paths below."""

    def __init__(self, limits: ConnectionLimits, app: ASGIApp | None = None) -> None:
        self.heard: list[bytes] = []
        #: What `/gate` waits for.
        self.gate = asyncio.Event()
        self.state = ServerState()
        self._limits = limits
        self._app = app or self._echoing()
        self._clients: list[asyncio.StreamWriter] = []

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        host, port = self._server.sockets[0].getsockname()
        return host, port

    def _echoing(self) -> Starlette:
        routes = [
            Route("/echo", self._echo, methods=["POST", "GET"]),
            Route("/refusing", self._refusing, methods=["POST"]),
            Route("/large", self._large),
            Route("/pieces", self._pieces),
            Route("/gate", self._gated),
            Route("/health/live", self._living),
        ]
        app = Starlette(routes=routes, exception_handlers=cast(Any, problems.HANDLERS))
        # All that these paths need of the doors.
        app.state.services = SimpleNamespace(bodies=Bodies(len(LARGE), len(LARGE)), long_work=LongWork())
        return app

    async def open(self) -> None:
        config = Config(self._app, http=ServerConnection, ws="none", lifespan="off", access_log=False, log_config=None)
        config.load()
        made = partial(ServerConnection, self._limits, config=config, server_state=self.state, app_state={})
        self._server = await asyncio.get_running_loop().create_server(made, "127.0.0.1", 0)

    async def _echo(self, request: Request) -> Response:
        self.heard.append(await reading.body(request))
        return Response(b"heard")

    async def _refusing(self, _request: Request) -> Response:
        return Response(b"unread", 401)

    async def _large(self, _request: Request) -> Response:
        return Response(LARGE)

    async def _pieces(self, _request: Request) -> Response:
        return JsonResponse(b'"%s"' % LARGE)

    async def _gated(self, _request: Request) -> Response:
        await self.gate.wait()
        return Response(b"open")

    async def _living(self, _request: Request) -> Response:
        return Response(b"live")

    async def client(self, address: str = "127.0.0.1") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A client at one of the machine's own addresses."""
        reader, writer = await asyncio.open_connection(*self.address, limit=1 << 16, local_addr=(address, 0))
        self._clients.append(writer)
        return reader, writer

    async def close(self) -> None:
        for writer in self._clients:
            writer.transport.abort()
        self._server.close()
        await until(lambda: not self.state.connections)


class Opened(Protocol):
    """The fixture `opened`."""

    async def __call__(self, limits: ConnectionLimits, app: ASGIApp | None = None) -> Door:
        """A server that is closed when the test has ended."""
        ...


async def until(holds: Callable[[], bool]) -> None:
    """Waits for a fact."""
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110  nobody there tells
            await asyncio.sleep(0.005)


async def said(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], Any]:
    """One answer: its status, its headers, its body as JSON or as text."""
    async with asyncio.timeout(10):
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
        body = (await reader.readexactly(int(headers["content-length"]))).decode()
    status = int(head[0].split()[1])
    return status, headers, json.loads(body) if headers.get("content-type") == "application/json" else body


async def rest(reader: asyncio.StreamReader) -> bytes:
    """What still comes until the connection is closed."""
    async with asyncio.timeout(10):
        try:
            return await reader.read()
        except ConnectionResetError:
            return b""
