"""JSON Schemas that are shipped with us: trusted, so unbounded; and which of many alternatives was meant by what fits none."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import jsonschema_rs
from jsonschema_rs import ValidationError

#: Alternatives within alternatives that are looked into.
_DEPTH = 24
#: Keywords whose fault says how something is written rather than which kind of thing it is.
_SHAPES = ("required", "type", "additionalProperties", "const", "enum")


class ShippedFault(NamedTuple):
    """One thing that does not hold."""

    #: The keys and indexes that lead to it.
    steps: tuple[str | int, ...]
    #: A sentence without a full stop.
    message: str


class ShippedSchema:
    """A schema compiled once: a hundred milliseconds for the largest."""

    def __init__(self, schema: Any) -> None:
        self._validator = jsonschema_rs.validator_for(schema)

    def faults(self, value: Any, *, most: int) -> list[ShippedFault]:
        """What of a value does not hold, at most so much; of alternatives, what the nearest of them lacks."""
        found: dict[ShippedFault, None] = {}
        for error in self._validator.iter_errors(value):
            for fault in _plain(error, 0):
                found[fault] = None
            if len(found) >= most:
                break
        return list(found)[:most]


def _plain(error: ValidationError, depth: int) -> Iterator[ShippedFault]:
    alternatives = _alternatives(error)
    if not alternatives or depth == _DEPTH:
        yield ShippedFault(tuple(error.instance_path), _said(error))
        return
    nearest = max(alternatives, key=lambda errors: _nearness(error, errors, depth))
    for each in nearest:
        yield from _plain(each, depth + 1)


def _alternatives(error: ValidationError) -> list[list[ValidationError]]:
    """What each alternative lacks; nothing where several of them fit, and none should be looked into."""
    found = getattr(error.kind, "context", None) or []
    return found if all(found) else []


def _nearness(above: ValidationError, errors: list[ValidationError], depth: int) -> tuple[int, int, int]:
    """How near an alternative comes to what was written: its kind first, then how deep its faults lie, then how few they are."""
    here = len(above.instance_path)
    own = [error for error in errors if len(error.instance_path) == here and error.kind.name in _SHAPES]
    other = any(error.kind.name in ("type", "required") for error in own)
    # A reference was not meant by what has no $ref.
    reference = any(getattr(error.kind, "property", None) == "$ref" for error in own)
    return (
        -3 if reference else -2 if other else -1 if own else 0,
        min(_deepest(error, depth + 1) for error in errors),
        -len(errors),
    )


def _deepest(error: ValidationError, depth: int) -> int:
    alternatives = _alternatives(error)
    if not alternatives or depth == _DEPTH:
        return len(error.instance_path)
    return max(
        (_deepest(each, depth + 1) for errors in alternatives for each in errors), default=len(error.instance_path)
    )


def _said(error: ValidationError) -> str:
    text = " ".join(error.message.split())
    if len(text) <= 300:
        return text
    # The value itself is long; what is wrong with it stands at the end.
    return f"{text[:60]} ... {text[-200:]}"
