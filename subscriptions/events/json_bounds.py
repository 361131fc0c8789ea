"""What of JSON is refused for its size alone: integers of thousands of digits, arrays of too many items, depth.

The grammar is left to `json_text.py`.
"""

import math
import re
import sys
from collections.abc import Iterator
from functools import lru_cache
from itertools import accumulate
from typing import Any

import msgspec
from msgspec import UNSET, Raw, UnsetType

from subscriptions.ground.errors import Issue, Malformed, TooLarge

#: Containers within containers; deeper input is refused. Receivers' parsers stop somewhere too.
MAX_DEPTH = 64
#: Digits of an integer. To read and write one takes time that is quadratic in them: of so many, twice what other JSON takes.
MAX_DIGITS = 1000

#: What is said of a number that `beyond` finds.
BEYOND = "is a number that is larger than a double can be (1.8e308): give it as a string"
_LARGEST = int(sys.float_info.max)
#: What may be such a number, or hold one.
_WORTH = (dict, list, float, int)

_DIGITS = b"0123456789"
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"')
_INTEGER = re.compile(rb"(?:^|[\s,:\[])-?[0-9]{%d,}+(?![.eE])" % (MAX_DIGITS + 1))

_NO_BRACKET = bytes(byte for byte in range(256) if byte not in b"[]{}")
#: An opening bracket as 1, a closing one as -1 of a signed byte.
_STEPS = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")


def integers(raw: bytes, *, root: str) -> None:
    """Raises Malformed, with `root` as its subject, for JSON with an integer of more than MAX_DIGITS digits.

    A run so long stands on one of the bytes at every MAX_DIGITS, so that no others are looked at.
    """
    sampled = raw[MAX_DIGITS::MAX_DIGITS]
    if len(sampled.translate(None, _DIGITS)) == len(sampled):
        return
    for number, byte in enumerate(sampled, 1):
        if byte in _DIGITS and _run(raw, number * MAX_DIGITS) > MAX_DIGITS:
            # Digits within strings and behind a decimal point are as cheap as other text.
            if _INTEGER.search(_STRING.sub(b'""', raw)):
                said = f"holds an integer of more than {MAX_DIGITS:,} digits (near byte {number * MAX_DIGITS:,})"
                raise Malformed(Issue(subject=root, description=f"{said}; send it as a string"))
            return


def items(raw: bytes, limit: int) -> list[Raw]:
    """The members of a JSON array as they stand; raises TooLarge (subject `body`) at the first beyond the limit, MsgspecError."""
    try:
        found = _array(limit).decode(raw)
    except msgspec.ValidationError as error:
        if "at most length" not in str(error):
            raise
        said = f"holds more than {limit:,} items, which are the most that are taken"
        raise TooLarge(Issue(subject="body", description=said)) from None
    return [item for item in msgspec.structs.astuple(found) if item is not UNSET]


def beyond(value: Any) -> Iterator[tuple[str | int, ...]]:
    """Where numbers stand, in a value that was loaded, which a double cannot hold: whoever reads them after us may stop there."""
    waiting: list[tuple[tuple[str | int, ...], Any]] = [((), value)] if isinstance(value, _WORTH) else []
    while waiting:
        path, each = waiting.pop()
        if isinstance(each, dict):
            waiting += [((*path, name), below) for name, below in each.items() if isinstance(below, _WORTH)]
        elif isinstance(each, list):
            waiting += [((*path, index), below) for index, below in enumerate(each) if isinstance(below, _WORTH)]
        elif math.isinf(each) if isinstance(each, float) else abs(each) > _LARGEST:
            yield path


def shallow(text: bytes) -> bool:
    """Whether valid JSON has at most MAX_DEPTH containers within containers: one walk over its brackets, in C."""
    if text.count(b"[") + text.count(b"{") <= MAX_DEPTH:
        return True
    if b"\\" in text:
        text = text.replace(rb"\\", b"").replace(rb"\"", b"")
    brackets = b"".join(text.split(b'"')[::2]).translate(_STEPS, _NO_BRACKET)
    return max(accumulate(memoryview(brackets).cast("b")), default=0) <= MAX_DEPTH


def _run(raw: bytes, at: int) -> int:
    """How many digits stand around a place, as far as it matters."""
    before, after = raw[max(0, at - MAX_DIGITS) : at], raw[at : at + MAX_DIGITS + 1]
    return len(before) - len(before.rstrip(_DIGITS)) + len(after) - len(after.lstrip(_DIGITS))


# A list would be filled with millions of items before they were counted; a struct takes no more than it has fields.
@lru_cache(4)
def _array(limit: int) -> msgspec.json.Decoder[msgspec.Struct]:
    fields = [(f"item{number}", Raw | UnsetType, UNSET) for number in range(limit)]
    struct = msgspec.defstruct("Items", fields, array_like=True, forbid_unknown_fields=True)
    return msgspec.json.Decoder(struct)
