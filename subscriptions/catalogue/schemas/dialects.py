"""The dialects of JSON Schema that are read, and which of their keywords hold schemas.

What a keyword means to a value is jsonschema-rs' matter.
"""

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Any, NamedTuple

_Children = Iterator[tuple[tuple[str, ...], object]]


class Dialect(StrEnum):
    """A dialect, by the URI that `$schema` has."""

    DRAFT_2020_12 = "https://json-schema.org/draft/2020-12/schema"
    DRAFT_2019_09 = "https://json-schema.org/draft/2019-09/schema"
    DRAFT_07 = "http://json-schema.org/draft-07/schema#"
    DRAFT_04 = "http://json-schema.org/draft-04/schema#"

    @property
    def id_keyword(self) -> str:
        """What gives a schema its own URI."""
        return "id" if self is Dialect.DRAFT_04 else "$id"

    @property
    def ref_alone(self) -> bool:
        """Whether `$ref` hides all that stands beside it."""
        return self in (Dialect.DRAFT_07, Dialect.DRAFT_04)


class Where(StrEnum):
    """Where a schema within a schema is applied."""

    #: To the value itself.
    HERE = "here"
    #: To one member of the value, or one item of a fixed place.
    ONE = "one"
    #: To each of its members or items (or names) that the keyword is for.
    EACH = "each"
    #: Nowhere by itself.
    NOWHERE = "nowhere"


class Holder(NamedTuple):
    """How a keyword holds schemas."""

    where: Where
    #: `schema`, `list` or `map` of schemas; `either`: one, or a list of them; `mixed`: a map of schemas and lists of names.
    shape: str
    #: The dialects that know it.
    known: tuple[Dialect, ...]


_ALL = tuple(Dialect)
_SINCE_7 = (Dialect.DRAFT_07, Dialect.DRAFT_2019_09, Dialect.DRAFT_2020_12)
_SINCE_19 = (Dialect.DRAFT_2019_09, Dialect.DRAFT_2020_12)
_LATEST = (Dialect.DRAFT_2020_12,)
_BEFORE = (Dialect.DRAFT_04, Dialect.DRAFT_07, Dialect.DRAFT_2019_09)

HOLDERS: Mapping[str, Holder] = {
    **{name: Holder(Where.HERE, "list", _ALL) for name in ("allOf", "anyOf", "oneOf")},
    "not": Holder(Where.HERE, "schema", _ALL),
    **{name: Holder(Where.HERE, "schema", _SINCE_7) for name in ("if", "then", "else")},
    "dependentSchemas": Holder(Where.HERE, "map", _SINCE_19),
    "dependencies": Holder(Where.HERE, "mixed", _ALL),
    "properties": Holder(Where.ONE, "map", _ALL),
    "patternProperties": Holder(Where.EACH, "map", _ALL),
    "additionalProperties": Holder(Where.EACH, "schema", _ALL),
    "unevaluatedProperties": Holder(Where.EACH, "schema", _SINCE_19),
    "propertyNames": Holder(Where.EACH, "schema", _SINCE_7),
    "prefixItems": Holder(Where.ONE, "list", _LATEST),
    "items": Holder(Where.EACH, "either", _ALL),
    "additionalItems": Holder(Where.EACH, "schema", _BEFORE),
    "unevaluatedItems": Holder(Where.EACH, "schema", _SINCE_19),
    "contains": Holder(Where.EACH, "schema", _SINCE_7),
    "definitions": Holder(Where.NOWHERE, "map", _ALL),
    "$defs": Holder(Where.NOWHERE, "map", _SINCE_19),
    "contentSchema": Holder(Where.NOWHERE, "schema", _SINCE_19),
}

#: Keywords of any of the dialects that hold no schemas. Not `$schema`: it says what a text is in, and nothing of a value.
_NAMES = """
$anchor $comment $dynamicAnchor $dynamicRef $id $recursiveAnchor $recursiveRef $ref $vocabulary const contentEncoding
contentMediaType default dependentRequired deprecated description enum examples exclusiveMaximum exclusiveMinimum format
id maxContains maxItems maxLength maxProperties maximum minContains minItems minLength minProperties minimum multipleOf
pattern readOnly required title type uniqueItems writeOnly
"""
_PLAIN = frozenset(_NAMES.split())
_LISTED = {"enum", "required", "properties", "patternProperties", "dependentRequired", "dependencies", "type"}


def of(uri: str) -> Dialect | None:
    """The dialect that a `$schema` names, with or without the empty fragment, by http or https; None for another one."""
    plain = uri.removesuffix("#").split("://", 1)[-1]
    return next((each for each in Dialect if each.removesuffix("#").split("://", 1)[-1] == plain), None)


def strange(names: Iterable[str]) -> list[str]:
    """Of a schema's members those that are no keywords, where none is one; extensions (`x-...`) are nobody's mistake."""
    given = [name for name in names if name != "$schema" and not name.startswith("x-")]
    return [] if any(name in _PLAIN or name in HOLDERS for name in given) else given


def held(keyword: str, value: object, dialect: Dialect) -> _Children:
    """The schemas that a keyword holds, each with its path below the keyword."""
    holder = HOLDERS.get(keyword)
    if holder is None or dialect not in holder.known:
        return
    if isinstance(value, list) and holder.shape in ("list", "either"):
        yield from (((str(index),), each) for index, each in enumerate(value) if _schema(each))
    elif isinstance(value, dict) and holder.shape in ("map", "mixed"):
        yield from (((name,), each) for name, each in value.items() if _schema(each))
    elif holder.shape in ("schema", "either") and _schema(value):
        yield (), value


def entries(schema: Mapping[str, Any]) -> int:
    """How long the longest list is that a value is looked up in: names, choices, patterns."""
    return max(
        (len(schema[name]) for name in _LISTED & schema.keys() if isinstance(schema[name], list | dict)), default=0
    )


def _schema(value: object) -> bool:
    return isinstance(value, dict | bool)
