"""A JSON Schema as a tree that people read: one line a property, with what it has to be in a few words.

How lines are drawn is left to pages.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

#: Lines of one schema, and how deep they go; beyond, it is read as JSON.
MOST, DEEPEST = 400, 12
#: Rules that are told as they stand, in this order.
_RULES = (
    "format",
    "pattern",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "uniqueItems",
    "minProperties",
    "maxProperties",
    "default",
)
_CHOICES = {"oneOf": "one of", "anyOf": "any of", "allOf": "and"}


@dataclass(frozen=True, kw_only=True, slots=True)
class SchemaLine:
    """A property, an item of an array or a choice."""

    depth: int
    #: Empty for the whole, `[ ]` for items, `*` for properties of any other name.
    name: str
    #: Such as `string`, `object or null`, `"CREATE"`.
    kind: str
    required: bool
    description: str
    #: Such as `format: date-time`.
    rules: tuple[str, ...]


def lines(schema: Any) -> list[SchemaLine]:
    """The lines of a schema, MOST at most; of one that refers to itself the second time is named only."""
    found: list[SchemaLine] = []
    for line in _Tree(schema).walk(schema, "", 0, False, ()):
        found.append(line)
        if len(found) == MOST:
            break
    return found


class _Tree:
    """Walks one schema, whose `$ref` lead into itself."""

    def __init__(self, root: Any) -> None:
        self._root = root

    def walk(self, schema: Any, name: str, depth: int, required: bool, open_: tuple[str, ...]) -> Iterator[SchemaLine]:
        """The line of a schema, and those below it."""
        reference = schema.get("$ref") if isinstance(schema, dict) else None
        if isinstance(reference, str):
            target = self._followed(reference)
            if reference in open_ or target is None or depth >= DEEPEST:
                kind = reference.rpartition("/")[2] or reference
                yield SchemaLine(
                    depth=depth, name=name, kind=f"{kind} again", required=required, description="", rules=()
                )
                return
            beside = {key: value for key, value in schema.items() if key != "$ref"}
            merged = {**target, **beside} if isinstance(target, dict) else target
            yield from self.walk(merged, name, depth, required, (*open_, reference))
            return
        yield SchemaLine(
            depth=depth,
            name=name,
            kind=_kind(schema),
            required=required,
            description=str(schema.get("description", "")) if isinstance(schema, dict) else "",
            rules=_rules(schema),
        )
        if isinstance(schema, dict) and depth < DEEPEST:
            for below, called, asked in _below(schema):
                yield from self.walk(below, called, depth + 1, asked, open_)

    def _followed(self, reference: str) -> Any:
        if not reference.startswith("#"):
            return None
        place: Any = self._root
        for step in reference[1:].split("/")[1:]:
            key = step.replace("~1", "/").replace("~0", "~")
            if isinstance(place, dict):
                place = place.get(key)
            elif isinstance(place, list) and key.isdecimal() and int(key) < len(place):
                place = place[int(key)]
            else:
                return None
        return place


def _below(schema: Mapping[str, Any]) -> Iterator[tuple[Any, str, bool]]:
    """Schemas within one: each with what it is called, and whether it is required."""
    required = schema.get("required")
    wanted: Sequence[str] = required if isinstance(required, list) else ()
    properties = schema.get("properties")
    if isinstance(properties, dict):
        for name, each in properties.items():
            yield each, name, name in wanted
    patterns = schema.get("patternProperties")
    if isinstance(patterns, dict):
        for pattern, each in patterns.items():
            yield each, f"/{pattern}/", False
    if isinstance(schema.get("additionalProperties"), dict):
        yield schema["additionalProperties"], "*", False
    items = schema.get("items")
    for each in items if isinstance(items, list) else [items] if isinstance(items, dict) else []:
        yield each, "[ ]", False
    for word, said in _CHOICES.items():
        choices = schema.get(word)
        for each in choices if isinstance(choices, list) else []:
            yield each, said, False


def _kind(schema: Any) -> str:
    if not isinstance(schema, dict):
        return "anything" if schema else "nothing"
    if "const" in schema:
        return _json(schema["const"])
    if isinstance(schema.get("enum"), list):
        return ", ".join(_json(each) for each in schema["enum"][:50])
    given = schema.get("type")
    if isinstance(given, list):
        return " or ".join(map(str, given))
    if given is not None:
        return str(given)
    return "object" if "properties" in schema else "" if any(word in schema for word in _CHOICES) else "anything"


def _rules(schema: Any) -> tuple[str, ...]:
    if not isinstance(schema, dict):
        return ()
    said = [f"{name}: {_plain(schema[name])}" for name in _RULES if name in schema]
    if schema.get("additionalProperties") is False:
        said.append("no other properties")
    if schema.get("deprecated") is True:
        said.append("deprecated")
    if schema.get("properties") is None and isinstance(schema.get("required"), list):
        said.append("has " + ", ".join(map(str, schema["required"])))
    return tuple(said)


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else _json(value)


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()[:200]
