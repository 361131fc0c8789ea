"""Schemas and payloads of which it is plain that judging takes few steps: known keywords alone, counted wherever they may apply.

What is not known to be cheap is not plain: whoever may not be held up leaves it to a process that can be ended.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec

from subscriptions.catalogue.schemas import plain_keywords
from subscriptions.catalogue.schemas.dialects import Where
from subscriptions.catalogue.schemas.document import Node, SchemaDocument
from subscriptions.catalogue.schemas.plain_keywords import PATTERNS, Own

#: Schemas that a plain one comes to when each reference is written out.
MAX_SCHEMAS = 2_000
#: Characters of a number that is the same as a float whatever its digits are, and of one that may be.
_EXACT, _LONGEST = 15, 40
#: Between this and its inverse a float with an exponent is plain.
_LARGE = 1e15
#: Digits that begin an integer of more than a machine's word.
_WORD = 19
_RUN = b"0" * _WORD
_DIGITS = bytes(48 if chr(byte).isdecimal() and byte < 128 else 32 for byte in range(256))
#: What gives a part of a schema a name of its own, by which a reference might lead elsewhere than its pointer says.
_NAMES = (b'"$anchor":', b'"$dynamicAnchor":', b'"$recursiveAnchor":')
_ONCE = (b'"$schema":', b'"$id":')


class NotPlainError(Exception):
    """A value that takes more than plain comparisons."""


class StepCount(NamedTuple):
    """What judging by a plain schema takes at the most: a step is a keyword that looks at a value, some 50 nanoseconds."""

    #: At the value itself.
    here: int
    #: At each value within it.
    below: int
    #: Hundredths, for each byte of strings and names.
    text: int
    #: Schemas that it comes to, references written out.
    schemas: int

    def most(self, size: int, values: int) -> int:
        """For a payload of so many bytes and values, with what it takes to hand it over."""
        return self.here + self.below * (values - 1) + self.text * size // 100 + values + size // 50


def steps(document: SchemaDocument, text: bytes) -> dict[str, StepCount] | None:
    """Those of each schema that applies somewhere, by its pointer; None where the document is not plain. `text` is its own.

    Each schema is counted as often as it judges one place: alternatives, `allOf` and references add up, and nothing is
    taken to be remembered or left out. Circles are not plain.
    """
    if any(name in text for name in _NAMES) or any(text.count(name) > 1 for name in _ONCE):
        return None
    try:
        value(text)
    except NotPlainError:
        return None
    own = {}
    patterns = 0
    for pointer, node in document.nodes.items():
        found = plain_keywords.own(node, document.dialect, root=not pointer)
        if found is None:
            return None
        own[pointer] = found
        patterns += found.patterns
    if patterns > PATTERNS:
        return None
    return _added(document.nodes, own)


def value(payload: bytes) -> Any:
    """The value of JSON that was read, its numbers machine words; raises NotPlainError for others, exact or large."""
    if _RUN in payload.translate(_DIGITS) and not _words(payload):
        raise NotPlainError
    return _decoder.decode(payload)


def values(payload: bytes) -> int:
    """How many values a payload has, at most."""
    return payload.count(b",") + payload.count(b"[") + payload.count(b"{") + 1


def _added(nodes: Mapping[str, Node], own: Mapping[str, Own]) -> dict[str, StepCount] | None:
    """From the leaves up; without recursion, since chains are as long as they like."""
    found: dict[str, StepCount] = {}
    open_, stack = set[str](), [("", False)]
    while stack:
        pointer, ready = stack.pop()
        if pointer in found:
            continue
        if ready:
            open_.discard(pointer)
            found[pointer] = _sum(nodes[pointer], own[pointer], found)
            if found[pointer].schemas > MAX_SCHEMAS:
                return None
            continue
        if pointer in open_:
            return None
        open_.add(pointer)
        stack.append((pointer, True))
        stack.extend((edge.to, False) for edge in nodes[pointer].edges if edge.where is not Where.NOWHERE)
    return found


def _sum(node: Node, own: Own, found: Mapping[str, StepCount]) -> StepCount:
    here, below, text, schemas = own.here, 0, own.text, 1
    #: Of the places below that only one schema each is for the heaviest counts, those for any place count together.
    named: dict[str, tuple[int, int]] = defaultdict(lambda: (0, 0))
    every, every_text = own.member, 0
    for edge in node.edges:
        if edge.where is Where.NOWHERE:
            continue
        each = found[edge.to]
        schemas += each.schemas
        most = max(each.here, each.below)
        if edge.where is Where.HERE:
            here, below, text = here + each.here, below + each.below, text + each.text
        elif edge.where is Where.EACH:
            every, every_text = every + most, every_text + each.text
        else:
            so_far, so_much = named[edge.place]
            named[edge.place] = so_far + most, so_much + each.text
    one, one_text = (max(column, default=0) for column in _columns(named.values()))
    return StepCount(here, below + every + one, text + every_text + one_text, schemas)


def _columns(pairs: Iterable[tuple[int, int]]) -> Iterator[list[int]]:
    listed = list(pairs)
    yield [first for first, _ in listed]
    yield [second for _, second in listed]


def _words(payload: bytes) -> bool:
    """Whether the integers are words; runs of digits within strings are others' matter."""
    waiting = [_decoder.decode(payload)]
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict):
            waiting.extend(each.values())
        elif isinstance(each, list):
            waiting.extend(each)
        elif isinstance(each, int) and abs(each) >= 10 ** (_WORD - 1):
            return False
    return True


def _number(spelt: str) -> float:
    if len(spelt) <= _EXACT and "e" not in spelt and "E" not in spelt:
        return float(spelt)
    found = float(spelt) if len(spelt) <= _LONGEST else math.inf
    if 1 / _LARGE < abs(found) < _LARGE and Decimal(repr(found)) == Decimal(spelt):
        return found
    raise NotPlainError


_decoder = msgspec.json.Decoder(float_hook=_number)
