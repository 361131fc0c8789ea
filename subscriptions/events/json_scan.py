"""Reads JSON token by token and says what is wrong with it, where and in words: the grammar itself (RFC 8259).

`json_text.py` reads JSON at a twentieth of the cost and comes here with what it could not take.
"""

import json
import re
from dataclasses import dataclass, field
from typing import NoReturn

import msgspec

from subscriptions.events.json_bounds import MAX_DEPTH
from subscriptions.ground.errors import Issue, Malformed

_TOKEN = re.compile(
    rb"[ \t\n\r]*+(?:(?P<punctuation>[{}\[\]:,])"
    rb'|(?P<string>"(?:[^"\\\x00-\x1f]++|\\.)*+")'
    rb"|(?P<number>-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?)"
    rb"|(?P<word>true|false|null))"
)
_SPACE = b" \t\n\r"

_encoder = msgspec.json.Encoder()


@dataclass(slots=True, kw_only=True)
class _Frame:
    """An open container."""

    #: `}` or `]`.
    closes: bytes
    #: Keys seen so far; stays empty in an array.
    keys: set[str] = field(default_factory=set)
    #: The key or the index of the member being read.
    at: str | int = 0


class JsonScan:
    """One reading of a text."""

    def __init__(self, raw: bytes, root: str = "body") -> None:
        """`root` is what paths begin with, unless they lead through the body."""
        self._raw = raw
        self._root = root
        self._stack: list[_Frame] = []
        self._out: list[bytes] = []

    def text(self) -> bytes:
        """The same JSON, compact; raises Malformed."""
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

    def steps(self) -> list[str | int]:
        """The keys and indexes that lead to where the reading stands."""
        return [frame.at for frame in self._stack if frame.closes == b"]" or isinstance(frame.at, str)]

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
        return value, _encoder.encode(value)

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
