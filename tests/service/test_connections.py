"""Connections over real sockets: what a client may send, how long it may take, and what becomes of one that will not read."""

import asyncio
import logging
from dataclasses import replace

import pytest

from service.server.connection_limits import AHEAD, ConnectionLimits
from service.server.connections import ServerConnection
from tests.service.sockets import LARGE, Opened, rest, said, until

LIMITS = ConnectionLimits(connections=4, timeout=60.0, message_bytes=100_000, interval=0.02)
#: Cut off with the second look or the third.
HASTY = replace(LIMITS, timeout=0.03, connections=100)
HEAD = b"POST /echo HTTP/1.1\r\nHost: x\r\n"


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET /echo?q=" + b"a" * 8300 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
        (b"GET /echo?" + b"a=1&" * 3000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
        (HEAD + b"X: y\r\n" * 101 + b"\r\n", 431),
        (HEAD + b"X: " + b"y" * 33_000 + b"\r\n\r\n", 431),
        (HEAD + b"X" * 33_000 + b": y\r\n\r\n", 431),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc", 400),
        (HEAD + b"X: a\x00b\r\n\r\n", 400),
        (HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", 400),
        (b"GET /echo HTTP/1.1\r\n\r\n", 400),
        (b"GET /echo HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n", 400),
        (b"GET /echo HTTP/1.0\r\nHost: x\r\nhost: y\r\n\r\n", 400),
        (b"GET /echo HTTP/1.1\r\nHost: x y\r\n\r\n", 400),
        (b"GET /echo HTTP/1.1\r\nHost: x/y\r\n\r\n", 400),
        (b"GET /echo HTTP/1.1\r\nHost: user@x\r\n\r\n", 400),
        (b"GET /echo HTTP/1.1\r\nHost: x:80a\r\n\r\n", 400),
        (b"GET /echo\r\n\r\n", 400),
        (b"GET /echo HTTP/0.9\r\nHost: x\r\n\r\n", 400),
    ],
    ids=[
        *("url", "parameters", "headers", "value", "name", "tls", "nul", "smuggled", "lengths"),
        *("no host", "two hosts", "two of HTTP/1.0", "host of two", "host with a path", "host with a user", "no port"),
        *("no version", "HTTP/0.9"),
    ],
)
async def test_bad_heads_reach_no_handler(opened: Opened, sent: bytes, status: int) -> None:
    """A head that is too large or no HTTP is refused in the house's form, reaches no handler, and ends the connection."""
    door = await opened(LIMITS)
    reader, writer = await door.client()

    writer.write(sent)
    answer, headers, body = await said(reader)

    assert (answer, body["httpStatusCode"], headers["connection"]) == (status, status, "close")
    assert {"errorCode", "message", "debugId"} < body.keys()
    assert (await rest(reader), door.heard) == (b"", [])


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1\r\nHost: hooks.example.com:8080",
        b"HTTP/1.1\r\nHost: [2001:db8::1]:80",
        b"HTTP/1.1\r\nHost: a_b-c.%41",
        b"HTTP/1.1\r\nHost:",
        b"HTTP/1.0",
    ],
)
async def test_every_possible_host_is_taken(opened: Opened, head: bytes) -> None:
    """Every Host that may be one is taken, and HTTP/1.0 needs none."""
    door = await opened(LIMITS)
    reader, writer = await door.client()

    writer.write(b"GET /echo " + head + b"\r\n\r\n")

    assert (await said(reader))[0] == 200


ENDLESS = {
    "head": (b"X: ", b"y" * 1000),
    "body": (b"Transfer-Encoding: chunked\r\n\r\n", b"400\r\n" + b"x" * 1024 + b"\r\n"),
    "trailer": (b"Transfer-Encoding: chunked\r\n\r\n0\r\nX: ", b"y" * 1000),
}


@pytest.mark.parametrize("part", ENDLESS)
async def test_endless_requests(opened: Opened, part: str) -> None:
    """Who goes on beyond all that is taken is cut off, however it is cut into pieces and whoever would read it."""
    door = await opened(LIMITS)
    _, writer = await door.client()
    begin, more = ENDLESS[part]

    writer.write(HEAD + begin)
    await until(lambda: bool(door.state.connections))
    sent = 0
    while door.state.connections:
        writer.write(more)
        sent += len(more)
        await asyncio.sleep(0)

    assert 32_000 < sent < 4_000_000
    assert door.heard == []


async def test_trailers_are_no_headers(opened: Opened) -> None:
    """A trailer changes nothing of the request that it follows."""
    door = await opened(LIMITS)
    reader, writer = await door.client()

    writer.write(HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nAuthorization: Bearer x\r\n\r\n")
    first = await said(reader)
    writer.write(HEAD + b"Content-Length: 2\r\n\r\nho")
    second = await said(reader)

    assert (first[0], second[0], door.heard) == (200, 200, [b"hi", b"ho"])


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"", None),
        (b"POST /echo HT", 408),
        (HEAD + b"X: y", 408),
        (HEAD + b"Content-Length: 5\r\n\r\nhel", 408),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n", 408),
    ],
    ids=["silent", "line", "head", "body", "chunks"],
)
async def test_slow_requests(opened: Opened, sent: bytes, status: int | None) -> None:
    """A request that is not there in time is answered 408 and its connection closed; who said nothing is told nothing."""
    door = await opened(HASTY)
    reader, writer = await door.client()

    writer.write(sent)
    told = await said(reader) if status else None

    assert (told and told[0]) == status
    assert await rest(reader) == b""
    assert door.heard == []


@pytest.mark.parametrize("before", [b"", HEAD + b"Content-Length: 2\r\n\r\nhi"], ids=["first", "later"])
@pytest.mark.parametrize("drop", [b"X: y\r\n", b"\r\n"], ids=["lines", "empty"])
async def test_single_bytes_buy_no_time(opened: Opened, before: bytes, drop: bytes) -> None:
    """A byte now and then buys no time: neither for a first head, nor for one after an answer, nor by empty lines."""
    door = await opened(HASTY)
    reader, writer = await door.client()
    writer.write(before)
    if before:
        await said(reader)

    async def drip() -> None:
        writer.write(HEAD if drop != b"\r\n" else b"")
        while True:
            writer.write(drop)
            await asyncio.sleep(0.002)

    dripping = asyncio.create_task(drip())
    await until(lambda: not door.state.connections)
    dripping.cancel()

    assert len(door.heard) == bool(before)


async def test_others_go_on(opened: Opened) -> None:
    """While slow ones are waited for, and after they were cut off, others are served on the connections they keep."""
    door = await opened(replace(HASTY, timeout=0.2))
    reader, writer = await door.client()
    slow, slow_writer = await door.client()
    slow_writer.write(HEAD)

    served = 0
    while len(door.state.connections) == 2:
        writer.write(HEAD + b"Content-Length: 2\r\n\r\nhi")
        served += (await said(reader))[0] == 200
    writer.write(HEAD + b"Content-Length: 2\r\n\r\nho")

    assert (await said(slow))[0] == 408
    assert (await said(reader))[0] == 200
    assert door.heard == [b"hi"] * served + [b"ho"]


async def test_answers_that_nobody_reads(opened: Opened) -> None:
    """A client that does not read its answer loses it, and the connection, after the same time."""
    door = await opened(HASTY)
    reader, writer = await door.client()

    # A stream reads no more than it may buffer while nobody reads from it.
    writer.write(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")

    await until(lambda: bool(door.state.total_requests))
    await until(lambda: not door.state.connections)
    assert len(await rest(reader)) < len(LARGE)


@pytest.mark.parametrize(
    ("connections", "patience"), [(0, 30), (450, 30), (500, 80 / 3), (675, 15), (840, 4), (899, 2), (950, 2)]
)
def test_patience_shrinks_as_places_fill(connections: int, patience: float) -> None:
    """All the time while half of the places are free; then the fuller the shorter, and never less than two seconds."""
    limits = ConnectionLimits(connections=900, timeout=30.0, message_bytes=1)

    assert limits.patience(connections) == pytest.approx(patience)


async def test_a_request_before_a_broken_one(opened: Opened) -> None:
    """What arrived whole is answered, though what follows it on the connection is no HTTP; then the connection ends."""
    door = await opened(LIMITS)
    reader, writer = await door.client()

    writer.write(HEAD + b"Content-Length: 2\r\n\r\nhi" + b"\x00\x00")
    answer = await said(reader)

    assert (answer[0], answer[1]["connection"], door.heard) == (200, "close", [b"hi"])
    assert await rest(reader) == b""


async def test_who_leaves_is_no_defect(opened: Opened, caplog: pytest.LogCaptureFixture) -> None:
    """A client that goes away in the middle of its body leaves nothing in the log."""
    door = await opened(LIMITS)
    _, writer = await door.client()
    writer.write(HEAD + b"Content-Length: 5\r\n\r\nhel")
    await until(lambda: bool(door.state.tasks))

    writer.transport.abort()
    await until(lambda: not door.state.connections and not door.state.tasks)

    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_an_answer_before_the_body(opened: Opened) -> None:
    """A connection whose request was answered before it had ended rests as any other, and is used again."""
    door = await opened(HASTY)
    reader, writer = await door.client()
    writer.write(b"POST /refusing HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhel")
    refused = await said(reader)

    writer.write(b"lo")
    await asyncio.sleep(HASTY.interval * 10)
    writer.write(HEAD + b"Content-Length: 2\r\n\r\nhi")

    assert (refused[0], (await said(reader))[0], door.heard) == (401, 200, [b"hi"])


async def test_requests_sent_ahead(opened: Opened) -> None:
    """Of requests that follow each other without waiting so many are kept: those are answered, and the connection ends."""
    door = await opened(LIMITS)
    reader, writer = await door.client()

    writer.write(b"GET /gate HTTP/1.1\r\nHost: x\r\n\r\n" + (HEAD + b"Content-Length: 2\r\n\r\nhi") * 500)
    await until(lambda: bool(door.state.tasks))
    [connection] = door.state.connections
    assert isinstance(connection, ServerConnection)
    await until(lambda: len(connection.pipeline) == AHEAD)
    door.gate.set()
    answers = [(await said(reader))[0] for _ in range(AHEAD + 1)]

    assert answers == [200] * (AHEAD + 1)
    assert (await rest(reader), len(door.heard)) == (b"", AHEAD)
