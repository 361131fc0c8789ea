"""A JSON Schema as a tree that people read: one line a property, with what it has to be in a few words.

How lines are drawn is left to pages.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

#: Lines of one schema, and how deep they go; beyond, it is read as JSON.
MOST, DEEPEST = 400, 12
#: References that lead to each other, one within another.
_FOLLOWED = 50
#: Characters of a description; of a name, a kind or a rule; and of all lines together.
DESCRIBED, SAID, WHOLE = 500, 200, 60_000
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
    size = 0
    for line in _Tree(schema).walk(schema, "", 0, False, ()):
        size += len(line.name) + len(line.kind) + len(line.description) + sum(map(len, line.rules))
        if size > WHOLE:
            break
        found.append(line)
        if len(found) == MOST:
            break
    return found


def cut(text: str, most: int) -> str:
    """A text, shortened to `most` characters where it is longer."""
    return text if len(text) <= most else text[:most] + "…"


class _Tree:
    """Walks one schema, whose `$ref` lead into itself."""

    def __init__(self, root: Any) -> None:
        self._root = root
        #: By identity: the same value is met wherever a reference leads to it.
        self._texts: dict[int, str] = {}

    def walk(self, schema: Any, name: str, depth: int, required: bool, open_: tuple[str, ...]) -> Iterator[SchemaLine]:
        """The line of a schema, and those below it."""
        reference = schema.get("$ref") if isinstance(schema, dict) else None
        if isinstance(reference, str):
            target = self._followed(reference)
            if reference in open_ or target is None or depth >= DEEPEST or len(open_) == _FOLLOWED:
                kind = reference.rpartition("/")[2] or reference
                yield SchemaLine(
                    depth=depth,
                    name=cut(name, SAID),
                    kind=f"{cut(kind, SAID)} again",
                    required=required,
                    description="",
                    rules=(),
                )
                return
            beside = {key: value for key, value in schema.items() if key != "$ref"}
            merged = {**target, **beside} if isinstance(target, dict) else target
            yield from self.walk(merged, name, depth, required, (*open_, reference))
            return
        yield SchemaLine(
            depth=depth,
            name=cut(name, SAID),
            kind=cut(self._kind(schema), SAID),
            required=required,
            description=self._text(schema.get("description", ""), DESCRIBED) if isinstance(schema, dict) else "",
            rules=self._rules(schema),
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

    def _kind(self, schema: Any) -> str:
        if not isinstance(schema, dict):
            return "anything" if schema else "nothing"
        if "const" in schema:
            return self._json(schema["const"])
        if isinstance(schema.get("enum"), list):
            return ", ".join(self._json(each) for each in schema["enum"][:50])
        given = schema.get("type")
        if isinstance(given, list):
            return " or ".join(map(str, given[:10]))
        if given is not None:
            return self._text(given)
        return "object" if "properties" in schema else "" if any(word in schema for word in _CHOICES) else "anything"

    def _rules(self, schema: Any) -> tuple[str, ...]:
        if not isinstance(schema, dict):
            return ()
        said = [f"{name}: {self._text(schema[name])}" for name in _RULES if name in schema]
        if schema.get("additionalProperties") is False:
            said.append("no other properties")
        if schema.get("deprecated") is True:
            said.append("deprecated")
        if schema.get("properties") is None and isinstance(schema.get("required"), list):
            said.append(cut("has " + ", ".join(map(self._text, schema["required"][:50])), SAID))
        return tuple(said)

    def _text(self, value: Any, most: int = SAID) -> str:
        return cut(value, most) if isinstance(value, str) else self._json(value)

    def _json(self, value: Any) -> str:
        known = self._texts.get(id(value))
        if known is None:
            known = self._texts[id(value)] = cut(msgspec.json.encode(value).decode(), SAID)
        return known


def _below(schema: Mapping[str, Any]) -> Iterator[tuple[Any, str, bool]]:
    """Schemas within one: each with what it is called, and whether it is required."""
    required = schema.get("required")
    wanted = {each for each in required if isinstance(each, str)} if isinstance(required, list) else set()
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
