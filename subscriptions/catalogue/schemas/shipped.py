"""JSON Schemas that are shipped with us: trusted, so unbounded; and which of many alternatives was meant by what fits none."""

from collections.abc import Iterator
from itertools import chain, islice
from typing import Any, NamedTuple

import jsonschema_rs
from jsonschema_rs import ValidationError

#: Alternatives within alternatives that are looked into.
_DEPTH = 24
#: Faults of alternatives that are looked at for one document: after them what is wrong is told without what was nearest.
LOOKS = 5_000
#: What of a document holds things by names that anybody gives them, beside what is within `components`.
SHELVES = ("channels", "operations", "topics")
#: Members of such an object that are looked at at once.
PIECE = 40
#: Faults of one alternative that tell how near it is.
_MOST = 100
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
        if self._validator.is_valid(value):
            return []
        nearest = _Nearest()
        # Whole at last, for what shows in no piece of it.
        for piece in chain(_pieces(value), (value,)):
            for error in self._validator.iter_errors(piece):
                for fault in nearest.plain(error, 0):
                    found[fault] = None
                    if len(found) >= most:
                        return list(found)
        return list(found)


def _pieces(value: Any) -> Iterator[Any]:
    """A document with some members of its SHELVES at a time: errors are made for all of what is looked at, told or not."""
    if not isinstance(value, dict):
        yield value
        return
    components = value.get("components")
    held = components if isinstance(components, dict) else {}
    sizes = (len(each) for each in (*map(value.get, SHELVES), *held.values()) if isinstance(each, dict))
    for first in range(0, max(sizes, default=1) or 1, PIECE):
        piece = {name: _piece(each, first) if name in SHELVES else each for name, each in value.items()}
        yield piece | ({"components": {name: _piece(each, first) for name, each in held.items()}} if held else {})


def _piece(value: Any, first: int) -> Any:
    if not isinstance(value, dict):
        return value
    # What has come to its end begins again, for some may not be empty.
    return dict(islice(value.items(), first, first + PIECE)) or dict(islice(value.items(), PIECE))


class _Nearest:
    """Looks for the nearest of alternatives, at no more than LOOKS faults in all."""

    def __init__(self) -> None:
        self._left = LOOKS

    def plain(self, error: ValidationError, depth: int) -> Iterator[ShippedFault]:
        """What an error comes to."""
        alternatives = _alternatives(error) if self._left > 0 else []
        if not alternatives or depth == _DEPTH:
            yield ShippedFault(tuple(error.instance_path), _said(error))
            return
        nearest = max(alternatives, key=lambda errors: self._nearness(error, errors, depth))
        for each in nearest:
            yield from self.plain(each, depth + 1)

    def _nearness(self, above: ValidationError, errors: list[ValidationError], depth: int) -> tuple[int, int, int]:
        """How near an alternative comes to what was written: its kind first, then how deep its faults lie, then how few."""
        many, errors = len(errors), errors[:_MOST]
        here = len(above.instance_path)
        own = [error for error in errors if len(error.instance_path) == here and error.kind.name in _SHAPES]
        other = any(error.kind.name in ("type", "required") for error in own)
        # A reference was not meant by what has no $ref.
        reference = any(getattr(error.kind, "property", None) == "$ref" for error in own)
        return (
            -3 if reference else -2 if other else -1 if own else 0,
            min(self._deepest(error, depth + 1) for error in errors),
            -many,
        )

    def _deepest(self, error: ValidationError, depth: int) -> int:
        self._left -= 1
        alternatives = _alternatives(error) if self._left > 0 else []
        if not alternatives or depth == _DEPTH:
            return len(error.instance_path)
        return max(
            (self._deepest(each, depth + 1) for errors in alternatives for each in errors[:_MOST]),
            default=len(error.instance_path),
        )


def _alternatives(error: ValidationError) -> list[list[ValidationError]]:
    """What each alternative lacks; nothing where several of them fit, and none should be looked into."""
    found = getattr(error.kind, "context", None) or []
    return found if all(found) else []


def _said(error: ValidationError) -> str:
    text = " ".join(error.message.split())
    if len(text) <= 300:
        return text
    # The value itself is long; what is wrong with it stands at the end.
    return f"{text[:60]} ... {text[-200:]}"
