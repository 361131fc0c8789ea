"""Connections that are cut off, on the loop that workers run: each is an outcome, and none is a traceback in the log."""

import asyncio
import socket
import struct

import pytest
import uvloop

from delivery.wire.sender import Failure
from tests.delivery.wire.attempts import attempt, opened
from tests.receiver import Answer, Receiver

RUDE = struct.pack("ii", 1, 0)


class Cutter:
    """Takes a connection, reads the beginning of its handshake if there is to be one, and cuts it off."""

    def __init__(self, *, after: int, rudely: bool) -> None:
        self._after, self._rudely = after, rudely

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._after:
            await reader.read(self._after)
        if self._rudely:
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RUDE)
        writer.transport.abort()


async def _told(receiver: Receiver, url: str) -> list[object]:
    """What the loop was told of one attempt that has no whole answer, and of the end of its transport."""
    told: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    async with opened(receiver.ca) as sender:
        answer = (await attempt(sender, url)).answer
    # What is still to be told of the connection comes within the next turns.
    for _ in range(5):
        await asyncio.sleep(0)
    return told if isinstance(answer, Failure) or answer.truncated else [answer]


async def _answered(answer: Answer) -> list[object]:
    async with Receiver({"*": ("first", "second")}) as receiver:
        receiver.plan("/hook", answer)
        return await _told(receiver, receiver.url())


async def _shaken(after: int, rudely: bool) -> list[object]:
    server = await asyncio.start_server(Cutter(after=after, rudely=rudely).connected, "127.0.0.1")
    async with server, Receiver({}) as receiver:
        return await _told(receiver, f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook")


@pytest.mark.parametrize("act", ["reset", "close", "cut"])
def test_in_an_answer(act: str) -> None:
    """A receiver that cuts a TLS connection off before its answer, politely or not, or within it."""
    assert uvloop.run(_answered(Answer(act=act, body=b"half"))) == []


@pytest.mark.parametrize("after", [0, 100, 4096])
@pytest.mark.parametrize("rudely", [False, True])
def test_in_a_handshake(after: int, rudely: bool) -> None:
    """A receiver that cuts a connection off before or within the handshake."""
    assert uvloop.run(_shaken(after, rudely)) == []
