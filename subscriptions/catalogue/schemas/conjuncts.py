"""What holds of one place of a payload: the schemas that all apply to it, `$ref` and `allOf` followed.

What two versions of it mean to each other is `compatibility.py`'s matter.
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from subscriptions.catalogue.schemas import pointers
from subscriptions.catalogue.schemas.compiling import Compiled
from subscriptions.catalogue.schemas.document import REFERENCES

_NUMBER = {"integer", "fraction"}
EVERY_TYPE = frozenset({"null", "boolean", "object", "array", "string", *_NUMBER})


class Conjunct(NamedTuple):
    """One of the schemas that apply."""

    pointer: str
    #: Its keywords, without the references and `allOf` that were followed.
    members: Mapping[str, Any]


class ComparedPlace:
    """All schemas that apply to a value; there may be none."""

    def __init__(self, compiled: Compiled, roots: Iterable[str], *, decided: bool = False) -> None:
        self.compiled = compiled
        #: Whether one of its alternatives was chosen already.
        self.decided = decided
        #: The schemas that were named; what they refer to follows from them.
        self.roots = tuple(dict.fromkeys(roots))
        #: Whether no value may stand here.
        self.nothing = False
        self.conjuncts: list[Conjunct] = []
        self._flatten()

    @property
    def pointer(self) -> str:
        """Where to point for the whole of it."""
        return self.roots[0] if self.roots else ""

    def holding(self, keyword: str) -> list[Conjunct]:
        """The schemas that have a keyword."""
        return [each for each in self.conjuncts if keyword in each.members]

    def at(self, keyword: str) -> str:
        """Where to point for a keyword: where it stands, or would."""
        held = self.holding(keyword)
        return pointers.joined(held[0].pointer, keyword) if held else self.pointer

    def types(self) -> frozenset[str]:
        """The types that a value may have; `number` is `integer` and `fraction`."""
        kept = EVERY_TYPE
        for each in self.holding("type"):
            named = each.members["type"]
            kept &= frozenset[str]().union(*(_atoms(one) for one in ([named] if isinstance(named, str) else named)))
        return kept

    def values(self) -> list[Any] | None:
        """All values that may stand here, where the schema lists them; None where it does not."""
        listed = self.holding("enum")
        fixed = self.holding("const")
        if not listed and not fixed:
            return None
        some = fixed[0].members["const"] if fixed else None
        found = [some] if fixed else listed[0].members["enum"]
        return [value for value in found if self.accepts(value)]

    def accepts(self, value: object) -> bool:
        """Whether a value may stand here; raises TooIntricateError when all such questions together are too much work."""
        self.compiled.spend(value, len(self.roots))
        return all(self.compiled.part_accepts(each, value) for each in self.roots)

    def member(self, name: str) -> "ComparedPlace":
        """What holds of a member of this name."""
        roots: list[str] = []
        for each in self.conjuncts:
            named = name in each.members.get("properties", {})
            if named:
                roots.append(pointers.joined(each.pointer, "properties", name))
            matching = self.patterns(each, name)
            roots += [pointers.joined(each.pointer, "patternProperties", pattern) for pattern in matching]
            if not named and not matching and "additionalProperties" in each.members:
                roots.append(pointers.joined(each.pointer, "additionalProperties"))
        return ComparedPlace(self.compiled, roots)

    def patterns(self, conjunct: Conjunct, name: str) -> list[str]:
        """The patterns of a schema that a member's name matches."""
        return [each for each in conjunct.members.get("patternProperties", {}) if self.compiled.matches(each, name)]

    def item(self, index: int | None) -> "ComparedPlace":
        """What holds of the item of an index; None: of those beyond all that have one of their own."""
        roots = []
        for each in self.conjuncts:
            fixed, rest = items_of(each)
            if index is not None and index < len(fixed):
                roots.append(fixed[index])
            elif rest is not None:
                roots.append(rest)
        return ComparedPlace(self.compiled, roots)

    def below(self, conjunct: Conjunct, *path: str | int) -> "ComparedPlace":
        """The schema at a path below one that applies."""
        return ComparedPlace(self.compiled, [pointers.joined(conjunct.pointer, *path)])

    def chosen(self, conjunct: Conjunct, keyword: str, index: int) -> "ComparedPlace":
        """This place, for values that take one of the alternatives."""
        return ComparedPlace(
            self.compiled, [pointers.joined(conjunct.pointer, keyword, index), *self.roots], decided=True
        )

    def _flatten(self) -> None:
        document, seen, waiting = self.compiled.document, set[str](), list(reversed(self.roots))
        while waiting:
            pointer = waiting.pop()
            if pointer in seen or pointer not in document.nodes:
                continue
            seen.add(pointer)
            node = document.nodes[pointer]
            if isinstance(node.value, bool):
                self.nothing |= not node.value
                continue
            members = dict(node.members(document.dialect))
            for keyword in REFERENCES:
                reference = members.pop(keyword, None)
                target = document.target(pointer, reference) if isinstance(reference, str) else None
                waiting += [target] if target is not None else []
            all_of = members.pop("allOf", ())
            waiting += [pointers.joined(pointer, "allOf", index) for index in range(len(all_of))]
            self.conjuncts.append(Conjunct(pointer, members))


def items_of(conjunct: Conjunct) -> tuple[list[str], str | None]:
    """The schemas of the first items, one each, and that of all others."""
    members, pointer = conjunct.members, conjunct.pointer
    items = members.get("items")
    keyword, others = ("items", "additionalItems") if isinstance(items, list) else ("prefixItems", "items")
    fixed = [pointers.joined(pointer, keyword, index) for index in range(len(members.get(keyword, ())))]
    return fixed, pointers.joined(pointer, others) if others in members else None


def _atoms(name: str) -> set[str]:
    return _NUMBER if name == "number" else {name}
