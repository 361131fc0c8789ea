"""A schema of a document as one text of its own: what it refers to comes along, and no reference leads out of it."""

from typing import Any
from urllib.parse import quote

import msgspec

from subscriptions.catalogue.asyncapi import bounds
from subscriptions.catalogue.asyncapi.references import Place, References, name_of, shown

#: Keywords that hold a schema or a list of schemas.
_SCHEMAS = frozenset(
    [
        "items",
        "additionalItems",
        "prefixItems",
        "unevaluatedItems",
        "contains",
        "additionalProperties",
        "unevaluatedProperties",
        "propertyNames",
        "not",
        "if",
        "then",
        "else",
        "allOf",
        "anyOf",
        "oneOf",
        "contentSchema",
        "extends",
    ]
)
#: Keywords that hold schemas by names that anybody gave.
_NAMED = frozenset(["properties", "patternProperties", "definitions", "$defs", "dependencies", "dependentSchemas"])
#: Dialects whose definitions stand under `definitions`.
_OLD = ("draft-04", "draft-06", "draft-07")

_encoder = msgspec.json.Encoder()


class SchemaBundles:
    """The schemas of one document; the same schema is made once."""

    def __init__(self, references: References) -> None:
        self._references = references
        self._made: dict[tuple[int, str], tuple[Any, bytes]] = {}
        self._bytes = 0

    def bundle(self, place: Place, dialect: str) -> bytes:
        """The schema at a place as JSON; raises Refused for references that cannot be followed, TooLarge.

        What it refers to stands under `$defs`, in dialects before 2019-09 under `definitions`; a schema that refers to itself,
        by however long a way, does so there.
        """
        key = (id(place.value), dialect)
        if key not in self._made:
            text = _encoder.encode(_Bundle(self._references, place, dialect).schema())
            self._bytes += len(text)
            if len(text) > bounds.MAX_SCHEMA_BYTES:
                raise bounds.refuse(shown(place), "bytes with all that the schema refers to", bounds.MAX_SCHEMA_BYTES)
            if self._bytes > bounds.MAX_TOLD:
                raise bounds.refuse(shown(place), "bytes in the schemas up to here", bounds.MAX_TOLD)
            # Kept with the schema: another one could have its identity once it is gone.
            self._made[key] = (place.value, text)
        return self._made[key][1]


class _Bundle:
    """One schema in the making."""

    def __init__(self, references: References, root: Place, dialect: str) -> None:
        self._references = references
        self._root = root
        self._shelf = "definitions" if dialect in _OLD else "$defs"
        self._identity = "id" if dialect == "draft-04" else "$id"
        self._nodes = 0
        #: By the identity of what is referred to: what a reference to it says now.
        self._known = {id(root.value): "#", **_own(root.value)}
        self._taken: set[str] = set()
        self._waiting: list[tuple[str, Place, Place | None]] = []

    def schema(self) -> Any:
        root = self._root
        made = self._copied(root, None)
        if not isinstance(made, dict):
            return made
        shelf = dict(made.get(self._shelf) or {})
        self._taken |= shelf.keys()
        if self._identity in root.value:
            made[self._identity] = root.value[self._identity]
        while self._waiting:
            name, target, within = self._waiting.pop()
            shelf[name] = self._copied(target, within)
        return {**made, self._shelf: shelf} if shelf else made

    def _copied(self, place: Place, within: Place | None) -> Any:
        """A schema with its references rewritten; `within`: the schema with an identity of its own that they are relative to."""
        schema = place.value
        self._count(1, place)
        if isinstance(schema, list):
            return [self._copied(place.at(number), within) for number in range(len(schema))]
        if not isinstance(schema, dict):
            return schema
        if self._identified(schema):
            within = place
        made = {name: self._member(place.at(name), within) for name in schema}
        # What references are relative to is the whole from now on.
        made.pop(self._identity, None)
        if place.value is not self._root.value:
            made.pop("$schema", None)
        return made

    def _member(self, place: Place, within: Place | None) -> Any:
        keyword, value = place.steps[-1], place.value
        if keyword in _SCHEMAS:
            return self._copied(place, within)
        if keyword in _NAMED and isinstance(value, dict):
            self._count(1, place)
            return {name: self._copied(place.at(name), within) for name in value}
        if keyword == "$ref" and isinstance(value, str):
            return self._reference(place, within)
        self._count(_nodes(value), place)
        return value

    def _reference(self, place: Place, within: Place | None) -> str:
        origin = Place(value=None, steps=place.steps[:-1])
        target = self._references.lead(place.value, origin, within=within)
        said = self._known.get(id(target.value)) if isinstance(target.value, dict | list) else None
        if said is None:
            name = self._free(name_of(place.value) or "schema")
            said = _pointed(self._shelf, name)
            self._known[id(target.value)] = said
            self._waiting.append((name, target, within))
        return said

    def _free(self, name: str) -> str:
        own = self._root.value.get(self._shelf) if isinstance(self._root.value, dict) else None
        taken = self._taken | (own.keys() if isinstance(own, dict) else set())
        free, number = name, 2
        while free in taken:
            free, number = f"{name}-{number}", number + 1
        self._taken.add(free)
        return free

    def _identified(self, schema: dict[str, Any]) -> bool:
        identity = schema.get(self._identity)
        return isinstance(identity, str) and not identity.startswith("#")

    def _count(self, nodes: int, place: Place) -> None:
        self._nodes += nodes
        if self._nodes > bounds.MAX_SCHEMA_NODES:
            raise bounds.refuse(shown(place), "values with all that the schema refers to", bounds.MAX_SCHEMA_NODES)


def _own(root: Any) -> dict[int, str]:
    """How a schema's own definitions are referred to: they come along as they are."""
    if not isinstance(root, dict):
        return {}
    shelves = [(shelf, root[shelf]) for shelf in ("definitions", "$defs") if isinstance(root.get(shelf), dict)]
    named = [(shelf, name, value) for shelf, values in shelves for name, value in values.items()]
    return {id(value): _pointed(shelf, name) for shelf, name, value in named if isinstance(value, dict)}


def _pointed(shelf: str, name: str) -> str:
    return f"#/{shelf}/" + quote(name.replace("~", "~0").replace("/", "~1"), safe="~!$&'()*+,;=:@")


def _nodes(value: Any) -> int:
    waiting, count = [value], 0
    while waiting:
        each = waiting.pop()
        count += 1
        if isinstance(each, dict):
            waiting += each.values()
        elif isinstance(each, list):
            waiting += each
    return count
