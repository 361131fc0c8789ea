"""Whether consumers of an old schema can go on under a new one.

The rule: what comes under the new schema must be what one who understood the old schema may have met. So members may be added
where the old schema leaves room for others, types, choices and bounds may become narrower, and what was optional required;
nothing may become wider, and no member may vanish or be renamed. `$ref` and `allOf` are followed first. What cannot be decided
(a changed regular expression or `not`, alternatives that overlap) counts as incompatible, and is named like the rest.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from subscriptions.catalogue.schemas import keyword_rules, pointers, quick, schema
from subscriptions.catalogue.schemas.compiling import Compiled, TooIntricateError
from subscriptions.catalogue.schemas.conjuncts import ComparedPlace, Conjunct, items_of
from subscriptions.catalogue.schemas.disjoint import disjoint
from subscriptions.catalogue.schemas.schema import Schema
from subscriptions.ground import apart

#: Incompatible changes that are told.
MOST = 20
#: Places that are compared, and how deep one lies within another.
MAX_COMPARED, MAX_LEVELS = 5_000, 60
#: Patterns times names of members in a schema that are matched.
MAX_MATCHED = 200_000
#: Schemas in one of two that are compared beside publications.
MAX_SMALL = 100
#: Places that looking for the very same counts for.
_SAME = 20
#: What makes it depend on the value which of the members and items are evaluated.
_BRANCHES = ("anyOf", "oneOf", "if", "dependentSchemas", "not")


@dataclass(frozen=True, slots=True)
class Incompatible:
    """A change that a consumer of the old schema might not understand."""

    #: JSON pointer into the new schema, or into the old one for what is gone.
    pointer: str
    #: What may come now, or does not any more, as a sentence.
    why: str


def changes(before: Schema, after: Schema) -> tuple[Incompatible, ...]:
    """The changes that are not compatible, at most MOST; empty where all are."""
    if not all(_small(each) for each in (before, after)):
        apart.elsewhere()
    old, new = schema.compiled(before), schema.compiled(after)
    if max(_matched(old), _matched(new)) > MAX_MATCHED:
        return (Incompatible("", "has too many patterns, for as many members, to be compared"),)
    try:
        found = _Comparison().places(ComparedPlace(old, [""]), ComparedPlace(new, [""]))
    except TooIntricateError:
        return (Incompatible("", "lists too many values, for schemas as large, to be compared"),)
    return tuple(dict.fromkeys(found))[:MOST]


class _Comparison:
    """One comparison; the places that it is at, or was, count as compatible when it comes to them again."""

    def __init__(self) -> None:
        self._known: dict[tuple[tuple[str, ...], tuple[str, ...]], list[Incompatible]] = {}
        self._level = 0
        self._spent = 0

    def places(self, before: ComparedPlace, after: ComparedPlace) -> list[Incompatible]:
        """What may stand at a place now and could not before."""
        key = before.roots, after.roots
        if key in self._known:
            return self._known[key]
        if after.nothing:
            return []
        if before.nothing:
            return [Incompatible(after.pointer, "may come now; the old schema did not allow it")]
        if len(self._known) + self._spent >= MAX_COMPARED or self._level >= MAX_LEVELS:
            return [Incompatible(after.pointer, "is too intricate to compare")]
        self._known[key] = []
        self._level += 1
        found = self._values(before, after)
        self._level -= 1
        self._known[key] = found
        return found

    def _values(self, before: ComparedPlace, after: ComparedPlace) -> list[Incompatible]:
        listed = after.values()
        if listed is not None:
            where = after.at("enum" if after.holding("enum") else "const")
            return [
                Incompatible(where, f"{_text(value)[:80]} may come now; the old schema did not allow it")
                for value in listed
                if not before.accepts(value)
            ]
        found: list[Incompatible] = []
        types = after.types()
        for old in before.conjuncts:
            found += (Incompatible(*each) for each in keyword_rules.widened(old, after))
            found += self._held(old, before, after)
            if "object" in types:
                found += self._members(old, before, after)
            if "array" in types:
                found += self._items(old, before, after)
        return [] if found and self._case_by_case(before, after) else found

    def _case_by_case(self, before: ComparedPlace, after: ComparedPlace) -> bool:
        """Whether each of the new schema's alternatives, taken by itself, is compatible."""
        if after.decided:
            return False
        for keyword in ("anyOf", "oneOf"):
            for new in after.holding(keyword):
                cases = (after.chosen(new, keyword, index) for index in range(len(new.members[keyword])))
                if all(not self.places(before, case) for case in cases):
                    return True
        return False

    def _held(self, old: Conjunct, before: ComparedPlace, after: ComparedPlace) -> list[Incompatible]:
        """Alternatives, and what is only looked at for being the same."""
        found: list[Incompatible] = []
        if "anyOf" in old.members:
            found += self._alternatives(old, "anyOf", before, after)
        if "oneOf" in old.members and not _same(old, "oneOf", before, after):
            if disjoint([before.below(old, "oneOf", index) for index in range(len(old.members["oneOf"]))]):
                found += self._alternatives(old, "oneOf", before, after)
            else:
                said = "has changed, and its forms overlap: whether a value that fitted two fits one now is not told"
                found.append(Incompatible(after.at("oneOf"), said))
        for keyword in ("not", "if", "contains", "unevaluatedItems", "unevaluatedProperties"):
            self._spent += _SAME * (keyword in old.members)
            if keyword in old.members and not _same(old, keyword, before, after):
                found.append(Incompatible(after.at(keyword), f"{keyword} has changed"))
            elif keyword in old.members and keyword.startswith("unevaluated") and not _as_far(before, after):
                said = f"what {keyword} leaves over depends on alternatives, and something beside them has changed"
                found.append(Incompatible(after.at(keyword), said))
        for keyword in ("dependentSchemas", "dependencies"):
            for name, each in old.members.get(keyword, {}).items():
                if isinstance(each, list):
                    continue
                now = [
                    after.below(new, keyword, name) for new in after.holding(keyword) if name in new.members[keyword]
                ]
                found += self._one_of(before.below(old, keyword, name), now, after.at(keyword), "is gone")
        return found

    def _members(self, old: Conjunct, before: ComparedPlace, after: ComparedPlace) -> list[Incompatible]:
        found: list[Incompatible] = []
        named = {name: None for new in after.conjuncts for name in new.members.get("properties", {})}
        mine = old.members.get("properties", {})
        for name in mine:
            was = before.below(old, "properties", name)
            if name not in named and not was.nothing:
                found.append(Incompatible(was.pointer, "the member is gone"))
            else:
                found += self.places(was, after.member(name))
        known = _all_named(before) if "unevaluatedProperties" in old.members else set[str]()
        others = "additionalProperties" if "additionalProperties" in old.members else None
        for name in named:
            matching = before.patterns(old, name)
            for pattern in matching:
                found += self.places(before.below(old, "patternProperties", pattern), after.member(name))
            if others and name not in mine and not matching:
                found += self.places(before.below(old, others), after.member(name))
            if "unevaluatedProperties" in old.members and name not in known:
                found += self.places(before.below(old, "unevaluatedProperties"), after.member(name))
        for pattern in old.members.get("patternProperties", {}):
            now = [
                after.below(new, "patternProperties", pattern)
                for new in after.holding("patternProperties")
                if pattern in new.members["patternProperties"]
            ]
            was = before.below(old, "patternProperties", pattern)
            found += self._one_of(was, now, was.pointer, "the pattern is gone")
        for keyword in filter(None, (others, "propertyNames" if "propertyNames" in old.members else None)):
            found += self._others(old, keyword, before, after)
        return found

    def _others(self, old: Conjunct, keyword: str, before: ComparedPlace, after: ComparedPlace) -> list[Incompatible]:
        """Members that are not named, or the names of all."""
        was = before.below(old, keyword)
        if not self.places(was, ComparedPlace(after.compiled, ())):
            return []
        now = [after.below(new, keyword) for new in after.holding(keyword)]
        found = self._one_of(was, now, after.at(keyword), "other members may come now")
        if keyword == "additionalProperties":
            for new in after.holding("patternProperties"):
                for pattern in (
                    new.members["patternProperties"].keys() - old.members.get("patternProperties", {}).keys()
                ):
                    found += self.places(was, after.below(new, "patternProperties", pattern))
        return found

    def _items(self, old: Conjunct, before: ComparedPlace, after: ComparedPlace) -> list[Incompatible]:
        fixed, rest = items_of(old)
        found: list[Incompatible] = []
        longest = max([len(fixed), *(len(items_of(new)[0]) for new in after.conjuncts)])
        for index in range(longest):
            was = fixed[index] if index < len(fixed) else rest
            if was is not None:
                found += self.places(ComparedPlace(before.compiled, [was]), after.item(index))
        if rest is not None:
            found += self.places(ComparedPlace(before.compiled, [rest]), after.item(None))
        return found

    def _alternatives(
        self, old: Conjunct, keyword: str, before: ComparedPlace, after: ComparedPlace
    ) -> list[Incompatible]:
        """Each form that the new schema has must be one of the old forms."""
        forms = [before.below(old, keyword, index) for index in range(len(old.members[keyword]))]

        def fits(place: ComparedPlace) -> bool:
            return any(not self.places(form, place) for form in forms)

        if fits(after):
            return []
        best: list[Incompatible] | None = None
        for now in ("anyOf", "oneOf"):
            for new in after.holding(now):
                chosen = (after.chosen(new, now, index) for index in range(len(new.members[now])))
                strange = [each.pointer for each in chosen if not fits(each)]
                found = [Incompatible(each, "is a form that the old schema did not have") for each in strange]
                best = found if best is None or len(found) < len(best) else best
        return best if best is not None else [Incompatible(after.at(keyword), "may have other forms now")]

    def _one_of(self, was: ComparedPlace, now: Iterable[ComparedPlace], where: str, gone: str) -> list[Incompatible]:
        """Nothing if one of the new schemas is as narrow as the old one, else what the first allows."""
        first: list[Incompatible] | None = None
        for each in now:
            found = self.places(was, each)
            if not found:
                return []
            first = first or found
        return first or [Incompatible(where, gone)]


def _small(of: Schema) -> bool:
    found = quick.surely(of.text, of.dialect)
    return found is not None and quick.parts(found) <= MAX_SMALL


def _matched(compiled: Compiled) -> int:
    """How often a name would be matched."""
    named, patterns = 0, 0
    for _, members in compiled.document.walked():
        named += len(members.get("properties", ()))
        patterns += len(members.get("patternProperties", ()))
    return named * patterns


def _all_named(place: ComparedPlace) -> set[str]:
    return {name for each in place.conjuncts for name in each.members.get("properties", {})}


def _same(old: Conjunct, keyword: str, before: ComparedPlace, after: ComparedPlace) -> bool:
    """Whether one of the new schemas says the very same, with all that belongs to the keyword and all that it refers to."""
    beside = {
        "if": ("then", "else"),
        "contains": ("minContains", "maxContains"),
        "unevaluatedItems": ("prefixItems", "items"),
    }.get(keyword, ())

    def said(place: ComparedPlace, conjunct: Conjunct) -> str:
        kept = {name: conjunct.members.get(name) for name in (keyword, *beside)}
        return _resolved(place, conjunct, kept)

    return any(said(before, old) == said(after, new) for new in after.holding(keyword))


def _as_far(before: ComparedPlace, after: ComparedPlace) -> bool:
    """Whether what is evaluated at a place is plain, or is by the very same alternatives as before."""
    if not any(place.holding(keyword) for place in (before, after) for keyword in _BRANCHES):
        return True
    old, new = ({_resolved(place, each, dict(each.members)) for each in place.conjuncts} for place in (before, after))
    return old == new


def _resolved(place: ComparedPlace, conjunct: Conjunct, kept: dict[str, Any]) -> str:
    """Keywords as one text, followed by the schemas that they refer to, each once."""
    document = place.compiled.document
    start = tuple(pointers.joined(conjunct.pointer, name) for name in kept)
    texts, seen = [_text(kept)], set[str]()
    waiting = [
        pointer
        for pointer in document.nodes
        if pointer in start or pointer.startswith(tuple(f"{each}/" for each in start))
    ]
    while waiting:
        pointer = waiting.pop(0)
        node = document.nodes[pointer]
        for edge in node.edges:
            if edge.to not in seen:
                seen.add(edge.to)
                texts.append(_text(document.nodes[edge.to].value))
                waiting.append(edge.to)
    return "\n".join(texts)


def _text(value: object) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False)
