"""Answers in HTTP/1.1, read piece by piece as they come and bounded in size: of each its status, headers and body.

Connections and deadlines are left to `exchange`, what an answer means to `sender` and its kin.

The parser is llhttp (Node's), which refuses what two parsers could read differently. It is lenient where strictness would
only send again what has arrived: odd characters in values, folded lines, ends of lines without a carriage return. For the same
reason an answer counts from its status line on: one that goes beyond a bound is cut there, and its connection closed.
"""

from typing import NamedTuple

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

#: Bytes of an answer's head that are read, those of interim answers and empty lines before it included.
HEAD_BYTES = 65536
#: Header lines of an answer.
HEAD_LINES = 128
#: What is read of a body for each byte of its cap: a byte in a chunk of its own takes six, and extensions and trailers
#: have no end.
FRAMING = 8

_SWITCHING = 101


class NotHttp(Exception):
    """What came is no answer in HTTP/1; its text says why, `within` whether the head was fine."""

    def __init__(self, why: str, *, within: bool = False) -> None:
        super().__init__(why)
        self.within = within


class Answer(NamedTuple):
    """An answer as it came, still compressed if it was."""

    #: 100-999.
    status: int
    #: Those of its head, in order.
    headers: list[tuple[bytes, bytes]]
    #: Cut at the cap.
    body: bytes
    #: Whether there was more, or may have been.
    truncated: bool


class Reader:
    """Reads what comes over one connection; `begin` before each answer."""

    def __init__(self) -> None:
        #: Whether any of the answer has come.
        self.begun = False
        #: Whether it is over: nothing can be read from this connection any more.
        self.spent = False
        self._parser = HttpResponseParser(self)
        self._parser.set_dangerous_leniencies(
            lenient_headers=True, lenient_optional_cr_before_lf=True, lenient_spaces_after_chunk_size=True
        )
        self.begin(0)

    def begin(self, cap: int) -> None:
        """What comes from now on is a new answer, of whose body `cap` bytes are kept."""
        self.begun = self._whole = self._cut = self._named = False
        self._cap = cap
        #: 0 until the answer's own head is there.
        self._status = 0
        #: Bytes that may still come.
        self._room = HEAD_BYTES
        self._headers: list[tuple[bytes, bytes]] = []
        self._body: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> bool:
        """Reads on; whether the answer is there, or as much of it as is kept. Raises NotHttp."""
        self.begun = True
        while len(data) > self._room and not self._whole:
            if self._room == 0:
                self._stop(f"its head is over {HEAD_BYTES} bytes")
                break
            piece, data = data[: self._room], data[self._room :]
            self._read(piece)
        if not self._whole:
            self._read(data)
        elif data:
            self.spent = True
        return self._whole

    def end(self) -> bool:
        """The connection has ended: whether the answer has too, as one does that says nothing of its length."""
        self.spent = True
        said = {name.lower(): value.lower().rstrip() for name, value in self._headers}
        chunked = said.get(b"transfer-encoding", b"").endswith(b"chunked")
        return self._status > 0 and not chunked and b"content-length" not in said

    def answer(self) -> Answer:
        """What was read, once it is there."""
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        return Answer(self._status, self._headers, body[: self._cap], self._cut or self._size > self._cap)

    def _read(self, data: bytes) -> None:
        self._room -= len(data)
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade:
            self.spent = True
        except HttpParserError as error:
            self.spent = True
            if not self._whole:
                ours = error.__context__
                raise ours if isinstance(ours, NotHttp) else NotHttp(str(error), within=self._status > 0) from None

    def _stop(self, why: str) -> None:
        """Ends the answer at a bound, with what has been read of it; raises NotHttp where that is not even its status."""
        if not self._status:
            # Until its line has been read, the parser tells the status of the answer before.
            status = self._parser.get_status_code() if self._named or self._headers else 0
            if not _last(status):
                raise NotHttp(why)
            self._status = status
        self._whole = self._cut = self.spent = True

    # What the parser calls.

    def on_message_begin(self) -> None:
        """An answer, an interim one, or one too many."""
        if self._whole:
            self.spent = True

    def on_status(self, _: bytes) -> None:
        """The words behind the status, where there are any."""
        self._named = True

    def on_header(self, name: bytes, value: bytes) -> None:
        """A line of the head, or of a trailer."""
        if self._status:
            return
        if len(self._headers) == HEAD_LINES:
            self._stop(f"its head has more than {HEAD_LINES} lines")
            return
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        """The end of a head."""
        if self._status:
            return
        status = self._parser.get_status_code()
        if status < 100:
            raise NotHttp(f"its status is {status}")
        if not _last(status):
            self._headers = []
            return
        self._status = status
        self._room += HEAD_BYTES + FRAMING * self._cap

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        if not self._whole:
            self._body.append(body)
            self._size += len(body)
            if self._size > self._cap:
                self._whole = self.spent = True

    def on_message_complete(self) -> None:
        """The end of an answer, or of an interim one."""
        if self._status and not self._whole:
            self._whole = True
            self.spent = not self._parser.should_keep_alive()


def _last(status: int) -> bool:
    """Whether no other answer to the same request follows one of this status."""
    return status >= 200 or status == _SWITCHING
