"""Requests that are larger than what a connection takes at once: they arrive whole, and are not held twice meanwhile."""

import asyncio
import tracemalloc

import pytest

from delivery.wire.exchange import PIECE
from delivery.wire.parcels import Parcel
from delivery.wire.sender import Attempt, Destination, FailureKind, Sender
from tests.delivery.wire.attempts import WEBHOOK, failed, opened, replied
from tests.receiver import Receiver

ON_BOTH_LOOPS = True

MB = 1 << 20
LARGE = b"0123456789abcdef" * (8 * MB // 16)


class Deaf(Receiver):
    """Takes connections, and reads no more than comes by itself."""

    async def _exchange(self, _reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> bool:
        await asyncio.Event().wait()
        return False


async def post(sender: Sender, url: str, body: bytes, *, deadline: float = 20.0) -> Attempt:
    parcel = Parcel(id="a", headers=(("Content-Type", "text/plain"),), body=body)
    return await sender.send(parcel, Destination(webhook=WEBHOOK, url=url, secrets=("secret",)), deadline=deadline)


@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
async def test_it_arrives_whole(tls: bool) -> None:
    """Whatever its length, to the last byte; and its connection serves the next one."""
    bodies = [LARGE[:length] for length in (0, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE, 3 * PIECE + 7, len(LARGE))]
    async with Receiver(tls=tls) as receiver, opened(receiver.ca) as sender:
        for body in bodies:
            assert replied(await post(sender, receiver.url(), body)).status == 200

    assert [len(request.body) for request in receiver.requests] == [len(body) for body in bodies]
    assert [request.body for request in receiver.requests] == bodies
    assert receiver.connections == 1


@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
async def test_it_is_not_held_twice(tls: bool) -> None:
    """While a receiver reads nothing, of 8 MB no more than a few pieces are copied or encrypted."""
    async with Deaf(tls=tls) as receiver, opened(receiver.ca) as sender:
        tracemalloc.start()
        try:
            before, _ = tracemalloc.get_traced_memory()
            result = failed(await post(sender, receiver.url(), LARGE, deadline=0.5))
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()

    assert result.kind is FailureKind.timeout
    assert peak - before < 4 * MB
