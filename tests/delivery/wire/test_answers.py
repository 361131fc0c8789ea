"""What is kept of the answers of a real receiver, odd, huge and hostile ones among them."""

import asyncio
import gzip
import resource
import zlib

import pytest

from delivery.wire.transport import TransportLimits
from tests.delivery.wire.attempts import attempt, once, opened, replied
from tests.receiver import Answer, Receiver


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_not_followed(receiver: Receiver, status: int) -> None:
    """The redirect is the answer, and its target is never asked (cloudevents.md W2)."""
    answer = Answer(status=status, headers=(("Location", receiver.url("/elsewhere")),))
    result = await once(receiver, answer)

    assert replied(result).status == status
    assert [request.path for request in receiver.requests] == ["/hook"]


async def test_cookies_are_not_kept(receiver: Receiver) -> None:
    """What one answer sets, no later request carries."""
    receiver.plan("/hook", Answer(headers=(("Set-Cookie", "session=1; Path=/"),)))
    async with opened(receiver.ca) as sender:
        await attempt(sender, receiver.url(host="localhost"))
        await attempt(sender, receiver.url(host="localhost"))

    assert [request.header("cookie") for request in receiver.requests] == ["", ""]


@pytest.mark.parametrize("tls", [True, False])
async def test_a_huge_body_is_cut_at_the_cap(tls: bool) -> None:
    """Of a gigabyte 64 KiB are kept, memory hardly grows, and the receiver is hung up on."""
    async with Receiver(tls=tls) as receiver, opened(receiver.ca) as sender:
        await attempt(sender, receiver.url())
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        receiver.plan("/hook", *[Answer(act="huge") for _ in range(4)])
        results = await asyncio.gather(*[attempt(sender, receiver.url()) for _ in range(4)])
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    assert [(len(replied(result).body), replied(result).truncated) for result in results] == [(65536, True)] * 4
    assert after - before < 64 * 1024


async def test_a_gzip_bomb_is_cut_at_the_cap(receiver: Receiver) -> None:
    """256 MB packed a thousandfold unpack to the cap and no further."""
    result = await once(receiver, Answer(act="bomb"))

    assert (replied(result).body, replied(result).truncated) == (bytes(65536), True)


@pytest.mark.parametrize(
    ("encoding", "packed", "body"),
    [
        ("gzip", gzip.compress(b"plain", mtime=0), b"plain"),
        ("deflate", zlib.compress(b"plain"), b"plain"),
        ("Deflate", zlib.compress(b"plain")[2:-4], b"plain"),
        ("gzip", b"not gzip at all", b"not gzip at all"),
        ("br", b"\x0b\x02\x80plain\x03", b"\x0b\x02\x80plain\x03"),
        ("identity", b"plain", b"plain"),
        ("gzip", b"", b""),
    ],
)
async def test_a_compressed_answer_is_unpacked(receiver: Receiver, encoding: str, packed: bytes, body: bytes) -> None:
    """We ask for none, and read the usual ones; what cannot be unpacked stays as it came."""
    result = await once(receiver, Answer(headers=(("Content-Encoding", encoding),), body=packed))

    assert (replied(result).body, replied(result).truncated) == (body, False)


async def test_a_body_as_long_as_the_cap_is_whole(receiver: Receiver) -> None:
    """Truncated means that something is missing."""
    exact = await once(receiver, Answer(body=b"x" * 100), limits=TransportLimits(body_bytes=100))
    longer = await once(receiver, Answer(body=b"x" * 101), limits=TransportLimits(body_bytes=100))

    assert (len(replied(exact).body), replied(exact).truncated) == (100, False)
    assert (len(replied(longer).body), replied(longer).truncated) == (100, True)


async def test_any_bytes_in_an_answer_are_kept(receiver: Receiver) -> None:
    """NUL and invalid UTF-8 are the receiver's business, in the body and, but for NUL, in headers."""
    result = await once(receiver, Answer(headers=(("X-Name", "caf\xe9"),), body=b"\x00\xff\xfe\xed\xa0\x80"))

    assert replied(result).body == b"\x00\xff\xfe\xed\xa0\x80"
    assert ("X-Name", "café") in replied(result).headers


async def test_many_headers_are_cut_but_not_the_decisive_ones(receiver: Receiver) -> None:
    """16 KiB of headers are kept; `Retry-After` behind them still counts."""
    many = tuple((f"X-{number}", "y" * 2000) for number in range(20))
    result = await once(receiver, Answer(status=503, headers=(*many, ("Retry-After", "7"))))

    assert ("Retry-After", "7") in replied(result).headers
    assert sum(len(name) + len(value) for name, value in replied(result).headers) < 16384 + 200
    assert replied(result).truncated


@pytest.mark.parametrize(
    ("raw", "status", "body"),
    [
        (
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
            200,
            b"ok",
        ),
        (b"HTTP/1.1 200 OK\r\n\r\nuntil the end", 200, b"until the end"),
        (b"HTTP/1.0 200\r\n\r\nold", 200, b"old"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Trailer: 1\r\n\r\n", 200, b"ok"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nxyz", 101, b""),
        (b"HTTP/1.1 799 Odd\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", 799, b""),
    ],
)
async def test_oddities_of_http_are_read(receiver: Receiver, raw: bytes, status: int, body: bytes) -> None:
    """Interim answers, no length, chunks with trailers, a switch of protocols, an answer too many."""
    result = await once(receiver, Answer(act="raw", body=raw))

    assert (replied(result).status, replied(result).body) == (status, body)
