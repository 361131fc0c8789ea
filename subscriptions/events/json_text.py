"""JSON as text: validates strictly and makes compact without touching a number, a key or their order.

What a member means is left to its reader, what is wrong with text that is no JSON to `json_scan.py`.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from subscriptions.events import json_bounds
from subscriptions.events.json_bounds import MAX_DEPTH
from subscriptions.events.json_scan import JsonScan
from subscriptions.events.sizes import bounded
from subscriptions.ground.errors import Issue, Malformed

#: What is wrong where JSON should be and nothing is.
EMPTY = "is empty: JSON is expected"

#: The explanation of an error costs up to a microsecond a byte; of larger input only the position is told.
_EXPLAINED = 32 * 1024

_ESCAPED_ASCII = re.compile(rb"\\u00[0-7]")
_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
_SPACE = b" \t\n\r"


# A float decodes to its own spelling, so that encoding writes it back to the letter.
_decoder = msgspec.json.Decoder(float_hook=msgspec.Raw)
_encoder = msgspec.json.Encoder()
_plain_decoder = msgspec.json.Decoder()
_members_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])


class CompactJson(NamedTuple):
    """JSON that was read."""

    #: Compact.
    text: bytes
    #: What it says, as `load` has it; a number with a fraction or an exponent may be its own spelling, a `msgspec.Raw`.
    value: Any


def compact(raw: bytes, *, root: str = "body") -> bytes:
    """The text of what `read` reads; raises as it does."""
    return read(raw, root=root).text


def read(raw: bytes, *, root: str = "body") -> CompactJson:
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
        return _explained(raw, root, _position(error))
    text = _encoder.encode(value)
    if text != raw and not _nothing_lost(raw, text):
        written = _rewritten(raw)
        # A dropped member takes its colon along.
        if written.count(b":") != text.count(b":"):
            return _explained(raw, root, "a key stands twice in its object")
        text = written
    if not json_bounds.shallow(text):
        return _explained(raw, root, f"more than {MAX_DEPTH} levels deep")
    return CompactJson(text, value)


def items(raw: bytes, *, limit: int, longest: int | None = None) -> Iterator[tuple[int, CompactJson]]:
    """The members of a JSON array, each with its bytes as sent, read as they are asked for.

    Raises TooLarge for more than `limit` (subject `body`) or one of more than `longest` bytes, before any is looked into;
    Malformed as `read` does, with paths such as `[3].id`.
    """
    try:
        found = json_bounds.items(raw, limit)
    except _UNREADABLE as error:
        if len(raw) > _EXPLAINED:
            _explained(raw, "body", _position(error))
        found = json_bounds.items(compact(raw), limit)
    sizes = [len(memoryview(item)) for item in found]
    for index, size in enumerate(sizes):
        bounded(size, longest, root=f"[{index}]")
    return (
        (size, read(bytes(item), root=f"[{index}]"))
        for index, (size, item) in enumerate(zip(sizes, found, strict=True))
    )


def members(text: bytes) -> dict[str, bytes]:
    """The members of a JSON object that was read, each as its own text, in order."""
    return {name: bytes(value) for name, value in _members_decoder.decode(text).items()}


def load(text: bytes) -> Any:
    """The value of JSON that was read. Never raises: numbers beyond Python's own limits become infinite."""
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


def _explained(raw: bytes, root: str, known: str) -> CompactJson:
    if not raw.strip():
        raise Malformed(Issue(subject=root, description=EMPTY))
    if len(raw) > _EXPLAINED:
        raise Malformed(Issue(subject=root, description=f"not JSON as it is taken here: {known}"))
    text = JsonScan(raw, root).text()
    return CompactJson(text, load(text))


def _position(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "not UTF-8"
    if isinstance(error, RecursionError):
        return f"more than {MAX_DEPTH} levels deep"
    return str(error).removeprefix("JSON is malformed: ")


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) < 4000 else float(digits)
