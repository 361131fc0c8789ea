"""Why a payload does not fit its schema: places and sentences, as many as help and no more work than that takes.

jsonschema-rs lists all that is wrong, and within alternatives all that is wrong with each of them, which doubles with every
level; so the schema is followed downwards here, only where the payload does not fit, and alternatives are told as one fault.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from subscriptions.catalogue.schemas import compiling, matching, pointers
from subscriptions.catalogue.schemas.compiling import Compiled
from subscriptions.catalogue.schemas.dialects import HOLDERS
from subscriptions.catalogue.schemas.document import REFERENCES
from subscriptions.catalogue.schemas.matching import Measured

#: Faults of one payload that are told, and questions that are asked to find them.
MOST, MAX_ASKED = 20, 10_000
#: What the answers may take together, as `matching.work` counts.
MAX_SPENT = 4 * matching.MAX_WORK


class _EnoughError(Exception):
    """So many were asked."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Something in a payload that its schema refuses."""

    #: JSON pointer into the payload; empty: the payload itself.
    pointer: str
    #: What is wrong there, as a sentence without a subject.
    message: str
    #: JSON pointer of the keyword that says so, into the schema.
    keyword: str = ""


def of(compiled: Compiled, payload: object) -> list[Fault]:
    """The first MOST faults of a payload that the schema refuses, in no special order."""
    found: dict[Fault, None] = {}
    with suppress(_EnoughError):
        for fault in _Following(compiled, matching.matched(compiled.document, payload)).at("", payload, ""):
            found[fault] = None
            if len(found) == MOST:
                break
    return list(found) or [Fault("", "does not fit the schema", "")]


class _Following:
    def __init__(self, compiled: Compiled, met: int) -> None:
        self._compiled = compiled
        #: What matching the whole payload takes.
        self._met = met
        self._sizes: dict[int, Measured] = {}
        self._nodes = compiled.document.nodes
        self._dialect = compiled.document.dialect
        #: Where it has been: circles end here.
        self._seen: set[tuple[str, str]] = set()
        self._steps = 0
        self._asked = self._spent = 0

    def at(self, schema: str, value: Any, place: str) -> Iterator[Fault]:
        """Faults of a value that the schema at a pointer refuses."""
        self._steps += 1
        if (schema, place) in self._seen or schema not in self._nodes:
            return
        self._seen.add((schema, place))
        node = self._nodes[schema]
        if isinstance(node.value, bool):
            yield Fault(place, "is not allowed", schema)
            return
        members = node.members(self._dialect)
        plain = {name: each for name, each in members.items() if name not in HOLDERS and not name.startswith("$")}
        said, steps = False, self._steps
        for keyword, sentence in compiling.keyword_faults(plain, value, self._dialect):
            said = True
            yield Fault(place, sentence.removeprefix("it "), pointers.joined(schema, keyword))
        for fault in self._held(schema, members, value, place):
            said = True
            yield fault
        # What is further down was told there, or before.
        if not said and steps == self._steps:
            yield Fault(place, "does not fit the schema", schema)

    def _held(self, schema: str, members: Any, value: Any, place: str) -> Iterator[Fault]:
        for keyword in members:
            to = pointers.joined(schema, keyword)
            if keyword in REFERENCES:
                target = self._compiled.document.target(schema, members[keyword])
                if target is not None and self._refused(target, value):
                    yield from self.at(target, value, place)
            elif keyword in ("anyOf", "oneOf"):
                yield from self._alternatives(schema, keyword, members[keyword], value, place)
            elif keyword == "allOf":
                for index in range(len(members[keyword])):
                    part = pointers.joined(to, index)
                    if self._refused(part, value):
                        yield from self.at(part, value, place)
            elif keyword == "not" and not self._refused(to, value):
                yield Fault(place, "fits what must not be", to)
            elif keyword == "if":
                chosen = pointers.joined(schema, "else" if self._refused(to, value) else "then")
                if self._refused(chosen, value):
                    yield from self.at(chosen, value, place)
            elif keyword in ("dependentSchemas", "dependencies") and isinstance(value, dict):
                yield from self._dependent(to, members[keyword], value, place)
            elif isinstance(value, dict):
                yield from self._of_members(to, keyword, members, value, place)
            elif isinstance(value, list):
                yield from self._of_items(to, keyword, members, value, place)

    def _alternatives(self, schema: str, keyword: str, listed: list[Any], value: Any, place: str) -> Iterator[Fault]:
        to = pointers.joined(schema, keyword)
        fitting = [index for index in range(len(listed)) if not self._refused(pointers.joined(to, index), value)]
        if not fitting:
            yield Fault(place, f"fits none of the {len(listed)} forms that it may have", to)
        elif keyword == "oneOf" and len(fitting) > 1:
            both = " and ".join(str(index) for index in fitting[:2])
            yield Fault(place, f"fits more than one of the forms, {both}, of which it must have one", to)

    def _dependent(self, to: str, held: dict[str, Any], value: dict[str, Any], place: str) -> Iterator[Fault]:
        for name, each in held.items():
            if name not in value:
                continue
            if isinstance(each, list):
                missing = [other for other in each if other not in value]
                yield from (Fault(place, f'"{other}" is required beside "{name}"', to) for other in missing)
            elif self._refused(part := pointers.joined(to, name), value):
                yield from self.at(part, value, place)

    def _of_members(self, to: str, keyword: str, members: Any, value: dict[str, Any], place: str) -> Iterator[Fault]:
        if keyword == "properties":
            for name in members[keyword].keys() & value.keys():
                part = pointers.joined(to, name)
                if self._refused(part, value[name]):
                    yield from self.at(part, value[name], pointers.joined(place, name))
        elif keyword == "patternProperties":
            for pattern in members[keyword]:
                part = pointers.joined(to, pattern)
                for name, each in value.items():
                    if self._refused(part, each) and self._matches(pattern, name):
                        yield from self.at(part, each, pointers.joined(place, name))
        elif keyword == "propertyNames":
            yield from (
                Fault(pointers.joined(place, name), "has a name that is not allowed", to)
                for name in value
                if self._refused(to, name)
            )
        elif keyword == "additionalProperties" and to in self._nodes:
            yield from self._additional(to, members, value, place)

    def _additional(self, to: str, members: Any, value: dict[str, Any], place: str) -> Iterator[Fault]:
        patterns = members.get("patternProperties", ())
        for name in value.keys() - members.get("properties", {}).keys():
            if not self._refused(to, value[name]) or any(self._matches(each, name) for each in patterns):
                continue
            below = pointers.joined(place, name)
            if self._nodes[to].value is False:
                yield Fault(below, "is not a member that the schema allows", to)
            else:
                yield from self.at(to, value[name], below)

    def _of_items(self, to: str, keyword: str, members: Any, value: list[Any], place: str) -> Iterator[Fault]:
        first = len(members.get("prefixItems", ())) if isinstance(members.get("prefixItems"), list) else 0
        if keyword == "prefixItems" or (keyword == "items" and isinstance(members[keyword], list)):
            parts = ((index, pointers.joined(to, index)) for index in range(min(len(members[keyword]), len(value))))
        elif keyword == "items":
            parts = ((index, to) for index in range(first, len(value)))
        elif keyword == "additionalItems" and isinstance(members.get("items"), list):
            parts = ((index, to) for index in range(len(members["items"]), len(value)))
        else:
            return
        for index, part in parts:
            if self._refused(part, value[index]):
                yield from self.at(part, value[index], pointers.joined(place, index))

    def _refused(self, schema: str, value: object) -> bool:
        if schema not in self._nodes:
            self._spend(1)
            return False
        size = self._sizes.get(id(value))
        if size is None:
            size = self._sizes[id(value)] = matching.measured(value)
        self._spend(matching.work(size, self._compiled.weight, met=self._met))
        return not self._compiled.part_accepts(schema, value)

    def _matches(self, pattern: str, name: str) -> bool:
        self._spend(len(name))
        return self._compiled.matches(pattern, name)

    def _spend(self, work: int) -> None:
        self._asked += 1
        self._spent += work
        if self._asked > MAX_ASKED or self._spent > MAX_SPENT:
            raise _EnoughError
