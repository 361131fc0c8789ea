"""Offers of another protocol, and questions before a body: what is not wanted is passed over, and no body is lost by it."""

import asyncio
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from service.app import build
from service.server.connection_limits import ConnectionLimits
from service.services import Services
from subscriptions.access.clients import Role
from tests.service.callers import Callers
from tests.service.sockets import Opened, rest, said, until

LIMITS = ConnectionLimits(connections=20, timeout=60.0, message_bytes=1_000_000)
HEAD = b"POST /echo HTTP/1.1\r\nHost: x\r\n"
#: As the JDK, curl, browsers and the RFC offer it.
OFFERS = {
    "h2c": b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n",
    "websocket": b"Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\nSec-WebSocket-Version: 13\r\n",
    "tls": b"Connection: upgrade\r\nUpgrade: TLS/1.0\r\n",
    "anything": b"Upgrade: a, b/2\r\nConnection: Upgrade\r\nExpect: 100-continue\r\n",
}
BODIES = {
    "length": (b"Content-Length: 12\r\n\r\n", b"hello, world"),
    "chunks": (b"Transfer-Encoding: chunked\r\n\r\n", b"7\r\nhello, \r\n5\r\nworld\r\n0\r\nX: y\r\n\r\n"),
}
TYPE = "com.hpe.greenlake.compute-ops.v1.servers.rebooted"
PATH = "/events/v1beta1/cloudevents"


@pytest.mark.parametrize("offer", OFFERS)
@pytest.mark.parametrize("framed", BODIES)
@pytest.mark.parametrize("cut", ["whole", "later", "bytes"])
async def test_an_offer_is_passed_over(opened: Opened, offer: str, framed: str, cut: str) -> None:
    """An upgrade that is not wanted changes nothing of its request (RFC 9110, 7.8), however the request is cut into pieces."""
    door = await opened(LIMITS)
    reader, writer = await door.client()
    head, body = BODIES[framed]
    sent = HEAD + OFFERS[offer] + head + body
    end = len(sent) - len(body)
    pieces = {"whole": [sent], "later": [sent[:end], sent[end:]], "bytes": [sent[n : n + 1] for n in range(len(sent))]}

    for piece in pieces[cut]:
        writer.write(piece)
        if cut == "later":
            await until(lambda: bool(door.state.tasks) or bool(door.heard))
        elif cut == "bytes":
            await asyncio.sleep(0)
    first = await told(reader)
    writer.write(HEAD + b"Content-Length: 2\r\n\r\nho")
    second = await told(reader)

    assert (first, second) == (200, 200)
    assert door.heard == [b"hello, world", b"ho"]


async def test_offers_in_a_row(opened: Opened) -> None:
    """Requests that follow each other in one segment keep a body each, with an offer or without, with a body or without."""
    door = await opened(LIMITS)
    reader, writer = await door.client()
    offering = HEAD + OFFERS["h2c"] + b"Content-Length: 2\r\n\r\n"
    empty = b"GET /echo HTTP/1.1\r\nHost: x\r\n" + OFFERS["tls"] + b"\r\n"

    writer.write(offering + b"h0" + empty + HEAD + b"Content-Length: 2\r\n\r\nh1" + offering + b"h2")
    answers = [await told(reader) for _ in range(4)]

    assert answers == [200] * 4
    assert door.heard == [b"h0", b"", b"h1", b"h2"]


@pytest.mark.parametrize(
    ("framing", "body"),
    [
        (b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n"),
        (b"Content-Length: 2\r\nContent-Length: 3\r\n", b"hi"),
        (b"Transfer-Encoding: gzip\r\n", b"hi"),
        (b"Transfer-Encoding: chunked\r\n", b"x\r\n"),
    ],
    ids=["both", "two lengths", "unframed", "no chunk"],
)
async def test_no_way_around_the_framing(opened: Opened, framing: bytes, body: bytes) -> None:
    """What is refused without an offer is refused with one."""
    door = await opened(LIMITS)
    reader, writer = await door.client()

    writer.write(HEAD + OFFERS["h2c"] + framing + b"\r\n" + body)

    assert (await said(reader))[0] == 400
    assert (await rest(reader), door.heard) == (b"", [])


async def test_an_offer_buys_no_bytes(opened: Opened) -> None:
    """A body after an offer has the same limit as any."""
    door = await opened(replace(LIMITS, message_bytes=1000))
    reader, writer = await door.client()

    writer.write(HEAD + OFFERS["h2c"] + b"Content-Length: 5000\r\n\r\n")
    await until(lambda: bool(door.state.tasks))
    writer.write(b"x" * 1500)

    assert (await said(reader))[0] == 413


OTHERS = {
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", 505),
    "HTTP/2 in a request": (b"POST /echo HTTP/2.0\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi", 505),
    "HTTP/3": (b"GET /echo HTTP/3.0\r\nHost: x\r\n\r\n", 505),
    "HTTP/1.2": (b"GET /echo HTTP/1.2\r\nHost: x\r\n\r\n", 505),
    "a tunnel": (b"CONNECT x:80 HTTP/1.1\r\nHost: x:80\r\n\r\nGET /echo HTTP/1.1\r\nHost: x\r\n\r\n", 501),
    "a tunnel with a body": (b"CONNECT x:80 HTTP/1.1\r\nHost: x:80\r\nContent-Length: 2\r\n\r\nhi", 501),
}


@pytest.mark.parametrize("other", OTHERS)
async def test_what_is_not_spoken(opened: Opened, other: str) -> None:
    """Another version and a tunnel are refused in HTTP/1.1, in the house's form; nothing that follows is read as a request."""
    door = await opened(LIMITS)
    reader, writer = await door.client()
    sent, status = OTHERS[other]

    writer.write(sent)
    answer, headers, body = await said(reader)

    assert (answer, body["httpStatusCode"], headers["connection"]) == (status, status, "close")
    assert (await rest(reader), door.heard) == (b"", [])


async def test_a_question_before_the_body(opened: Opened) -> None:
    """Who asks before it sends is told to go on, and the connection goes on after its answer."""
    door = await opened(LIMITS)
    reader, writer = await door.client()

    for _ in range(2):
        writer.write(HEAD + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"hi")
        status, headers, _ = await said(reader)
        assert (status, headers.get("connection")) == (200, None)

    assert door.heard == [b"hi", b"hi"]


async def test_a_question_that_is_refused(opened: Opened) -> None:
    """Whose body is not wanted need not send it: the connection ends, so that no next request is read as that body."""
    door = await opened(LIMITS)
    reader, writer = await door.client()

    writer.write(b"POST /refusing HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 40\r\n\r\n")
    status, headers, _ = await said(reader)
    writer.write(HEAD + b"Content-Length: 2\r\n\r\nhi")

    assert (status, headers["connection"]) == (401, "close")
    assert (await rest(reader), door.heard) == (b"", [])


@pytest.mark.parametrize(
    "sent",
    [
        b"POST /echo HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi",
        HEAD + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\nhi",
        HEAD + b"Expect: 100-continue\r\n\r\n",
    ],
    ids=["HTTP/1.0", "body sent", "no body"],
)
async def test_a_question_without_need(opened: Opened, sent: bytes) -> None:
    """HTTP/1.0 knows no such answer, and a body that is there needs none (RFC 9110, 10.1.1)."""
    door = await opened(LIMITS)
    reader, writer = await door.client()

    writer.write(sent)

    assert (await said(reader))[0] == 200
    assert len(door.heard) == 1


async def told(reader: asyncio.StreamReader) -> int:
    """The status of an answer, those that only say "go on" left out."""
    async with asyncio.timeout(10):
        while (status := int((await reader.readline()).split()[1])) == 100:
            await reader.readline()
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        await reader.readexactly(int(head.partition("content-length: ")[2].split("\r\n")[0]))
    return status


@pytest.fixture
async def url(opened: Opened, services: Services) -> str:
    """The API on a socket."""
    app = build(lambda: pytest.fail("this server runs no lifespan"))
    app.state.services = services
    host, port = (await opened(LIMITS, app)).address
    return f"http://{host}:{port}{PATH}"


@pytest.fixture
async def authorization(callers: Callers) -> str:
    """The header of a publisher."""
    return (await callers.headers(Role.PUBLISHER))["Authorization"]


async def kept(services: Services) -> dict[str, str]:
    async with services.database.raw() as connection:
        events = [json.loads(row["body"]) for row in await connection.fetch("SELECT body FROM events")]
    return {event["id"]: event["data"]["text"] for event in events}


async def printed(*command: str, given: str) -> str:
    """What a program prints that is given a text: command lines can be read by everybody."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, stderr=pipe)
    output, errors = await process.communicate(given.encode())
    assert process.returncode == 0, errors.decode()
    return output.decode()


@pytest.mark.skipif(shutil.which("java") is None, reason="there is no Java on this machine")
async def test_the_jdk_publishes(url: str, authorization: str, services: Services) -> None:
    """The HttpClient of the JDK, which offers an upgrade by itself, publishes CloudEvents in binary mode with all their data."""
    source = Path(__file__).with_name("Publish.java")

    output = await printed("java", "-XX:TieredStopAtLevel=1", str(source), url, TYPE, given=authorization)

    assert output.split() == ["202"] * 3
    assert await kept(services) == {name: name * 10000 for name in ("plain", "kept", "asked")}


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl on this machine")
async def test_curl_publishes(url: str, authorization: str, services: Services) -> None:
    """So does `curl --http2`, with small bodies and with one that it asks about before it sends it."""
    config = f'header = "Authorization: {authorization}"'
    ce = {"ce-specversion": "1.0", "ce-source": "//curl", "ce-type": TYPE, "Content-Type": "application/json"}
    headers = [each for name, value in ce.items() for each in ("-H", f"{name}: {value}")]
    asking = {"short": "", "asked": "Expect: 100-continue"}

    outputs = [
        await printed(
            *("curl", "-s", "--http2", "-K", "-", "-o", "/dev/null", "-w", "%{http_code}"),
            *(*headers, "-H", f"ce-id: {name}", "-H", expect or "Expect:"),
            *("-d", json.dumps({"text": name * 5000}), url),
            given=config,
        )
        for name, expect in asking.items()
    ]

    assert outputs == ["202"] * 2
    assert await kept(services) == {name: name * 5000 for name in asking}
