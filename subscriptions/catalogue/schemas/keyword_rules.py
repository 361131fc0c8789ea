"""What the keywords of one value allow under a new schema that they did not under the old one.

Keywords that hold schemas are `compatibility.py`'s matter.
"""

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from subscriptions.catalogue.schemas.conjuncts import ComparedPlace, Conjunct

#: Keywords that bound, with the type that they speak of, and whether the new bound must not be lower.
_LOWER = {"minLength": "string", "minItems": "array", "minProperties": "object"}
_UPPER = {"maxLength": "string", "maxItems": "array", "maxProperties": "object"}
_NUMBERS = {"integer", "fraction"}
#: Kept as they are, or nothing can be told.
_SAME = {"pattern": "string", "format": "", "contentEncoding": "string", "contentMediaType": "string"}

_Found = Iterator[tuple[str, str]]


def widened(old: Conjunct, after: ComparedPlace) -> _Found:
    """Each pointer at which a value may come that one of the old schemas refused by its own keywords, and why."""
    types = after.types()
    yield from _types(old, after)
    for keyword, kind in {**_LOWER, **_UPPER}.items():
        if keyword in old.members and kind in types:
            yield from _bounded(old, after, keyword, lower=keyword in _LOWER)
    if types & _NUMBERS:
        yield from _range(old, after)
        yield from _multiple(old, after)
    for keyword, kind in _SAME.items():
        wanted = old.members.get(keyword)
        if wanted is not None and (not kind or kind in types) and not _has(after, keyword, wanted):
            yield after.at(keyword), f"{keyword} is not {_shown(wanted)} any more"
    if "array" in types and old.members.get("uniqueItems") is True and not _has(after, "uniqueItems", True):
        yield after.at("uniqueItems"), "items may come twice now"
    if "object" in types:
        yield from _required(old, after)
    if "enum" in old.members or "const" in old.members:
        # A list of the new schema's own was asked value by value.
        yield after.pointer, "any value may come now; the old schema listed them"


def _types(old: Conjunct, after: ComparedPlace) -> _Found:
    named = old.members.get("type")
    if named is None:
        return
    before = ComparedPlace(after.compiled, ())
    before.conjuncts.append(old)
    more = after.types() - before.types()
    if more:
        named_so = sorted({"number" if each == "fraction" else each for each in more})
        yield after.at("type"), f"may be of another type now: {', '.join(named_so)}"


def _bounded(old: Conjunct, after: ComparedPlace, keyword: str, *, lower: bool) -> _Found:
    was = old.members[keyword]
    bounds = [each.members[keyword] for each in after.holding(keyword)]
    if (lower and was <= 0) or any((bound >= was) if lower else (bound <= was) for bound in bounds):
        return
    yield after.at(keyword), f"{keyword} was {was} and is {bounds[0] if bounds else 'gone'}"


def _range(old: Conjunct, after: ComparedPlace) -> _Found:
    for keyword, exclusive, sign in (("minimum", "exclusiveMinimum", 1), ("maximum", "exclusiveMaximum", -1)):
        for was in _limits(old, keyword, exclusive, sign):
            now = [limit for each in after.conjuncts for limit in _limits(each, keyword, exclusive, sign)]
            if not any(limit >= was for limit in now):
                said = f"the {keyword} was {was[0] * sign} and is {now[0][0] * sign if now else 'gone'}"
                yield after.at(keyword if after.holding(keyword) else exclusive), said


def _limits(conjunct: Conjunct, keyword: str, exclusive: str, sign: int) -> list[tuple[Decimal, bool]]:
    """Each limit, turned so that more is narrower, and whether the limit itself is excluded (in draft-04 a boolean says so)."""
    found = []
    limit, also = conjunct.members.get(keyword), conjunct.members.get(exclusive)
    if limit is not None:
        found.append((_exact(limit) * sign, also is True))
    if also is not None and not isinstance(also, bool):
        found.append((_exact(also) * sign, True))
    return found


def _multiple(old: Conjunct, after: ComparedPlace) -> _Found:
    was = old.members.get("multipleOf")
    if was is None or (was == 1 and "fraction" not in after.types()):
        return
    now = [_exact(each.members["multipleOf"]) for each in after.holding("multipleOf")]
    if not any(_divides(_exact(was), each) for each in now):
        yield after.at("multipleOf"), f"need not be a multiple of {was} any more"


def _divides(small: Decimal, large: Decimal) -> bool:
    try:
        return large % small == 0
    except ArithmeticError:
        return False


def _required(old: Conjunct, after: ComparedPlace) -> _Found:
    there = needed(after)
    for name in _names(old, "required"):
        if name not in there:
            yield after.at("required"), f"the member {_shown(name)} may be missing now"
    for keyword in ("dependentRequired", "dependencies"):
        for name, others in old.members.get(keyword, {}).items():
            if not isinstance(others, list):
                continue
            now = there.union(*(_names(each, keyword, name) for each in after.conjuncts))
            for other in others:
                if other not in now:
                    said = f"the member {_shown(other)} may be missing beside {_shown(name)} now"
                    yield after.at(keyword), said


def needed(place: ComparedPlace) -> set[str]:
    """The members that must be there."""
    return {name for each in place.conjuncts for name in _names(each, "required")}


def _names(conjunct: Conjunct, keyword: str, *path: str) -> list[str]:
    found = conjunct.members.get(keyword, ())
    for step in path:
        found = found.get(step, ()) if isinstance(found, dict) else ()
    return found if isinstance(found, list) else []


def _has(place: ComparedPlace, keyword: str, value: object) -> bool:
    return any(each.members[keyword] == value for each in place.holding(keyword))


def _exact(number: Any) -> Decimal:
    return Decimal(str(number))


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else text[:80] + "..."
