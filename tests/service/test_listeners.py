"""How connections are taken from the system: several in a turn of the loop, and none of a client that has gone by then."""

import asyncio
import socket
import struct
from typing import Any

import pytest
import uvloop
from starlette.types import Receive, Scope, Send

from service.server.connection_limits import ConnectionLimits
from service.server.listeners import bound
from subscriptions.ground.errors import Misconfigured
from tests.service.sockets import Door, Opened, said, until

LIMITS = ConnectionLimits(connections=100, timeout=60.0, message_bytes=100_000)
ASKS = b"GET /echo HTTP/1.1\r\nHost: x\r\n\r\n"


async def _turns(sockets: list[socket.socket], clients: int) -> int:
    """How many turns of the loop it takes to accept so many."""
    loop, taken = asyncio.get_running_loop(), list[asyncio.BaseTransport]()

    class Taken(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            taken.append(transport)

    servers = [await loop.create_server(Taken, sock=each) for each in sockets]
    there = [socket.create_connection(sockets[0].getsockname()) for _ in range(clients)]
    turns = 0
    async with asyncio.timeout(10):
        while len(taken) < clients:
            turns += bool(taken)
            await asyncio.sleep(0)
    closing: list[Any] = [*taken, *servers, *there]
    for one in closing:
        one.close()
    return turns


def test_a_turn_takes_several() -> None:
    """Clients that have connected wait a turn of the loop together, and not one turn for each that came before."""
    assert uvloop.run(_turns(bound("127.0.0.1", 0), 32)) <= 8


@pytest.mark.parametrize(
    ("host", "dialled"), [("::", "127.0.0.1"), ("::", "::1"), ("::1", "::1"), ("localhost", "127.0.0.1")]
)
def test_hosts(host: str, dialled: str) -> None:
    """Addresses of IPv6 are listened on too, all of both kinds as `::`, and names."""
    sockets = bound(host, 0)
    sockets[0].listen()

    socket.create_connection((dialled, sockets[0].getsockname()[1])).close()

    for each in sockets:
        each.close()


def test_a_host_that_is_none() -> None:
    """What cannot be listened on is told in one sentence, with its port."""
    with pytest.raises(Misconfigured, match=r"HOOKLAKE_PORT: 192\.0\.2\.1 port 80 cannot be listened on: "):
        bound("192.0.2.1", 80)


def _reset(client: socket.socket) -> None:
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


async def _asked_for(door: Door, taken: bool) -> None:
    """One client asks and resets the connection at once, before the loop has a turn; `taken`: its connection is taken before."""
    client = socket.create_connection(door.address)
    if taken:
        await until(lambda: bool(door.state.connections))
    client.sendall(ASKS)
    _reset(client)


@pytest.mark.parametrize("taken", [False, True])
async def test_who_has_gone_is_not_served(opened: Opened, taken: bool) -> None:
    """A request whose client has reset the connection costs no handler, whether its connection had been taken or not."""
    served = []

    async def app(scope: Scope, _receive: Receive, send: Send) -> None:
        served.append(scope["path"])
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})

    door = await opened(LIMITS, app)
    for _ in range(5):
        await _asked_for(door, taken)
        await until(lambda: not door.state.connections)
    gone = len(served)
    reader, writer = await door.client()
    writer.write(ASKS)

    assert (await said(reader))[0] == 200
    assert (gone, len(served), door.state.sweep.places.held) == (0, 1, 1)  # type: ignore[attr-defined]  # ours
