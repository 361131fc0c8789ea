"""JSON as text: validates strictly and makes compact without touching a number, a key or their order.

What a member means is left to its reader; this file knows the grammar (RFC 8259) and nothing of events.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NoReturn

import msgspec

from subscriptions.events import json_bounds
from subscriptions.events.sizes import bounded
from subscriptions.ground.errors import Issue, Malformed

#: Containers within containers; deeper input is refused. Receivers' parsers stop somewhere too.
MAX_DEPTH = 64
#: What is wrong where JSON should be and nothing is.
EMPTY = "is empty: JSON is expected"

#: The explanation of an error costs up to a microsecond a byte; of larger input only the position is told.
_EXPLAINED = 32 * 1024

_ESCAPED_ASCII = re.compile(rb"\\u00[0-7]")
_TOKEN = re.compile(
    rb"[ \t\n\r]*+(?:(?P<punctuation>[{}\[\]:,])"
    rb'|(?P<string>"(?:[^"\\\x00-\x1f]++|\\.)*+")'
    rb"|(?P<number>-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?)"
    rb"|(?P<word>true|false|null))"
)
_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
_SPACE = b" \t\n\r"


# A float decodes to its own spelling, so that encoding writes it back to the letter.
_decoder = msgspec.json.Decoder(float_hook=msgspec.Raw)
_encoder = msgspec.json.Encoder()
_plain_decoder = msgspec.json.Decoder()
_members_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])


def compact(raw: bytes, *, root: str = "body") -> bytes:
    """The same JSON without insignificant white space, raw UTF-8, numbers and key order untouched (greenlake.md D.5).

    Of escapes only `\\"`, `\\\\` and those of control characters stay. Raises Malformed, naming path (under `root`) and
    position, for all that RFC 8259 forbids, a duplicate key, a lone surrogate, a byte order mark, more than MAX_DEPTH
    levels, an integer of more than `json_bounds.MAX_DIGITS` digits. A kilobyte takes about 7 microseconds as sent by us, 10
    with white space.
    """
    json_bounds.integers(raw, root=root)
    try:
        value = _decoder.decode(raw)
    except _UNREADABLE as error:
        return _slowly(raw, root, _position(error))
    text = _encoder.encode(value)
    if text != raw and not _nothing_lost(raw, text):
        written = _rewritten(raw)
        # A dropped member takes its colon along.
        if written.count(b":") != text.count(b":"):
            return _slowly(raw, root, "a key stands twice in its object")
        text = written
    return text if json_bounds.shallow(text, MAX_DEPTH) else _slowly(raw, root, f"more than {MAX_DEPTH} levels deep")


def items(raw: bytes, *, limit: int, longest: int | None = None) -> Iterator[tuple[int, bytes]]:
    """The members of a JSON array, each with its bytes as sent and then compact, read as they are asked for.

    Raises TooLarge for more than `limit` (subject `body`) or one of more than `longest` bytes, before any is looked into;
    Malformed as `compact` does, with paths such as `[3].id`.
    """
    try:
        found = json_bounds.items(raw, limit)
    except _UNREADABLE as error:
        if len(raw) > _EXPLAINED:
            _slowly(raw, "body", _position(error))
        found = json_bounds.items(compact(raw), limit)
    sizes = [len(memoryview(item)) for item in found]
    for index, size in enumerate(sizes):
        bounded(size, longest, root=f"[{index}]")
    return (
        (size, compact(bytes(item), root=f"[{index}]"))
        for index, (size, item) in enumerate(zip(sizes, found, strict=True))
    )


def members(text: bytes) -> dict[str, bytes]:
    """The members of a JSON object that `compact` returned, each as its own text, in order."""
    return {name: bytes(value) for name, value in _members_decoder.decode(text).items()}


def load(text: bytes) -> Any:
    """The value of JSON that `compact` returned. Never raises: numbers beyond Python's own limits become infinite."""
    try:
        return _plain_decoder.decode(text)
    except msgspec.MsgspecError:
        return json.loads(text, parse_int=_integer)


def quote(text: str) -> bytes:
    """A string as a compact JSON string."""
    return _encoder.encode(text)


def _nothing_lost(raw: bytes, text: bytes) -> bool:
    """Whether it is plain that decoding and encoding dropped no duplicate key and no sign of a `-0`.

    A dropped member takes its colon along, a dropped sign its minus; nothing else adds or removes either, except an
    escape that spells an ASCII character: with one of those nothing is plain.
    """
    return (
        raw.count(b":") == text.count(b":")
        and raw.count(b"-") == text.count(b"-")
        and not (b"\\u00" in raw and _ESCAPED_ASCII.search(raw))
    )


def _rewritten(raw: bytes) -> bytes:
    """Valid JSON made compact piece by piece: all that stands between strings is copied, and so keeps its spelling."""
    # No control character stands raw in valid JSON, so that some can stand for what hides where a string ends.
    pieces = raw.replace(rb"\\", b"\1").replace(rb"\"", b"\2").split(b'"')
    # Nor does a NUL, which marks where the strings were while the white space goes in one step.
    pieces[::2] = b"\0".join(pieces[::2]).translate(None, _SPACE).split(b"\0")
    if len(pieces) > 1:
        strings = b'["%b"]' % b'","'.join(pieces[1::2])
        read = _plain_decoder.decode(strings.replace(b"\2", rb"\"").replace(b"\1", rb"\\"))
        pieces[1::2] = _encoder.encode_lines(read).splitlines()
    return b"".join(pieces)


def _slowly(raw: bytes, root: str, known: str) -> bytes:
    if not raw.strip():
        raise Malformed(Issue(subject=root, description=EMPTY))
    if len(raw) > _EXPLAINED:
        raise Malformed(Issue(subject=root, description=f"not JSON as it is taken here: {known}"))
    return _Scan(raw, root).text()


def _position(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "not UTF-8"
    if isinstance(error, RecursionError):
        return f"more than {MAX_DEPTH} levels deep"
    return str(error).removeprefix("JSON is malformed: ")


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) < 4000 else float(digits)


@dataclass(slots=True, kw_only=True)
class _Frame:
    """An open container."""

    #: `}` or `]`.
    closes: bytes
    #: Keys seen so far; stays empty in an array.
    keys: set[str] = field(default_factory=set)
    #: The key or the index of the member being read.
    at: str | int = 0


class _Scan:
    """The definition, token by token at some twenty times the cost: it explains errors."""

    def __init__(self, raw: bytes, root: str = "body") -> None:
        self._raw = raw
        self._root = root
        self._stack: list[_Frame] = []
        self._out: list[bytes] = []

    def text(self) -> bytes:
        expects = "value"
        position = 0
        while match := _TOKEN.match(self._raw, position):
            position = match.end()
            kind = match.lastgroup or ""
            expects = self._step(expects, kind, match[kind], match.start(kind))
        rest = self._raw[position:].lstrip(_SPACE)
        if rest or expects != "end":
            self._unreadable(rest, expects)
        return b"".join(self._out)

    def _step(self, expects: str, kind: str, token: bytes, at: int) -> str:
        """Takes one token; answers what must come next."""
        match expects:
            case "value" | "value or ]" if kind != "punctuation":
                self._out.append(self._string(token, at)[1] if kind == "string" else token)
                return self._after()
            case "value" | "value or ]" if token in (b"{", b"["):
                return self._open(token, at)
            case "key" | "key or }" if kind == "string":
                return self._key(token, at)
            case ":" if token == b":":
                self._out.append(token)
                return "value"
            case ", or ]" | ", or }" if token == b",":
                return self._next()
            case "value or ]" | ", or ]" if token == b"]":
                return self._close(token)
            case "key or }" | ", or }" if token == b"}":
                return self._close(token)
        return self._fail(at, f"{_shown(token)} stands where {_WORDS[expects]} should be")

    def _open(self, token: bytes, at: int) -> str:
        if len(self._stack) == MAX_DEPTH:
            self._fail(at, f"more than {MAX_DEPTH} levels deep")
        self._out.append(token)
        self._stack.append(_Frame(closes=b"}" if token == b"{" else b"]"))
        return "key or }" if token == b"{" else "value or ]"

    def _key(self, token: bytes, at: int) -> str:
        key, text = self._string(token, at)
        frame = self._stack[-1]
        frame.at = key
        if key in frame.keys:
            self._fail(at, "this key stands twice in its object")
        frame.keys.add(key)
        self._out.append(text)
        return ":"

    def _next(self) -> str:
        self._out.append(b",")
        frame = self._stack[-1]
        if frame.closes == b"}":
            # What comes is no part of the member before it.
            frame.at = 0
            return "key"
        assert isinstance(frame.at, int)
        frame.at += 1
        return "value"

    def _close(self, token: bytes) -> str:
        self._stack.pop()
        self._out.append(token)
        return self._after()

    def _after(self) -> str:
        return f", or {self._stack[-1].closes.decode()}" if self._stack else "end"

    def _string(self, token: bytes, at: int) -> tuple[str, bytes]:
        try:
            decoded = token.decode()
        except UnicodeDecodeError as error:
            self._fail(at + error.start, "not UTF-8")
        if "\\" not in decoded:
            return decoded[1:-1], token
        try:
            value: str = json.loads(decoded)
            value.encode()
        except json.JSONDecodeError as error:
            self._fail(at + len(decoded[: error.pos].encode()), "not an escape that JSON knows")
        except UnicodeEncodeError:
            self._fail(at, "an escape in this string is half of a surrogate pair")
        return value, quote(value)

    def _unreadable(self, rest: bytes, expects: str) -> NoReturn:
        at = len(self._raw) - len(rest)
        if not rest:
            self._fail(at, f"the text ends where {_WORDS[expects]} should be")
        if rest.startswith(b"\xef\xbb\xbf") or (at == 0 and rest[:2] in (b"\xff\xfe", b"\xfe\xff")):
            self._fail(at, "a byte order mark; JSON is UTF-8 without one")
        if rest.startswith((b"NaN", b"Infinity", b"-Infinity")):
            self._fail(at, "NaN and Infinity are not JSON")
        if rest.startswith(b'"'):
            self._fail(at, "a string that is not closed or holds a raw control character")
        self._fail(at, f"{_shown(rest[:1])} stands where {_WORDS[expects]} should be")

    def _fail(self, at: int, what: str) -> NoReturn:
        line = self._raw.count(b"\n", 0, at) + 1
        start = self._raw.rfind(b"\n", 0, at) + 1
        column = len(self._raw[start:at].decode(errors="replace")) + 1
        description = f"{what} (line {line}, column {column}, byte {at} of {self._root})"
        raise Malformed(Issue(subject=self._path(), description=description))

    def _path(self) -> str:
        named = [frame for frame in self._stack if frame.closes == b"]" or isinstance(frame.at, str)]
        path = "".join(f"[{frame.at}]" if frame.closes == b"]" else f".{frame.at}" for frame in named)
        if self._root == "body":
            return path.removeprefix(".")[:200] or "body"
        return (self._root + path)[:200]


_WORDS = {
    "value": "a value",
    "value or ]": "a value or ]",
    "key": "a key in double quotes",
    "key or }": "a key in double quotes or }",
    ":": "a colon",
    ", or ]": "a comma or ]",
    ", or }": "a comma or }",
    "end": "the end",
}


def _shown(token: bytes) -> str:
    shown = token[:20].decode(errors="replace")
    return shown if shown.isprintable() else f"byte 0x{token[0]:02x}"
