"""Answers in HTTP/1.1, read piece by piece as they come and bounded in size: of each its status, headers and body.

Connections and deadlines are left to `exchange`, what an answer means to `sender` and its kin.

The parser is llhttp (Node's), which refuses what two parsers could read differently. It is lenient where strictness would
only send again what has arrived: odd characters in values, folded lines, ends of lines without a carriage return. For the same
reason an answer counts from its status line on (RFC 9110 15.3): one that goes beyond a bound, breaks off, stalls or is
misframed is cut there, and its connection closed.
"""

import re
from typing import NamedTuple, NoReturn

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

#: Bytes of an answer's head that are read, those of interim answers and empty lines before it included.
HEAD_BYTES = 65536
#: Header lines of an answer.
HEAD_LINES = 128
#: What is read of a body for each byte of its cap: a byte in a chunk of its own takes six, and extensions and trailers
#: have no end.
FRAMING = 8
#: Interim answers before an answer.
INTERIM = 32
#: Pieces that an answer is read in: so many chunks of its body, and so many arrivals. Each costs a call, however small it is.
PIECES = 4096

_SWITCHING = 101
# Empty lines and interim answers, which llhttp has read by then.
_BEFORE = re.compile(rb"(?:\r?\n|HTTP/1\.[01] 1(?!01)\d\d[^\n]*\n(?:[^\r\n][^\n]*\n)*\r?\n)*+")
#: How a server of TLS answers what is none (RFC 8446 5.1), and what is said of it.
_ALERT = b"\x15\x03"
TLS = "it is TLS, so the URL may have to begin with https"
_STATUS = re.compile(rb"HTTP/1\.[01] (\d\d\d)[ \r\n]")
_END = re.compile(rb"\n\r?\n")
_LENGTH = re.compile(rb"(?im)^content-length:[ \t]*([^\r\n]*)\r?\n(?![ \t])")
_CODING = re.compile(rb"(?im)^transfer-encoding:")


class NotHttp(Exception):
    """What came is no answer in HTTP/1, not even a status; its text says why."""


class _Enough(Exception):
    """Leaves the parser, which would call for all that has come with the rest."""


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
        #: It holds this reader in turn, until that is closed.
        self._parser = _parser(self)
        self.let_go()
        self.begin(0)

    def begin(self, cap: int) -> None:
        """What comes from now on is a new answer, of whose body `cap` bytes are kept."""
        self.begun = self._whole = self._cut = False
        self._cap = cap
        #: 0 until the answer's own head is there.
        self._status = 0
        #: Bytes that may still come.
        self._room = HEAD_BYTES
        #: Arrivals, interim answers and lines of trailers.
        self._arrivals = self._interim = self._trailers = 0

    def let_go(self) -> None:
        """What was read is the caller's: a connection that is kept holds none of it."""
        #: What came until the head was there.
        self._raw = bytearray()
        #: Where in it the head begins that is read anew (`_agree`).
        self._anew: int | None = None
        self._headers: list[tuple[bytes, bytes]] = []
        self._body: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> bool:
        """Reads on; whether the answer is there, or as much of it as is kept. Raises NotHttp."""
        self.begun = True
        self._arrivals += 1
        if self._arrivals > PIECES and not self._whole:
            self._stop(f"it came in more than {PIECES} pieces")
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

    def end(self, *, closed: bool) -> bool:
        """Nothing more comes, for the connection is `closed`, or not in time: whether there is an answer.

        It is cut, unless it is one that says nothing of its length, which the end of the connection ends.
        """
        self.spent = True
        if not self._whole:
            said = {name.lower(): value.lower().rstrip() for name, value in self._headers}
            chunked = said.get(b"transfer-encoding", b"").endswith(b"chunked")
            self._cut = not closed or not self._status or chunked or b"content-length" in said
            self._status = self._status or self._told()
            self._whole = self._status > 0
        return self._whole

    def answer(self) -> Answer:
        """What was read, once it is there."""
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        return Answer(self._status, self._headers, body[: self._cap], self._cut or self._size > self._cap)

    def close(self) -> None:
        """Nothing is read any more; what has been can be asked for. Unclosed, it would be left to who seeks garbage."""
        del self._parser

    def _read(self, data: bytes) -> None:
        self._room -= len(data)
        if not self._status:
            self._raw += data
        if self._anew is None or self._status:
            self._parse(data)
        else:
            self._agree(self._anew, len(self._raw) - len(data))

    def _parse(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade:
            self.spent = True
        except HttpParserError as error:
            self.spent = True
            if isinstance(error.__context__, NotHttp):
                raise error.__context__ from None
            if self._whole:
                return
            if not self._status and self._anew is None and "Content-Length" in str(error) and self._told():
                self._anew = begins = self._begins()
                self._agree(begins, begins)
            else:
                self._stop(str(error))

    def _agree(self, begins: int, known: int) -> None:
        """Reads a head, once it is whole, whose lengths llhttp refuses though RFC 9112 6.3 finds one meaning in them.

        A length that is said several times is that length, and none counts beside a transfer coding; of the lines no more
        is kept than counts. `known`: where in what came the new begins.
        """
        found = _END.search(self._raw, max(begins, known - 2))
        if found is None:
            return
        head, rest = bytes(self._raw[begins : found.end()]), bytes(self._raw[found.end() :])
        lengths = {length.strip() for value in _LENGTH.findall(head) for length in value.split(b",")}
        plain = _LENGTH.sub(b"", head)
        if not _CODING.search(plain):
            if len(lengths) != 1:
                self._stop("its lengths contradict each other")
                return
            line, _, others = plain.partition(b"\n")
            plain = b"%b\nContent-Length: %b\r\n%b" % (line, *lengths, others)
        self._parser, self._headers = _parser(self), []
        self._parse(plain)
        if rest and not self._whole:
            self._parse(rest)

    def _begins(self) -> int:
        found = _BEFORE.match(self._raw)
        return found.end() if found else 0

    def _told(self) -> int:
        """The status that was told so far, 0 for none."""
        found = _STATUS.match(self._raw, self._begins())
        status = int(found[1]) if found else 0
        return status if _last(status) else 0

    def _stop(self, why: str) -> None:
        """Ends the answer here, with what has been read of it; raises NotHttp where that is not even its status."""
        self._status = self._status or self._told()
        if not self._status:
            raise NotHttp(TLS if self._raw.startswith(_ALERT) else why)
        self._whole = self._cut = self.spent = True

    def _leave(self, why: str) -> NoReturn:
        """Stops, and the parser with it."""
        self._stop(why)
        raise _Enough

    # What the parser calls.

    def on_message_begin(self) -> None:
        """An answer, an interim one, or one too many."""
        if self._whole:
            self.spent = True

    def on_header(self, name: bytes, value: bytes) -> None:
        """A line of the head, or of a trailer."""
        if self._status:
            self._trailers += 1
            if self._trailers > HEAD_LINES:
                self._leave(f"its trailer has more than {HEAD_LINES} lines")
            return
        if len(self._headers) == HEAD_LINES:
            self._leave(f"its head has more than {HEAD_LINES} lines")
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
            self._interim += 1
            if self._interim > INTERIM:
                self._leave(f"more than {INTERIM} interim answers came before it")
            return
        self._status = status
        self._room += HEAD_BYTES + FRAMING * self._cap

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        if not self._whole:
            if len(self._body) == PIECES:
                self._leave(f"its body has more than {PIECES} chunks")
            self._body.append(body)
            self._size += len(body)
            if self._size > self._cap:
                self._whole = self.spent = True
                raise _Enough

    def on_message_complete(self) -> None:
        """The end of an answer, or of an interim one."""
        if self._status and not self._whole:
            self._whole = True
            self.spent = self._anew is not None or not self._parser.should_keep_alive()


def _parser(reader: Reader) -> HttpResponseParser:
    parser = HttpResponseParser(reader)
    parser.set_dangerous_leniencies(
        lenient_headers=True, lenient_optional_cr_before_lf=True, lenient_spaces_after_chunk_size=True
    )
    return parser


def _last(status: int) -> bool:
    """Whether no other answer to the same request follows one of this status."""
    return status >= 200 or status == _SWITCHING
