"""Answers to the byte: what is understood, what is refused with which words, and how much is read of any."""

import asyncio
import contextlib
import socket
import struct

import pytest

from delivery.wire.answers import HEAD_BYTES, HEAD_LINES, INTERIM
from delivery.wire.sender import HEADER_BYTES, Attempt, FailureKind
from tests.delivery.wire.attempts import attempt, failed, replied
from tests.delivery.wire.scripted import SECOND, Client, Meet, Scripted, plainly, saying, then_closing

ON_BOTH_LOOPS = True

OK = b"HTTP/1.1 200 OK\r\n"
EARLY = b"HTTP/1.1 103 Early Hints\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


async def answered(meet: Meet, *, deadline: float = 10.0) -> Attempt:
    async with Scripted(meet) as server, plainly() as sender:
        return await attempt(sender, server.url, deadline=deadline)


@pytest.mark.parametrize(
    ("raw", "status", "body"),
    [
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + OK + b"\r\nok", 200, b"ok"),
        (CHUNKED + b"1;a=b;c\r\no\r\n1\r\nk\r\n0\r\nX-Other: 9\r\nX-Trailer: 1\r\n\r\n", 200, b"ok"),
        (CHUNKED + b"2  \r\nok\r\n0\r\n\r\n", 200, b"ok"),
        (OK + b"Transfer-Encoding: gzip\r\n\r\nuntil the end", 200, b"until the end"),
        (b"HTTP/1.0 200\r\n\r\nold", 200, b"old"),
        (b"HTTP/1.1 204 No Content\r\nContent-Length: 4\r\n\r\nbody", 204, b""),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 4\r\n\r\nbody", 304, b""),
        (b"HTTP/1.1 101 Switching Protocols\r\n\r\nxyz", 101, b""),
        (b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok", 200, b"ok"),
        (OK + b"X-Folded: a\r\n b\r\nContent-Length: 2\r\n\r\nok", 200, b"ok"),
        (OK + b"X-Nul: a\x00b\r\nContent-Length: 2\r\n\r\nok", 200, b"ok"),
        (OK + b"X-Odd: \x01\x7f\xff\xfe\r\nContent-Length: 2\r\n\r\nok", 200, b"ok"),
        (OK + b"Content-Length: 2\r\n\r\nok, and more than was said", 200, b"ok"),
        (b"\r\n" + OK + b"Content-Length: 2\r\n\r\nok", 200, b"ok"),
        (OK + b"Content-Length: 2\r\ncontent-length:2 \r\nCONTENT-LENGTH: 2\r\n\r\nokX", 200, b"ok"),
        (OK + b"Content-Length: 2, 2\r\n\r\nok", 200, b"ok"),
        (EARLY + b"\r\n" + b"HTTP/1.1 201\nContent-Length: 2\nContent-Length: 2\n\nok", 201, b"ok"),
        (OK + b"Content-Length: 9\r\n" + CHUNKED[len(OK) :] + b"2\r\nok\r\n0\r\n\r\n", 200, b"ok"),
        (CHUNKED[:-2] + b"Content-Length: 9\r\n\r\n2\r\nok\r\n0\r\n\r\n", 200, b"ok"),
    ],
)
async def test_what_is_understood(raw: bytes, status: int, body: bytes) -> None:
    """Interim answers, chunks, no length, odd characters: an answer that says what it is counts, so that none is asked for."""
    result = replied(await answered(then_closing(raw)))

    assert (result.status, result.body, result.truncated) == (status, body, False)
    assert "\0" not in repr(result.headers)
    assert not {"X-Trailer", "Link"} & {name for name, _ in result.headers}


async def test_it_is_understood_in_whatever_pieces_it_comes() -> None:
    """Byte by byte, and with the head cut anywhere."""
    raw = (
        b"HTTP/1.1 100 Continue\r\n\r\n"
        + OK
        + b"X-Name: value\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
    )

    async def meet(client: Client) -> None:
        await client.request()
        for place in range(len(raw)):
            client.writer.write(raw[place : place + 1])
            await client.writer.drain()

    result = replied(await answered(meet))

    assert (result.status, result.body) == (200, b"ok")
    assert result.headers == (("X-Name", "value"), ("Transfer-Encoding", "chunked"))


@pytest.mark.parametrize(
    "raw",
    [
        OK + b"Content-Length: 2\r\nX-More: 1\r\nContent-Length: 2\r\n\r\nok",
        CHUNKED[:-2] + b"Content-Length: 9\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    ],
    ids=["twice", "beside chunks"],
)
async def test_a_length_that_is_said_twice_has_one_meaning(raw: bytes) -> None:
    """As RFC 9112 6.3 reads it, in whatever pieces it comes; the connection is closed after it."""

    async def meet(client: Client) -> None:
        await client.request()
        for place in range(len(raw)):
            client.writer.write(raw[place : place + 1])
            await client.writer.drain()
        await client.gone()

    async with Scripted(meet) as server, plainly() as sender:
        results = [replied(await attempt(sender, server.url)) for _ in range(2)]

    assert [(each.status, each.body, each.truncated) for each in results] == [(200, b"ok", False)] * 2
    assert server.connections == 2


MISFRAMED = {
    "a line that is no header": b"No colon\r\n\r\n",
    "a space before the colon": b"X-Space : x\r\n\r\n",
    "NUL in a name": b"X-\x00: x\r\n\r\n",
    "a carriage return alone": b"X-CR: a\rb\r\n\r\n",
    "two lengths": b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nok",
    "a list of two lengths": b"Content-Length: 2, 3\r\n\r\nok",
    "a length below zero": b"Content-Length: -1\r\n\r\n",
    "an empty length": b"Content-Length:\r\n\r\n",
    "a length beyond any": b"Content-Length: 99999999999999999999\r\n\r\n",
    "no size of a chunk": b"Transfer-Encoding: chunked\r\n\r\nzz\r\nok\r\n",
    "a chunk beyond any": b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\nok\r\n",
    "a chunk longer than it says": b"Transfer-Encoding: chunked\r\n\r\n2\r\nokok\r\n",
    "short of its length": b"Content-Length: 9\r\n\r\nok",
    "an end between chunks": b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n",
    "an end in the head": b"X-Half: ",
    "nothing but its first line": b"",
}


@pytest.mark.parametrize("first", [b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 503\r\n"], ids=["200", "503"])
@pytest.mark.parametrize("goes_on", MISFRAMED.values(), ids=MISFRAMED)
async def test_a_misframed_answer_counts_from_its_status_line_on(first: bytes, goes_on: bytes) -> None:
    """RFC 9110 15.3: the receiver has said what became of the request; what follows is cut where it cannot be read. The status
    is its own, also after another answer on the same connection."""

    async def meet(client: Client) -> None:
        await client.request()
        client.writer.write(SECOND)
        await then_closing(first + goes_on)(client)

    async with Scripted(meet) as server, plainly() as sender:
        await attempt(sender, server.url)
        result = replied(await attempt(sender, server.url))

    assert (result.status, server.connections) == (int(first.split()[1]), 1)
    assert result.truncated
    assert result.body in (b"", b"ok")


async def test_an_answer_that_is_reset_counts_too() -> None:
    """Not only where its connection ends politely."""

    async def meet(client: Client) -> None:
        await client.request()
        client.writer.write(OK + b"Content-Length: 9\r\n\r\nok")
        await client.writer.drain()
        client.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.writer.transport.abort()

    result = replied(await answered(meet))

    assert (result.status, result.truncated) == (200, True)


HEAD = "the answer is not HTTP: "


@pytest.mark.parametrize(
    ("raw", "cause"),
    [
        (b"HTTP/1.1 2x0 OK\r\n\r\n", HEAD + "Invalid status code"),
        (b"HTTP/1.1 099 Odd\r\nContent-Length: 0\r\n\r\n", HEAD + "its status is 99"),
        (b"HTTP/1.1 1999 Odd\r\n\r\n", HEAD + "Invalid response status"),
        (b"HTTP/1.1 2000 Odd\r\n\r\n", HEAD + "Invalid response status"),
        (b"HTTP/2 200\r\n\r\n", HEAD + "Expected dot"),
        (b"\x00\x00\x12\x04\x00\x00\x00\x00\x00", HEAD + "Expected HTTP/"),
        (b"\x15\x03\x01\x00\x02\x02\x28", HEAD + "it is TLS, so the URL may have to begin with https"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", HEAD + "Expected HTTP/"),
        (EARLY + b"No colon\r\n\r\n", HEAD + "Invalid header token"),
        (EARLY + b"\r\nSSH-2.0", HEAD + "Expected HTTP/"),
        (EARLY + b"X: y\r\n" * (HEAD_LINES + 1) + b"\r\n", HEAD + f"its head has more than {HEAD_LINES} lines"),
        (b"HTTP/1.1 099 Odd\r\n" + b"X: y\r\n" * (HEAD_LINES + 2), HEAD + f"its head has more than {HEAD_LINES} lines"),
        (EARLY + b"X-Long: " + b"y" * HEAD_BYTES + b"\r\n\r\n", HEAD + f"its head is over {HEAD_BYTES} bytes"),
        (EARLY + b"\r\n" + b"\r\n" * HEAD_BYTES + OK, HEAD + f"its head is over {HEAD_BYTES} bytes"),
    ],
)
async def test_what_is_not(raw: bytes, cause: str) -> None:
    """Each with words that say what is wrong with it: there was no status, and none is guessed at."""
    result = failed(await answered(then_closing(raw)))

    assert result.kind is FailureKind.protocol
    assert result.cause.startswith(cause)


@pytest.mark.parametrize("raw", [b"HTTP/1.1 200", EARLY + b"\r\n", EARLY + b"\r\nHTTP/1.1 20"])
async def test_half_a_status_line_is_no_status(raw: bytes) -> None:
    """Nor is an interim answer one."""
    result = failed(await answered(then_closing(raw)))

    assert (result.kind, result.cause.endswith(" in the middle of the answer")) == (FailureKind.reset, True)


async def test_odd_bytes_are_kept_as_text() -> None:
    """A NUL, which no table takes, becomes a space; what is not UTF-8 is read as Latin-1."""
    raw = OK + b"X-Nul: a\x00b\r\nX-Latin: caf\xe9\r\nX-UTF-8: caf\xc3\xa9\r\nContent-Length: 0\r\n\r\n"
    result = replied(await answered(then_closing(raw)))

    assert result.headers[:3] == (("X-Nul", "a b"), ("X-Latin", "café"), ("X-UTF-8", "café"))


@pytest.mark.parametrize(
    ("begins", "goes_on", "kept"),
    [
        (OK, b"X: y\r\n" * 99, (HEAD_LINES, b"")),
        (OK + b"X: y\r\n", b"X-Long: " + b"y" * 4096 + b"\r\n", (None, b"")),
        (OK + b"X-Endless: ", b"y" * 4096, (0, b"")),
        (b"HTTP/1.1 200\r\nX: y\r\nX-Endless: ", b"y" * 4096, (1, b"")),
        (b"HTTP/1.1 200 O", b"K" * 4096, (0, b"")),
        (EARLY + b"\r\n" + OK + b"X-Endless: ", b"y" * 4096, (0, b"")),
        (CHUNKED + b"2\r\nok\r\n2;extension=", b"y" * 4096, (1, b"ok")),
        (CHUNKED + b"2\r\nok\r\n0\r\n", b"X-Trailer: y\r\n" * 99, (1, b"ok")),
        (CHUNKED + b"2\r\nok\r\n0\r\nX-Trailer: ", b"y" * 4096, (1, b"ok")),
    ],
    ids=[
        *("headers", "long headers", "a header", "a header after no phrase", "a phrase", "a header after hints"),
        *("an extension", "trailers", "a trailer"),
    ],
)
async def test_of_an_answer_without_end_the_beginning_counts(
    begins: bytes, goes_on: bytes, kept: tuple[int | None, bytes]
) -> None:
    """Its status was read: what arrived is not sent again for what follows, of which so much is read, and no more."""
    poured: list[int] = []

    async def meet(client: Client) -> None:
        await client.request()
        client.writer.write(begins)
        poured.append(await client.pour(goes_on, 1 << 30))

    async with Scripted(meet) as server, plainly() as sender:
        result = replied(await attempt(sender, server.url))

    lines, body = kept
    assert (result.status, result.body, result.truncated) == (200, body, True)
    assert lines is None or len(result.headers) == lines
    assert sum(len(name) + len(value) for name, value in result.headers) <= HEADER_BYTES
    assert sum(poured) < 16 << 20


@pytest.mark.parametrize(
    ("begins", "goes_on", "cause"),
    [
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 99, f"more than {INTERIM} interim answers came before it"),
        (b"", b"\r\n" * 4096, f"its head is over {HEAD_BYTES} bytes"),
        (EARLY + b"Link: x\r\nX-Endless: ", b"y" * 4096, f"its head is over {HEAD_BYTES} bytes"),
    ],
    ids=["interim answers", "empty lines", "hints"],
)
async def test_what_never_comes_to_a_status_is_hung_up_on(begins: bytes, goes_on: bytes, cause: str) -> None:
    """It is read up to a bound, long before the deadline; the status of the answer before it does not count."""

    async def meet(client: Client) -> None:
        await client.request()
        client.writer.write(OK + b"Content-Length: 0\r\n\r\n")
        await client.request()
        client.writer.write(begins)
        await client.pour(goes_on, 1 << 30)

    async with Scripted(meet) as server, plainly() as sender:
        await attempt(sender, server.url)
        result = failed(await attempt(sender, server.url))

    assert server.connections == 1
    assert (result.kind, result.cause) == (FailureKind.protocol, HEAD + cause)


async def test_after_an_answer_that_was_cut_the_connection_is_closed() -> None:
    """What is left of it would be read as the next one."""
    first = OK + b"X: y\r\n" * (HEAD_LINES + 1) + b"Content-Length: 2\r\n\r\nok"

    async with Scripted(saying(first, SECOND)) as server, plainly() as sender:
        results = [replied(await attempt(sender, server.url)) for _ in range(2)]

    assert [(result.status, result.truncated) for result in results] == [(200, True), (202, False)]
    assert server.connections == 2


@pytest.mark.parametrize(
    "begins",
    [OK + b"Content-Length: 1073741824\r\n\r\n", OK + b"Content-Length: 18446744073709551615\r\n\r\n", OK + b"\r\n"],
    ids=["a gigabyte", "a length beyond any", "without a length"],
)
async def test_of_a_huge_body_the_cap_is_read(begins: bytes) -> None:
    """The rest stays where it is; what the server could send is what sockets hold, a few megabytes."""
    poured: list[int] = []

    async def meet(client: Client) -> None:
        await client.request()
        client.writer.write(begins)
        poured.append(await client.pour(b"x" * 65536, 1 << 30))

    async with Scripted(meet) as server, plainly() as sender:
        result = replied(await attempt(sender, server.url))

    assert (len(result.body), result.truncated) == (65536, True)
    assert sum(poured) < 16 << 20


@pytest.mark.parametrize(
    ("drips", "status"),
    [
        (b"HTTP/1.1 200 OK\r\nX-Slow: 1\r\n" * 99, 200),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 99, None),
        (b"HTTP/1.1 500 No\r\n\r\n" + b"x" * 999, 500),
    ],
    ids=["head", "interim answers", "body"],
)
async def test_what_drips_ends_with_the_deadline(drips: bytes, status: int | None) -> None:
    """Each byte comes in time, the answer does not: it counts where it has told its status, and is a time-out where not; the
    receiver is hung up on."""
    hung_up = asyncio.Event()

    async def meet(client: Client) -> None:
        await client.request()
        with contextlib.suppress(ConnectionError, RuntimeError):  # The second is uvloop's, where asyncio has the first.
            client.writer.write(drips[:20])
            for place in range(20, len(drips)):
                client.writer.write(drips[place : place + 1])
                await client.writer.drain()
                await asyncio.sleep(0.01)
        hung_up.set()

    async with Scripted(meet) as server, plainly() as sender:
        result = await attempt(sender, server.url, deadline=0.5)
        await hung_up.wait()

    if status is None:
        assert failed(result).kind is FailureKind.timeout
        assert failed(result).cause.startswith("no answer within 0.5 s (connected after 0.")
    else:
        assert (replied(result).status, replied(result).truncated) == (status, True)
