"""Connections kept for the next request: when they serve again, when not, and that no answer is ever another's."""

import asyncio
import socket
import struct
from datetime import UTC, datetime
from uuid import UUID

import pytest
from msgspec.structs import replace

from delivery.wire import kernel, parcels
from delivery.wire.documents import Documents
from delivery.wire.parcels import Failure
from delivery.wire.pool import RESTED
from delivery.wire.sender import Destination, FailureKind, Sender
from delivery.wire.tokens import Tokens
from delivery.wire.transport import Transport, TransportLimits
from subscriptions.ground.errors import Unavailable
from subscriptions.webhooks.webhook import OAuthClient
from tests.delivery.wire.attempts import BODY, EVENT, WEBHOOK, attempt, failed, replied
from tests.delivery.wire.scripted import OK, SECOND, Client, Meet, Scripted, plainly, saying, then_closing

ON_BOTH_LOOPS = True

RUDE = struct.pack("ii", 1, 0)
#: A token, and a document.
ANSWER = b'HTTP/1.1 200 OK\r\nContent-Length: 22\r\n\r\n{"access_token": "t1"}'
FORGED = b"HTTP/1.1 500 Forged\r\nContent-Length: 0\r\n\r\n"


async def two(meet: Meet, *, limits: TransportLimits | None = None) -> tuple[list[int], int]:
    """The answers to two attempts one after the other, and the connections that it took."""
    async with Scripted(meet) as server, plainly(limits) as sender:
        results = [await attempt(sender, server.url), await attempt(sender, server.url)]
    return [replied(result).status for result in results], server.connections


@pytest.mark.parametrize(
    "first",
    [
        OK,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" + OK,
        b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n",
    ],
    ids=["length", "chunks", "interim", "1.0 that keeps"],
)
async def test_a_whole_answer_leaves_a_connection(first: bytes) -> None:
    """The next request goes over it."""
    assert await two(saying(first)) == ([200, 202], 1)


@pytest.mark.parametrize(
    "first",
    [
        OK + FORGED,
        OK + FORGED[:5],
        OK + b"garbage",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok, and more",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n" + b"x" * 20,
    ],
    ids=["two answers", "part of another", "garbage", "a longer body", "close", "1.0", "cut at the cap"],
)
async def test_what_comes_after_an_answer_is_nobodys(first: bytes) -> None:
    """Response splitting: the connection is closed, and the next request asks anew."""
    assert await two(saying(first), limits=TransportLimits(body_bytes=10)) == ([200, 202], 2)


@pytest.mark.parametrize("heard", [True, False], ids=["heard", "not yet heard"])
@pytest.mark.parametrize("says", [FORGED, b"\0", b""], ids=["an answer", "a byte", "the end"])
async def test_what_comes_unasked_is_never_an_answer(says: bytes, heard: bool) -> None:
    """A kept connection on which something came is not used, even where the loop has not heard of it yet."""
    clients: list[Client] = []
    gone = asyncio.Event()

    async def meet(client: Client) -> None:
        clients.append(client)
        await client.request()
        client.writer.write(OK if len(clients) == 1 else b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
        await client.gone()
        gone.set()

    async with Scripted(meet) as server, plainly() as sender:
        first = replied(await attempt(sender, server.url))
        clients[0].says(says)
        if heard:
            await gone.wait()
        second = replied(await attempt(sender, server.url))

    assert (first.status, second.status, server.connections) == (200, 202, 2)


@pytest.mark.parametrize(
    ("says", "kind", "cause"),
    [
        (FORGED, FailureKind.protocol, "the answer is not HTTP: it came before the request"),
        (b"", FailureKind.reset, "connection closed by 127.0.0.1:{port} before an answer"),
    ],
)
async def test_what_a_fresh_connection_says_first_is_no_answer(says: bytes, kind: FailureKind, cause: str) -> None:
    """It is hung up on, and where it ended before it was asked anything, that is said."""

    async def meet(client: Client) -> None:
        client.writer.write(says)

    async with Scripted(meet) as server, plainly(late=True) as sender:
        result = failed(await attempt(sender, server.url))

    assert (result.kind, result.cause) == (kind, cause.format(port=server.port))


async def test_what_one_webhook_is_answered_is_never_anothers() -> None:
    """Two webhooks with one destination, of two tenants perhaps, have their own connections: an answer too many, which comes
    when the next request has just been sent, is at most their own."""
    requests: list[bytes] = []

    async def meet(client: Client) -> None:
        requests.append(await client.request())
        client.writer.write(OK)
        requests.append(await client.request())
        client.writer.write(SECOND)

    async with Scripted(meet) as server, plainly() as sender:
        first, other = [
            replied(await attempt(sender, server.url, webhook=UUID(int=number))).status for number in (1, 2)
        ]
        again = [replied(await attempt(sender, server.url, webhook=UUID(int=number))).status for number in (1, 2)]

    assert (first, other, again, server.connections) == (200, 200, [202, 202], 2)


@pytest.mark.parametrize(
    ("says", "rudely", "kind", "cause"),
    [
        (b"", False, FailureKind.stale, "kept connection closed by {peer} before an answer"),
        (b"", True, FailureKind.stale, "kept connection reset by {peer} before an answer"),
        (b"HTTP/1.1 1", False, FailureKind.reset, "connection closed by {peer} in the middle of the answer"),
    ],
    ids=["closed", "reset", "begun"],
)
async def test_nothing_is_sent_twice(says: bytes, rudely: bool, kind: FailureKind, cause: str) -> None:
    """A kept connection that ends upon the second request may have been heard: the attempt failed, and that is all. Where
    nothing of an answer came, it says nothing of the receiver, which closes what has rested; what else was kept goes too."""
    requests: list[bytes] = []
    both = asyncio.Barrier(2)

    async def meet(client: Client) -> None:
        requests.append(await client.request())
        await both.wait()
        client.writer.write(OK)
        requests.append(await client.request())
        client.writer.write(says)
        if rudely:
            client.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RUDE)
            client.writer.transport.abort()

    async with Scripted(meet) as server, plainly() as sender:
        await asyncio.gather(*(attempt(sender, server.url) for _ in range(2)))
        result = failed(await attempt(sender, server.url))
        left = sum(map(len, sender._transport._pool._kept.values()))

    assert (result.kind, result.cause) == (kind, cause.format(peer=f"127.0.0.1:{server.port}"))
    assert (len(requests), server.connections, left) == (3, 2, 0)


@pytest.mark.parametrize("rudely", [False, True], ids=["closed", "reset"])
@pytest.mark.parametrize("asking", ["challenge", "options", "token", "document"])
async def test_a_question_is_asked_again(asking: str, rudely: bool) -> None:
    """What is no event may be heard twice: where a kept connection is dead it is asked over a new one, once, and the answer
    to that counts. Where that ends as well, it is a failure of a new connection."""
    requests: list[bytes] = []

    async def meet(client: Client) -> None:
        requests.append(await client.request())
        if len(requests) > 4:
            return
        client.writer.write(ANSWER)
        requests.append(await client.request())
        if rudely:
            client.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RUDE)
            client.writer.transport.abort()

    async with Scripted(meet) as server, plainly() as sender:
        ask = Asking(sender._transport, server.url)
        answered = [await ask(asking) for _ in range(2)]
        given_up = await ask(asking)

    # Of the third time both connections ended: the kept one, and the new one before its answer.
    assert answered == ["200"] * 2
    assert given_up.endswith(f"connection closed by 127.0.0.1:{server.port} before an answer")
    assert "kept" not in given_up
    assert (len(requests), len(set(map(_first_line, requests))), server.connections) == (5, 1, 3)


async def test_what_has_begun_is_not_asked_again() -> None:
    """A question that was answered in part has its answer."""

    async def meet(client: Client) -> None:
        await client.request()
        client.writer.write(OK)
        await client.request()
        client.writer.write(b"HTTP/1.1 2")

    async with Scripted(meet) as server, plainly() as sender:
        ask = Asking(sender._transport, server.url)
        answered = [await ask("options") for _ in range(2)]

    assert (answered[0], server.connections) == ("200", 1)
    assert answered[1].endswith("in the middle of the answer")


class Asking:
    """What goes out that is no event: "200", or why there was no answer."""

    def __init__(self, transport: Transport, url: str) -> None:
        self._url = url
        self._sender = Sender(transport, lambda: datetime.now(UTC))
        self._tokens = Tokens(transport, lambda: datetime.now(UTC), agent="Hooklake/test")
        self._documents = Documents(transport)

    async def __call__(self, what: str) -> str:
        destination = Destination(webhook=WEBHOOK, url=self._url, secrets=("first",))
        if what == "document":
            try:
                await self._documents.read(self._url)
            except Unavailable as error:
                return error.cause
            return "200"
        if what == "token":
            key = WEBHOOK, OAuthClient(issuer_url=self._url, client_id="a client", client_secret="a secret")
            token = await self._tokens.token(key, within=5)
            if isinstance(token, Failure):
                return token.cause
            self._tokens.drop(key, token)
            return "200"
        if what == "options":
            answer = (await self._sender.options(destination, origin="https://here", deadline=5)).answer
        else:
            parcel = replace(parcels.single(EVENT, BODY, content_mode="json"), question=True)
            answer = (await self._sender.send(parcel, destination, deadline=5)).answer
        return answer.cause if isinstance(answer, Failure) else str(answer.status)


def _first_line(request: bytes) -> bytes:
    return request.partition(b"\r\n")[0]


async def test_a_connection_that_ended_while_it_rested() -> None:
    """One whose end has been noticed, and that is kept until the sweep comes by, is not asked for its state: the next attempt
    dials."""
    async with Scripted(then_closing(OK)) as server, plainly(TransportLimits(idle=60)) as sender:
        await attempt(sender, server.url)
        [kept] = next(iter(sender._transport._pool._kept.values()))
        while kept in sender._transport._pool._open:  # noqa: ASYNC110  only the protocol is told, and that is the tested one
            await asyncio.sleep(0)
        kept.kept_at -= RESTED
        second = replied(await attempt(sender, server.url))

        assert (second.status, server.connections) == (200, 2)
        assert kept.path() == kernel.UNTOLD


async def test_an_answer_before_the_whole_request_was_taken() -> None:
    """It counts, whether the rest is ignored or hung up on, and the connection serves no more."""

    async def unread(client: Client) -> None:
        await client.reader.readuntil(b"\r\n\r\n")
        client.writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")

    async with Scripted(unread) as server, plainly() as sender:
        statuses = [replied(await attempt(sender, server.url)).status for _ in range(3)]

    assert (statuses, server.connections) == ([413] * 3, 3)


async def test_idle_connections_are_closed() -> None:
    """After their time, by us, whether or not anybody asks for another."""
    gone = asyncio.Event()

    async def meet(client: Client) -> None:
        await client.request()
        client.writer.write(OK)
        await client.gone()
        gone.set()

    async with Scripted(meet) as server, plainly(TransportLimits(idle=0.05)) as sender:
        await attempt(sender, server.url)
        await gone.wait()
        await attempt(sender, server.url)

    assert server.connections == 2


async def test_a_kept_connection_makes_room_for_another_origin() -> None:
    """At the limit, what is idle goes first."""
    async with (
        Scripted(saying(OK)) as one,
        Scripted(saying(OK)) as other,
        plainly(TransportLimits(connections=1)) as sender,
    ):
        statuses = [replied(await attempt(sender, url)).status for url in (one.url, other.url, one.url)]

    assert (statuses, one.connections, other.connections) == ([200, 200, 202], 2, 1)


async def test_whoever_finds_no_room_waits_for_it() -> None:
    """At the limit with all in use: the next connection is dialled when one is over, or the time for connecting is."""
    asked, release = asyncio.Event(), asyncio.Event()

    async def meet(client: Client) -> None:
        await client.request()
        asked.set()
        await release.wait()
        client.writer.write(OK)
        await client.gone()

    limits = TransportLimits(connections=1, connect_timeout=0.2)
    async with Scripted(meet) as slow, Scripted(then_closing(OK)) as quick, plainly(limits) as sender:
        holding = asyncio.create_task(attempt(sender, slow.url))
        await asked.wait()
        given_up = failed(await attempt(sender, quick.url))
        waiting = asyncio.create_task(attempt(sender, quick.url, deadline=5))
        await asyncio.sleep(0)
        release.set()
        statuses = [replied(await task).status for task in (holding, waiting)]

    assert given_up.kind is FailureKind.internal
    assert given_up.cause == "internal error: no room for another connection: all that it may have are in use"
    assert (statuses, quick.connections) == ([200, 200], 1)


async def test_a_cancelled_exchange_leaves_nothing() -> None:
    """Its connection is closed, for nobody would read the answer."""
    asked, gone = asyncio.Event(), asyncio.Event()

    async def meet(client: Client) -> None:
        await client.request()
        asked.set()
        await client.gone()
        gone.set()

    async with Scripted(meet) as server, plainly() as sender:
        task = asyncio.create_task(attempt(sender, server.url))
        await asked.wait()
        task.cancel()
        await gone.wait()

    assert task.cancelled()
