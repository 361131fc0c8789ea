"""Validators made of schemas, and those of them that a process keeps: what is known of jsonschema-rs is known here.

What may be compiled at all is `bounds.py`'s matter, what a refusal says `faults.py`'s.
"""

import json
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any, Generic, TypeVar

import jsonschema_rs

from subscriptions.catalogue.schemas import bounds, matching, patterns, plain
from subscriptions.catalogue.schemas.bounds import Weight
from subscriptions.catalogue.schemas.dialects import Dialect
from subscriptions.catalogue.schemas.document import SchemaDocument
from subscriptions.catalogue.schemas.plain import StepCount
from subscriptions.events import json_text

V = TypeVar("V")

#: Bytes of memory that the validators take which a process keeps; one takes about forty times its schema's text, and for each of
#: its regular expressions twice the table that matching makes, and something for each schema that a reference stands for.
KEPT_BYTES, _TIMES, _EXPRESSION, _SCHEMA = 64 * 1024 * 1024, 40, 256 * 1024, 500
#: What comparing with a schema may take, as `matching.work` counts: some seconds of a thread.
MAX_COMPARED_WORK = 20 * matching.MAX_WORK

_PATTERNS = patterns.options()
_OFFLINE: dict[str, Any] = {"pattern_options": _PATTERNS, "offline": True, "validate_formats": True, "mask": "it"}

#: What a kept validator is of: a schema's text, and its dialect.
Key = tuple[bytes, Dialect]


class Unusable(Exception):
    """A schema that no validator can be made of."""

    def __init__(self, path: list[str | int], message: str) -> None:
        super().__init__(message)
        #: Where in the schema.
        self.path = path
        self.message = message


class TooIntricateError(Exception):
    """Comparing two schemas took more than MAX_COMPARED_WORK."""


class Compiled:
    """A schema that judges."""

    def __init__(self, text: str, document: SchemaDocument) -> None:
        """`text` names its dialect. Raises Unusable."""
        self.document = document
        self.weight: Weight = bounds.weighed(document)
        #: Of each schema that applies; None: it is not plain.
        self.steps: Mapping[str, StepCount] | None = plain.steps(document, text.encode())
        #: Bytes of memory, about.
        schemas = 0 if self.steps is None else self.steps[""].schemas
        self.memory = memory(text.encode(), schemas) + _EXPRESSION * bounds.expressions(document)
        #: Microseconds that making it took, where that was measured.
        self.took = 0
        self._text = text
        self._parts: jsonschema_rs.ValidatorMap | None = None
        self._matchers: dict[str, Callable[[object], bool]] = {}
        self._spent = 0
        self.accepts = validator(text)

    def part_accepts(self, pointer: str, value: object) -> bool:
        """Whether the schema at a pointer takes a value."""
        if self._parts is None:
            self._parts = jsonschema_rs.validator_map_for(self._text, **_OFFLINE)
        validator = self._parts.get(f"#{pointer}")
        return validator is None or validator.is_valid(value)

    def spend(self, value: object, times: int) -> None:
        """Counts what judging a value takes, for who judges many; raises TooIntricateError."""
        self._spent += times * matching.work(matching.measured(value), self.weight)
        if self._spent > MAX_COMPARED_WORK:
            raise TooIntricateError

    def matches(self, pattern: str, name: str) -> bool:
        """Whether a member's name matches one of the schema's regular expressions."""
        other = self._matchers.get(pattern)
        if other is None:
            alone = {"patternProperties": {pattern: False}}
            other = self._matchers[pattern] = jsonschema_rs.validator_for(alone, **_OFFLINE).is_valid
        return not other({name: 0})


class Kept(Generic[V]):
    """The validators that were used last, as many as take `most` bytes of memory."""

    def __init__(self, most: int = KEPT_BYTES) -> None:
        self._most = most
        self._held = 0
        self._compiled: OrderedDict[Key, tuple[V, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._compiled)

    def find(self, key: Key) -> V | None:
        """The validator of a schema, if it is kept."""
        found = self._compiled.get(key)
        if found is None:
            return None
        self._compiled.move_to_end(key)
        return found[0]

    def keep(self, key: Key, compiled: V, memory: int) -> None:
        """Keeps it, which takes so many bytes, and lets go of those that were not used for longest."""
        if key not in self._compiled:
            self._compiled[key] = compiled, memory
            self._held += memory
        while self._held > self._most and len(self._compiled) > 1:
            _, (_, freed) = self._compiled.popitem(last=False)
            self._held -= freed


def memory(text: bytes, schemas: int) -> int:
    """Bytes that the validator of a schema takes, about, which comes to so many and has no regular expressions."""
    return _TIMES * len(text) + _SCHEMA * schemas


def named(text: bytes, dialect: Dialect) -> str:
    """A schema's text (JSON that was read, an object) that names its dialect."""
    if b'"$schema"' in text and "$schema" in json_text.load(text):
        return text.decode()
    rest = b"}" if text == b"{}" else b"," + text[1:]
    return (b'{"$schema":%b%b' % (json_text.quote(dialect.value), rest)).decode()


def validator(text: str) -> Callable[[object], bool]:
    """What judges by a schema's text, and nothing more; raises Unusable."""
    try:
        return jsonschema_rs.validator_for(text, **_OFFLINE).is_valid
    except jsonschema_rs.ValidationError as error:
        raise Unusable(error.instance_path, _said(error)) from None


def meta_faults(schema: dict[str, Any], dialect: Dialect) -> Iterator[tuple[list[str | int], str]]:
    """What the meta-schema of the dialect finds wrong with a schema: each place and a sentence."""
    judge = _meta(dialect)
    if judge.is_valid(schema):
        return
    for error in judge.iter_errors(schema):
        yield error.instance_path, _said(error)


def keyword_faults(keywords: dict[str, Any], value: object, dialect: Dialect) -> list[tuple[str, str]]:
    """What keywords that hold no schemas say of a value: each keyword that refuses it and a sentence."""
    text = json.dumps({"$schema": dialect.value, **keywords})
    errors = jsonschema_rs.validator_for(text, **_OFFLINE).iter_errors(value)
    return [(str(error.schema_path[0]) if error.schema_path else "", _said(error)) for error in errors]


@lru_cache(len(Dialect))
def _meta(dialect: Dialect) -> jsonschema_rs.Validator:
    # Not _OFFLINE's mask: a keyword's value is what the sentence is about.
    return jsonschema_rs.validator_for(
        {"$schema": dialect.value, "$ref": dialect.value},
        offline=True,
        pattern_options=_PATTERNS,
        validate_formats=True,
    )


def _said(error: jsonschema_rs.ValidationError) -> str:
    if error.kind.name == "format" and error.kind.value == "regex":
        return "is no regular expression as they are taken here: no look-around, no back-reference, compiled 256 KiB at most"
    return error.message[:300]
