"""What attempts leave in memory when they are over: nothing that waits for Python to look for garbage, which is seldom.

Objects are counted, those that only a search for garbage finds.
"""

import asyncio
import contextlib
import gc
import socket
import tracemalloc
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from types import FrameType

import pytest

from delivery.wire.sender import Attempt, Failure, Sender
from delivery.wire.transport import TransportLimits
from tests.delivery.wire.attempts import attempt, opened
from tests.delivery.wire.relaying import Relay
from tests.receiver import Answer, Receiver, Request

ON_BOTH_LOOPS = True

#: What an exchange is made of, and what its errors hold on to.
OURS = ("Attempt", "Claimed", "Connect", "Connection", "Destination", "Dial", "HttpResponseParser", "Parcel", "Reader")
SHORT = 0.3


class Tidy(Receiver):
    """Whose own connections leave nothing: what it says goes out at once, and nothing waits."""

    says: bytes = b""

    async def meet(self, _request: Request, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        writer.write(self.says)
        return True


@asynccontextmanager
async def seeking() -> AsyncIterator[Counter[str]]:
    """Nobody looks for garbage within the block; what there is after it, by type. Frames by what they ran."""
    found = Counter[str]()
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        yield found
        gc.collect()
        for each in gc.garbage:
            if (
                isinstance(each, FrameType)
                and "/delivery/wire/" in each.f_code.co_filename
                and "/tests/" not in each.f_code.co_filename
            ):
                found[each.f_code.co_qualname] += 1
            elif type(each).__name__ in OURS:
                found[type(each).__name__] += 1
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()


async def settled() -> None:
    """Connections that were closed, and who waited for names, are told so some turns of the loop later."""
    for _ in range(5):
        await asyncio.sleep(0)


async def left(try_it: Callable[[], Awaitable[Attempt]]) -> tuple[Attempt, Counter[str]]:
    """What one attempt came to, and what it left."""
    async with seeking() as found:
        result = await try_it()
        await settled()
    return result, found


@pytest.mark.parametrize(
    ("says", "cause"),
    [
        (b"", "no answer within"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx", ""),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n" + b"x" * 99999, ""),
        (b"HTTP/1.1 103 Early Hints\r\n\r\n" * 99, "more than 32 interim answers"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "the answer is not HTTP"),
    ],
    ids=["nothing", "half an answer", "too much", "interim answers", "no HTTP"],
)
@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
async def test_of_a_hostile_answer(tls: bool, says: bytes, cause: str) -> None:
    """Neither the connection nor the request nor what was read outlives an attempt that ended it."""
    async with Tidy(tls=tls) as receiver, opened(receiver.ca) as sender:
        receiver.says = says
        result, found = await left(lambda: attempt(sender, receiver.url(), deadline=SHORT))

    assert cause in (result.answer.cause if isinstance(result.answer, Failure) else "")
    assert not found


@pytest.mark.parametrize(
    ("addresses", "cause"),
    [
        (["127.0.0.1"], "connection refused by"),
        (["127.0.0.1", "127.0.0.2"], "connection refused by"),
        ([], "does not resolve"),
    ],
    ids=["one address", "two addresses", "no name"],
)
async def test_of_a_destination_that_is_not_there(addresses: list[str], cause: str) -> None:
    """Nor does what was to be sent outlive an attempt that came to no connection, nor the error of the look-up that it shared."""

    def lookup(_host: str, _port: int) -> list[str]:
        if not addresses:
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        return addresses

    with contextlib.closing(socket.socket()) as unheard:
        unheard.bind(("127.0.0.1", 0))
        url = f"http://localhost:{unheard.getsockname()[1]}/"
        async with opened("", lookup=lookup) as sender:
            result, found = await left(lambda: attempt(sender, url))

    assert isinstance(result.answer, Failure)
    assert cause in result.answer.cause
    assert not found


async def test_of_a_receiver_without_tls() -> None:
    """Nor a connection whose TLS came to nothing."""
    async with Receiver(tls=False) as plain, opened("", limits=TransportLimits(connect_timeout=SHORT)) as sender:
        result, found = await left(lambda: attempt(sender, plain.url().replace("http:", "https:")))

    assert isinstance(result.answer, Failure)
    assert not found


@pytest.mark.parametrize("instead", [b"HTTP/1.1 502 Bad Gateway\r\n\r\n", None], ids=["refuses", "hangs"])
async def test_of_a_proxy(instead: bytes | None) -> None:
    """Nor a way that a proxy did not lead."""
    limits = TransportLimits(connect_timeout=SHORT)
    async with (
        Relay(1, instead=instead) as relay,
        opened("", lookup=lambda *_: ["8.8.8.8"], proxy=relay.url(), limits=limits) as sender,
    ):
        result, found = await left(lambda: attempt(sender, "http://destination.example/"))

    assert isinstance(result.answer, Failure)
    assert not found


async def test_names_that_do_not_resolve_are_not_kept() -> None:
    """A look-up that failed is asked again by the next attempt: kept, its error would hold the last one that met it."""
    asked = 0

    def lookup(_host: str, _port: int) -> list[str]:
        nonlocal asked
        asked += 1
        raise socket.gaierror(socket.EAI_NONAME, "no such name")

    async def let_go(sender: Sender) -> None:
        gc.collect()
        gc.disable()
        try:
            await attempt(sender, "http://nowhere.example/")
            # The thread that looked the name up may be the last to let go.
            async with asyncio.timeout(10):
                while any(type(each).__name__ == "Dial" for each in gc.get_objects()):  # noqa: ASYNC110 -- tells nobody
                    await asyncio.sleep(0.01)
        finally:
            gc.enable()

    async with opened("", lookup=lookup) as sender:
        await let_go(sender)
        await let_go(sender)

    assert asked == 2


async def test_a_kept_connection_holds_no_answer() -> None:
    """What was read over a connection that is kept for the next request is not kept with it."""
    async with Receiver(tls=False) as receiver, opened("") as sender:
        receiver.default = Answer(headers=(("X-Long", "x" * 30_000),), body=b"y" * 60_000)
        await attempt(sender, receiver.url())
        tracemalloc.start()
        try:
            await attempt(sender, receiver.url())
            await settled()
            kept, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()

    assert receiver.connections == 1
    assert kept < 30_000
