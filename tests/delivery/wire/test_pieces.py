"""Answers that are cheap to send and dear to read: what is read of them, counted in calls of the parser."""

import pytest

from delivery.wire.answers import HEAD_LINES, INTERIM, PIECES, Answer, NotHttp, Reader
from delivery.wire.sender import FailureKind
from tests.delivery.wire.attempts import attempt, failed, replied
from tests.delivery.wire.scripted import Scripted, plainly, then_closing

ON_BOTH_LOOPS = True

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
EARLY = b"HTTP/1.1 103 Early Hints\r\n\r\n"
CAP = 65536


class Counting(Reader):
    """A reader that counts what its parser calls."""

    calls = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        self.calls += 1
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self.calls += 1
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self.calls += 1
        super().on_body(body)


def read(*arrivals: bytes) -> tuple[Answer, int, int]:
    """The answer, how many calls it took, and how many arrivals."""
    reader = Counting()
    reader.begin(CAP)
    taken = next((number for number, data in enumerate(arrivals, 1) if reader.feed(data)), 0)
    assert taken, "the answer is not there"
    assert reader.spent
    return reader.answer(), reader.calls, taken


@pytest.mark.parametrize(
    ("raw", "most", "body"),
    [
        (CHUNKED + b"1\r\nx\r\n" * CAP + b"0\r\n\r\n", PIECES, PIECES),
        (CHUNKED + b"20\r\n" + b"x" * 32 + b"\r\n" + b"1\r\nx\r\n" * (2 * CAP), PIECES, PIECES + 31),
        (CHUNKED + b"2\r\nok\r\n0\r\n" + b"a:b\r\n" * 50_000 + b"\r\n", HEAD_LINES, 2),
        (EARLY * 1500 + OK + b"Content-Length: 2\r\n\r\nok", INTERIM, 0),
    ],
    ids=["chunks", "a chunk and chunks", "trailers", "interim answers"],
)
def test_one_arrival(raw: bytes, most: int, body: int) -> None:
    """Chunks of a byte, lines of trailers and interim answers have a bound each: beyond it nothing more is parsed, and the
    status that came counts."""
    answer, calls, _ = read(raw)

    assert (answer.status, len(answer.body), answer.truncated) == (200, body, True)
    assert calls <= most + 5


@pytest.mark.parametrize(
    ("begins", "drop"),
    [
        (OK + b"Content-Length: 60000\r\n\r\n", b"x"),
        (CHUNKED + b"1;", b"x"),
        (OK + b"X: ", b"y"),
    ],
    ids=["body", "extension of a chunk", "head"],
)
def test_a_byte_at_a_time(begins: bytes, drop: bytes) -> None:
    """Of an answer that comes a byte at a time so many arrivals are read."""
    answer, _, arrivals = read(begins, *[drop] * 60_000)

    assert (answer.status, answer.truncated, arrivals) == (200, True, PIECES + 1)


@pytest.mark.parametrize(
    ("arrivals", "cause"),
    [
        ([EARLY] * 1500, f"more than {INTERIM} interim answers came before it"),
        ([EARLY * 500], f"more than {INTERIM} interim answers came before it"),
        ([b"\r\n"] * (PIECES + 1), f"it came in more than {PIECES} pieces"),
    ],
)
def test_without_a_status_there_is_none(arrivals: list[bytes], cause: str) -> None:
    """What goes beyond a bound before it has said its status is no answer, and is told why."""
    reader = Reader()
    reader.begin(CAP)

    with pytest.raises(NotHttp, match=cause):
        any(map(reader.feed, arrivals))


def test_as_many_as_may_be() -> None:
    """An answer at the bounds is whole."""
    reader = Reader()
    reader.begin(CAP)

    assert reader.feed(
        EARLY * INTERIM + CHUNKED + b"1\r\nx\r\n" * PIECES + b"0\r\n" + b"a: b\r\n" * HEAD_LINES + b"\r\n"
    )
    assert (reader.answer().body, reader.answer().truncated, reader.spent) == (b"x" * PIECES, False, False)


async def test_over_a_connection() -> None:
    """The attempt that met such an answer is answered by its status; the one that met interim answers alone failed,
    and says so."""
    async with Scripted(then_closing(CHUNKED + b"1\r\nx\r\n" * CAP + b"0\r\n\r\n")) as server, plainly() as sender:
        cut = replied(await attempt(sender, server.url))
    async with Scripted(then_closing(EARLY * 100)) as server, plainly() as sender:
        result = failed(await attempt(sender, server.url))

    assert (cut.status, cut.body, cut.truncated) == (200, b"x" * PIECES, True)
    assert result.kind is FailureKind.protocol
    assert result.cause == f"the answer is not HTTP: more than {INTERIM} interim answers came before it"
