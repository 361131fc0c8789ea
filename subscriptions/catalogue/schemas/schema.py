"""A schema that was vetted: it may be kept, and judges payloads.

How a schema is taken apart, bounded and compiled are the other modules' matters here.
"""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from hashlib import sha256
from itertools import islice
from typing import Any

import msgspec

from subscriptions.catalogue.schemas import bounds, compiling, dialects, faults, matching, pointers, quick
from subscriptions.catalogue.schemas.compiling import Compiled, Kept, Unusable
from subscriptions.catalogue.schemas.dialects import Dialect
from subscriptions.catalogue.schemas.document import MOST, SchemaDocument, issue
from subscriptions.catalogue.schemas.faults import Fault
from subscriptions.catalogue.schemas.matching import MAX_MATCHED, MAX_WORK
from subscriptions.catalogue.schemas.quick import Facts
from subscriptions.events import json_bounds, json_text
from subscriptions.ground import apart
from subscriptions.ground.errors import Issue, Refused

#: What all examples of a schema may take, as `matching.work` counts; work for a thread.
MAX_EXAMPLES_WORK = 4 * MAX_WORK
#: Digits that a binary number keeps whatever they are.
_EXACT = 15

_kept: Kept[Compiled] = Kept()


@dataclass(frozen=True)
class Schema:
    """A JSON Schema that was vetted, as its text: what it takes to judge is made when it is first asked."""

    #: Compact JSON as it was given, keys in their order, numbers as they were spelt.
    text: bytes
    dialect: Dialect

    def work(self, payload: bytes) -> int:
        """What asking `accepts` may take at the most, as `matching.work` counts, and a step for each byte to compile it."""
        if len(self.text) >= MAX_WORK:
            return MAX_WORK + len(self.text)
        weight = judge(self).weight
        return min(len(payload) * max(weight.repeated, weight.patterns), MAX_WORK) + len(self.text)

    @cached_property
    def digest(self) -> bytes:
        """Tells schemas apart, in little room."""
        return sha256(self.dialect.value.encode() + self.text).digest()

    def facts(self) -> Facts:
        """What is known of it; compiles it where that was not done."""
        by = judge(self)
        return Facts(None if by.steps is None else by.steps[""], by.took, by.memory)

    def accepts(self, payload: bytes) -> bool:
        """Whether a payload (JSON that was read) fits.

        A kilobyte takes about 10 microseconds once the schema is compiled. False also where it would take too long to tell.
        """
        by = judge(self)
        value = decoded(payload)
        return not _too_long(by, payload, value) and bool(by.accepts(value))

    def faults(self, payload: bytes) -> list[Fault]:
        """What does not fit, at most 20 places; empty for a payload that fits."""
        by = judge(self)
        value = decoded(payload)
        long = _too_long(by, payload, value)
        if long:
            return [Fault("", long)]
        return [] if by.accepts(value) else faults.of(by, value)


def vet(text: bytes, *, dialect: Dialect | None = None, examples: Iterable[bytes] = ()) -> Schema:
    """The schema of a JSON text. `dialect` is what it is in where `$schema` does not say so; 2020-12 for want of both.

    Raises Malformed for what is no JSON, TooLarge over `bounds`, and Refused, each place named by a pointer, for another dialect,
    what its meta-schema refuses, a number beyond a double, a reference out of the document or to nothing, a regular expression
    that is not linear, too much work for one value, and an example (given, or under `examples` anywhere in it) that does not
    fit. Work for `Apart`, which does it in another process where it might take long.
    """
    examples = tuple(examples)
    bounds.sized(text)
    read = json_text.read(text, root="schema")
    value = json_text.load(read.text)
    if not isinstance(value, dict):
        raise Refused(issue("", "a schema is a JSON object"))
    bounds.counted(value)
    beyond = [issue(pointers.joined("", *path), json_bounds.BEYOND) for path in json_bounds.beyond(value)]
    if beyond:
        raise Refused(*beyond[:MOST])
    schema = Schema(read.text, _dialect(value, dialect))
    if not quick.vetted_soon(schema.text, schema.dialect, examples):
        apart.elsewhere()
    found = {pointers.joined("", *path): said for path, said in compiling.meta_faults(value, schema.dialect)}
    if found:
        raise Refused(*(issue(pointer, said) for pointer, said in list(found.items())[:MOST]))
    by = _compile(schema, SchemaDocument(value, schema.dialect))
    wrong = list(islice(_examples(by, examples), MOST))
    if wrong:
        raise Refused(*wrong)
    return schema


def check_says_something(schema: Schema) -> None:
    """Raises Refused for a schema that takes anything because it has no keyword, only members of other names."""
    names = dialects.strange(msgspec.json.decode(schema.text, type=dict[str, msgspec.Raw]))
    if names:
        said = ", ".join(f"`{name[:50]}`" for name in names[:5]) + (", ..." if len(names) > 5 else "")
        within = f"; if `{names[0][:50]}` holds the schema, send what it holds alone" if len(names) == 1 else ""
        raise Refused(issue("", f"has no keyword of JSON Schema, only {said}, and so would take any data{within}"))


def compiled(schema: Schema) -> Compiled:
    """What judges by a schema, made anew and kept by nobody: for threads, and for what is asked once."""
    return _compile(schema, SchemaDocument(json_text.load(schema.text), schema.dialect))


def decoded(payload: bytes) -> Any:
    """The value of a payload that was read, its numbers exact: integers of any size, decimals that a float would change."""
    return _exact.decode(payload)


def _dialect(value: dict[str, Any], default: Dialect | None) -> Dialect:
    named = value.get("$schema")
    if named is None:
        return default or Dialect.DRAFT_2020_12
    found = dialects.of(named) if isinstance(named, str) else None
    if found is None:
        known = ", ".join(each.value for each in Dialect)
        raise Refused(issue("/$schema", f"must be one of {known}"))
    return found


def judge(schema: Schema) -> Compiled:
    """What judges by a schema, kept while it is used."""
    key = schema.text, schema.dialect
    found = _kept.find(key)
    if found is None:
        began = time.process_time()
        found = compiled(schema)
        found.took = round((time.process_time() - began) * 1e6)
        _kept.keep(key, found, found.memory)
    return found


def _compile(schema: Schema, document: SchemaDocument) -> Compiled:
    try:
        return Compiled(compiling.named(schema.text, schema.dialect), document)
    except Unusable as unusable:
        raise Refused(issue(pointers.joined("", *unusable.path), unusable.message)) from None


def _examples(by: Compiled, given: Iterable[bytes]) -> Iterable[Issue]:
    spent = 0
    for where, pointer, example in _every_example(by, given):
        met = matching.matched(by.document, example, start=pointer)
        spent += matching.work(matching.measured(example), by.weight, met=met)
        if met > MAX_MATCHED or spent > MAX_EXAMPLES_WORK:
            yield Issue(
                subject=where[:300], description="is, with those before it, too much to be checked by this schema"
            )
            return
        if by.part_accepts(pointer, example) if pointer else by.accepts(example):
            continue
        if where.startswith("examples/"):
            for fault in faults.of(by, example):
                yield Issue(subject=f"{where}{fault.pointer}"[:300], description=fault.message)
        else:
            yield Issue(subject=where[:300], description="does not fit the schema that it is an example of")


def _every_example(by: Compiled, given: Iterable[bytes]) -> Iterator[tuple[str, str, Any]]:
    """What to call it, the pointer of its schema, and the example: those of the schema's own, and those that came with it."""
    for pointer, members in by.document.walked():
        listed = members.get("examples")
        for index, example in enumerate(listed if isinstance(listed, list) else ()):
            yield f"schema{pointers.joined(pointer, 'examples', index)}", pointer, example
    for index, example in enumerate(given):
        yield f"examples/{index}", "", decoded(json_text.compact(example, root=f"examples[{index}]"))


def _too_long(by: Compiled, payload: bytes, value: object) -> str:
    """Why judging might hold up all else; empty: it will not."""
    repeated, expressions = by.weight.repeated, by.weight.patterns
    if len(payload) * repeated > MAX_WORK:
        values = payload.count(b",") + payload.count(b"[") + payload.count(b"{") + 1
        if values * repeated > MAX_WORK:
            return "has too many values to be checked by this schema"
    if len(payload) * expressions > MAX_MATCHED and matching.matched(by.document, value) > MAX_MATCHED:
        return "has too long strings to be matched by the regular expressions of this schema"
    return ""


def _number(spelt: str) -> float | Decimal:
    """A float where it means the same number; what is larger or longer stays a decimal."""
    if len(spelt) <= _EXACT and "e" not in spelt and "E" not in spelt:
        return float(spelt)
    return Decimal(spelt)


_exact = msgspec.json.Decoder(float_hook=_number)
