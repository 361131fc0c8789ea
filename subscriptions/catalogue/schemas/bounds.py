"""How much a schema may be, and how much work it may make of one value.

Where its parts lead is `document.py`'s matter.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from subscriptions.catalogue.schemas import patterns
from subscriptions.catalogue.schemas.dialects import Where, entries
from subscriptions.catalogue.schemas.document import SchemaDocument, issue
from subscriptions.ground.errors import Refused, TooLarge

MAX_BYTES = 1024 * 1024
#: JSON values in a schema's text; objects, arrays and what is in them.
MAX_NODES = 10_000
#: Regular expressions of a schema: each takes up to a millisecond to compile.
MAX_PATTERNS = 500
#: Kilobytes that they may take together, compiled.
MAX_COMPILED = 8_192
#: Schemas that may judge one place of a payload, counting those that stand for the same one again.
MAX_APPLIED = 500
#: Entries of a list that weigh as one schema more.
_ENTRIES = 50


class Weight(NamedTuple):
    """What a schema costs."""

    #: Schemas that judge one place of a payload, at most.
    applied: int
    #: And of those places that a payload may have any number of: items, members that are not named, what recurs.
    repeated: int
    #: Kilobytes of compiled regular expressions that judge one place of a payload, at most: steps that each byte may take.
    patterns: int

    @property
    def schemas(self) -> int:
        """Schemas that judge any one place."""
        return max(self.applied, self.repeated)


def sized(text: bytes) -> None:
    """Raises TooLarge for a schema's text that is too long."""
    if len(text) > MAX_BYTES:
        raise TooLarge(issue("", f"has {len(text):,} bytes; at most {MAX_BYTES:,} are taken"))


def counted(value: object) -> None:
    """Raises TooLarge for more than MAX_NODES values."""
    waiting, count = [value], 0
    while waiting:
        each = waiting.pop()
        count += 1
        if isinstance(each, dict):
            waiting.extend(each.values())
        elif isinstance(each, list):
            waiting.extend(each)
        if count + len(waiting) > MAX_NODES:
            raise TooLarge(issue("", f"holds more than {MAX_NODES:,} values, which are the most that are taken"))


def weighed(document: SchemaDocument) -> Weight:
    """What the schema costs; raises Refused where that is more than MAX_APPLIED, naming the schema where it grows so.

    Schemas that refer to each other in a circle count once: the validator remembers what it found of them.
    """
    any_ = _patterns(document)
    weighing = _Weighing(document, _own)
    for pointer in document.nodes:
        weighing.settle(pointer)
        if weighing.most[pointer] > MAX_APPLIED:
            said = f"applies {weighing.most[pointer]:,} schemas to one value; at most {MAX_APPLIED} are taken"
            raise Refused(issue(pointer, f"{said}: let fewer references and alternatives lead to the same place"))
    repeated = max((weighing.most[each] for each in weighing.repeated), default=1)
    matching = _Weighing(document, matched_by)
    for pointer in document.nodes if any_ else ():
        matching.settle(pointer)
    return Weight(weighing.most[""], repeated, max(matching.most.values(), default=0))


def matched_by(members: Mapping[str, Any]) -> int:
    """Kilobytes of the regular expressions that a schema itself has."""
    return sum(map(patterns.kilobytes, _expressions(members)))


def expressions(document: SchemaDocument) -> int:
    """How many regular expressions there are in all its schemas."""
    return sum(len(_expressions(members)) for _, members in document.walked())


def _own(members: Mapping[str, Any]) -> int:
    return 1 + entries(members) // _ENTRIES


def _expressions(members: Mapping[str, Any]) -> list[str]:
    one, named = members.get("pattern"), members.get("patternProperties")
    return [one] * isinstance(one, str) + list(named if isinstance(named, dict) else ())


def _patterns(document: SchemaDocument) -> bool:
    """Whether there are any; raises Refused for too many, or too large ones."""
    found: list[str] = []
    for pointer, members in document.walked():
        own = _expressions(members)
        found += own
        if any(len(each) > patterns.LONGEST for each in own):
            said = f"has a regular expression of more than {patterns.LONGEST:,} characters, which are the most"
            raise Refused(issue(pointer, said))
    if len(found) > MAX_PATTERNS:
        raise Refused(issue("", f"holds {len(found):,} regular expressions; at most {MAX_PATTERNS} are taken"))
    size = sum(map(patterns.kilobytes, found))
    if size > MAX_COMPILED:
        said = f"holds regular expressions that take {size:,} KiB compiled; at most {MAX_COMPILED:,} are taken"
        raise Refused(issue("", f"{said}: what they repeat many times, minLength and maxLength say for less"))
    return bool(found)


class _Weighing:
    """From the leaves up: a schema's weight, and the weights of what it applies to each place below."""

    def __init__(self, document: SchemaDocument, own: Callable[[Mapping[str, Any]], int]) -> None:
        """`own` is what a schema's keywords weigh without those that it applies."""
        self._document = document
        self._own = own
        #: Schemas at the value itself, and those that each place of it adds: bounded, since the first too many ends it.
        self._below: dict[str, dict[str, int]] = {}
        self.most: dict[str, int] = {}
        self.repeated: set[str] = set()
        self._here: dict[str, int] = {}

    def settle(self, start: str) -> None:
        """Weighs a schema, and before it all that it applies; without recursion, since chains are as long as they like."""
        open_, stack = set[str](), [(start, False)]
        while stack:
            pointer, ready = stack.pop()
            if pointer in self.most:
                continue
            if ready:
                open_.discard(pointer)
                self._weigh(pointer)
                continue
            open_.add(pointer)
            stack.append((pointer, True))
            for edge in self._document.nodes[pointer].edges:
                if edge.where is Where.NOWHERE:
                    continue
                if edge.to in open_:
                    self.repeated.add(edge.to)
                elif edge.to not in self.most:
                    stack.append((edge.to, False))

    def _weigh(self, pointer: str) -> None:
        node = self._document.nodes[pointer]
        here = self._own(node.members(self._document.dialect))
        below: dict[str, int] = defaultdict(int)
        for edge in node.edges:
            if edge.where is Where.NOWHERE:
                continue
            if edge.where is Where.EACH:
                self.repeated.add(edge.to)
            if edge.to not in self.most:  # a circle, weighed where it begins
                continue
            if edge.where is Where.HERE:
                here += self._here[edge.to]
                for place, weight in self._below[edge.to].items():
                    below[place] += weight
            else:
                below[edge.place] += self.most[edge.to]
        # What is for every member or item judges the named ones too.
        members, items = below.get("members", 0), below.get("items", 0)
        each = (
            weight + (0 if place in ("members", "items", "names") else items if place.startswith("items/") else members)
            for place, weight in below.items()
        )
        self._here[pointer], self._below[pointer] = here, below
        self.most[pointer] = max(here, max(each, default=0))
