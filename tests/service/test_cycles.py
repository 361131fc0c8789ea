"""How answers are written: in one piece where they are whole, and to the letter as uvicorn writes them."""

import asyncio
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send
from uvicorn import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from service.answers import LONG, JsonResponse
from service.server.connection_limits import ConnectionLimits
from service.server.connections import ServerConnection
from tests.service.sockets import until

LIMITS = ConnectionLimits(connections=4, timeout=60.0, message_bytes=100_000)


class Written(asyncio.Transport):
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[bytes] = []
        self.closed = False

    def write(self, data: Any) -> None:
        self.pieces.append(bytes(data))

    def get_write_buffer_size(self) -> int:
        return 0

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def resume_reading(self) -> None:
        pass


async def written(answer: JsonResponse, sent: bytes, *, ours: bool) -> Written:
    """What a request is answered with, by our connections or by uvicorn's."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await answer(scope, receive, send)

    config = Config(app, ws="none", lifespan="off", access_log=False, log_config=None)
    config.load()
    state, transport = ServerState(), Written()
    state.default_headers = [(b"date", b"Sat, 28 Nov 2026 10:00:00 GMT")]
    given: dict[str, Any] = {"config": config, "server_state": state, "app_state": {}}
    connection = ServerConnection(LIMITS, **given) if ours else HttpToolsProtocol(**given)
    connection.connection_made(transport)
    connection.data_received(sent)
    await until(lambda: bool(state.total_requests))
    connection.connection_lost(None)
    return transport


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("more", [b"", b"Connection: close\r\n"])
async def test_a_whole_answer_is_written_at_once(method: str, more: bytes) -> None:
    """Head and body are one system call and one packet; what they say, and whether the connection goes on, is as ever."""
    sent = b"%b / HTTP/1.1\r\nHost: x\r\n%b\r\n" % (method.encode(), more)

    ours, uvicorns = [await written(JsonResponse(b'{"a":1}', 202), sent, ours=each) for each in (True, False)]

    assert ours.pieces == [b"".join(uvicorns.pieces)]
    assert ours.closed == uvicorns.closed


@pytest.mark.parametrize(
    "answer",
    [JsonResponse(b"{}", 429, {"Retry-After": "2"}), JsonResponse(b"1" * (LONG + 1))],
    ids=["headers of its own", "long"],
)
async def test_what_is_more_than_that_goes_uvicorns_way(answer: JsonResponse) -> None:
    """Headers are looked at before they are sent, and a long answer waits for its reader."""
    sent = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"

    ours, uvicorns = [await written(answer, sent, ours=each) for each in (True, False)]

    assert ours.pieces == uvicorns.pieces
