"""The keywords whose cost is known: what each takes of steps at a value that it looks at.

Each entry is a promise about jsonschema-rs (0.60, measured): the time is linear in what is counted. What is not listed here is
not plain, whatever it is. How they add up is `plain.py`'s matter.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from subscriptions.catalogue.schemas import patterns
from subscriptions.catalogue.schemas.dialects import HOLDERS, Dialect
from subscriptions.catalogue.schemas.document import Node

#: Regular expressions of a plain schema, and kilobytes of each.
PATTERNS, KILOBYTES = 20, 64
#: Larger bounds, and those with a fraction, are compared as fractions of integers, and so is each number of a list.
_WHOLE, _FRACTION = 2**53, 80


class Own(NamedTuple):
    """What a schema's own keywords take."""

    #: Steps at the value.
    here: int = 0
    #: Steps at each member or item of it.
    member: int = 0
    #: Hundredths of steps for each byte of strings and names.
    text: int = 0
    patterns: int = 0


_Weigh = Callable[[Any], Own | None]

#: What says nothing of a value, or holds what others refer to.
_SILENT = {"title", "description", "default", "examples", "$comment", "deprecated", "readOnly", "writeOnly"}
_SILENT |= {"definitions", "$defs"}
#: What only the whole may say.
_ROOT = {"$schema", "$id"}
_LINEAR = {"date-time", "date", "time", "duration", "email", "hostname", "ipv4", "ipv6", "uri", "uri-reference", "uuid"}


def own(node: Node, dialect: Dialect, *, root: bool) -> Own | None:
    """What a schema's own keywords take, without the schemas that they hold; None where it is not plain."""
    if isinstance(node.value, bool):
        return Own(here=1)
    # Also what a reference hides: whether it does is not relied on.
    here, member, text, count = 1, 0, 0, 0
    for keyword, value in node.value.items():
        if keyword in _SILENT or keyword.startswith("x-") or (root and keyword in _ROOT):
            continue
        weigh, holder = _PLAIN.get(keyword), HOLDERS.get(keyword)
        # One of another dialect holds nothing here, as far as one knows.
        known = weigh is not None and (holder is None or dialect in holder.known)
        found = weigh(value) if weigh is not None and known else None
        if found is None:
            return None
        here, member = here + found.here, member + found.member
        text, count = text + found.text, count + found.patterns
    if "additionalProperties" in node.value:
        # Each name is looked for among those that are listed.
        member += 2 + len(node.value.get("properties", ())) // 5
    # A reference beside other keywords: which of them count differs by dialect.
    return (
        None
        if dialect.ref_alone and "$ref" in node.value and (here, text) != (2, 0)
        else Own(here, member, text, count)
    )


def _of(here: int, text: int = 0) -> _Weigh:
    return lambda _value: Own(here=here, text=text)


def _list(value: Any) -> Own | None:
    return Own(here=1 + len(value)) if isinstance(value, list) else None


def _map(value: Any) -> Own | None:
    return Own(here=1 + len(value), text=4) if isinstance(value, dict) else None


def _schemas(value: Any) -> Own | None:
    return _list(value) if isinstance(value, list) else Own(here=1)


def _reference(value: Any) -> Own | None:
    """Those alone that are pointers as they stand."""
    plain = isinstance(value, str) and (value == "#" or value.startswith("#/")) and "%" not in value
    return Own(here=1) if plain else None


def _bound(value: Any) -> Own | None:
    if isinstance(value, bool):
        return Own(here=1)
    if isinstance(value, int) and abs(value) <= _WHOLE:
        return Own(here=1)
    return Own(here=_FRACTION) if isinstance(value, int | float) else None


def _multiple(value: Any) -> Own | None:
    whole = isinstance(value, int) and not isinstance(value, bool) and 0 < value <= _WHOLE
    return Own(here=_FRACTION) if whole else None


def _choices(value: Any) -> Own | None:
    if not isinstance(value, list) or not all(each is None or isinstance(each, str | int | float) for each in value):
        return None
    numbers = sum(isinstance(each, int | float) for each in value)
    return Own(here=1 + _FRACTION * numbers + len(value) // 5, text=2 + len(value) // 20)


def _const(value: Any) -> Own | None:
    return _choices([value])


def _format(value: Any) -> Own | None:
    return Own(here=12, text=40) if isinstance(value, str) and value in _LINEAR else None


def _pattern(value: Any) -> Own | None:
    if not isinstance(value, str) or len(value) > patterns.LONGEST:
        return None
    size = patterns.kilobytes(value)
    return Own(here=2, text=30 * size, patterns=1) if size <= KILOBYTES else None


def _needed(value: Any) -> Own | None:
    if not isinstance(value, dict) or not all(isinstance(each, list) for each in value.values()):
        return None
    return Own(here=1 + len(value) + sum(map(len, value.values())))


_PLAIN: Mapping[str, _Weigh] = {
    "type": _of(1),
    "properties": _map,
    "required": _list,
    "dependentRequired": _needed,
    "additionalProperties": _of(1, 4),
    "items": _schemas,
    "prefixItems": _list,
    "additionalItems": _of(1),
    "enum": _choices,
    "const": _const,
    **dict.fromkeys(("minLength", "maxLength"), _of(1, 4)),
    **dict.fromkeys(("minItems", "maxItems", "minProperties", "maxProperties"), _of(1)),
    **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"), _bound),
    "multipleOf": _multiple,
    "format": _format,
    "pattern": _pattern,
    "$ref": _reference,
    **dict.fromkeys(("allOf", "anyOf", "oneOf"), _list),
    **dict.fromkeys(("if", "then", "else"), _of(1)),
}
