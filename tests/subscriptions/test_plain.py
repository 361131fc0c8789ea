"""What is judged where events come in takes few steps: whatever a schema or a payload says."""

import json
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from subscriptions.catalogue import fitting
from subscriptions.catalogue.schemas import plain, quick
from subscriptions.catalogue.schemas.dialects import Dialect
from subscriptions.catalogue.schemas.plain import NotPlainError
from subscriptions.catalogue.schemas.schema import Schema, judge, vet
from subscriptions.ground.errors import Refused


def written(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def chain(levels: int, keyword: str, value: object, hold: Any) -> dict[str, Any]:
    """Schemas within schemas, each of which asks twice for what the next says."""
    deep = {f"d{n}": {**hold(f"#/$defs/d{n + 1}"), keyword: value} for n in range(levels)}
    return {"$ref": "#/$defs/d0", "$defs": {**deep, f"d{levels}": {}}}


def nested(levels: int, wrap: Any) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = wrap(value)
    return value


def member(to: str) -> dict[str, Any]:
    return {"properties": {"a": {"$ref": to}}}


DEEP = written(nested(40, lambda below: {"a": below}))
ENDLESS = {
    "anyOf": (chain(40, "unevaluatedProperties", False, lambda to: {"anyOf": [member(to)]}), DEEP),
    "oneOf": (chain(40, "unevaluatedProperties", False, lambda to: {"oneOf": [member(to)]}), DEEP),
    "allOf": (chain(40, "unevaluatedProperties", False, lambda to: {"allOf": [member(to)]}), DEEP),
    "if": (chain(40, "unevaluatedProperties", False, lambda to: {"if": member(to), "then": {}}), DEEP),
    "contains": (
        chain(40, "unevaluatedItems", False, lambda to: {"contains": {"$ref": to}}),
        written(nested(40, lambda below: [below])),
    ),
    "uniqueItems": ({"uniqueItems": True}, b"[%b]" % b",".join(b"1e-%d" % n for n in range(1000, 4000))),
    "enum": ({"items": {"enum": [1, 2]}}, b"[%b]" % b",".join(b"1e-%d" % n for n in range(1000, 9000))),
    "minimum": ({"items": {"minimum": 1}}, b"[%b]" % b",".join(b"1e-%d" % n for n in range(1000, 9000))),
    "digits": ({"uniqueItems": True}, b"[%b]" % b",".join(b"1.%040d" % n for n in range(1, 1400))),
    "items": ({"allOf": [{"items": {"minimum": 0.5, "multipleOf": 0.5}}] * 490}, written([1] * 30_000)),
    "additionalProperties": (
        {"allOf": [{"additionalProperties": {"maximum": 9}}] * 490},
        written({f"m{n}": 1 for n in range(6000)}),
    ),
    "propertyNames": (
        {"allOf": [{"propertyNames": {"minLength": 1}}] * 490},
        written({f"m{n}": 1 for n in range(6000)}),
    ),
    "$dynamicRef": ({"$dynamicAnchor": "n", "items": {"$dynamicRef": "#n"}}, b"[[]]"),
    "$ref": ({"properties": {"a": {"$ref": "#"}}}, DEEP),
}

_JUDGES = """
import sys
from subscriptions.catalogue import fitting
from subscriptions.catalogue.schemas.dialects import Dialect
from subscriptions.catalogue.schemas.schema import Schema
lines = sys.stdin.buffer.read().splitlines()
here = fitting.Here()
for text, data in zip(lines[::2], lines[1::2], strict=True):
    print(here.judged((Schema(text, Dialect.DRAFT_2020_12),), data), flush=True)
"""


def test_what_never_ends_is_never_begun() -> None:
    """Judging each of these takes from seconds to longer than there is time: none is judged where events come in."""
    asked = b"\n".join(b"%b\n%b" % (written(schema), data) for schema, data in ENDLESS.values())
    # In a process that can be ended: what is begun keeps all to itself.
    judged = subprocess.run([sys.executable, "-c", _JUDGES], input=asked, capture_output=True, timeout=60, check=True)
    assert judged.stdout.decode().splitlines() == ["None"] * len(ENDLESS)


@pytest.mark.parametrize(
    "number",
    [
        "1e-3999",
        "1e400",
        "1" * 19,
        "1.0000000000000000000001",
        "1e-300",
        "0.1000000000000000055",
        "123456789012345678.5",
    ],
)
def test_numbers_that_are_no_machine_words_are_not_plain(number: str) -> None:
    """In a payload as in a schema; digits in strings are text."""
    for text in (f"[{number}]", f'{{"a":-{number}}}', f'["{"2" * 30}",{number}]'):
        with pytest.raises(NotPlainError):
            plain.value(text.encode())
    schema = Schema(b'{"enum":[%b]}' % number.encode(), Dialect.DRAFT_2020_12)
    assert fitting.Here().judged((schema,), b"1") is None


def test_plain_values_are_what_they_say() -> None:
    """Among them doubles as programs write them, large words, and long digits in strings."""
    text = b'{"a":[0.30000000000000004,-1.5e-7,1e5,123456789012345678,0.1,0.0,-0.0],"b":"%b","c\\"1":null}' % (
        b"9" * 50
    )
    assert plain.value(text) == json.loads(text)
    assert repr(plain.value(b"[-0.0]")) == "[-0.0]"


class Counting:
    """A naive judge of the plain keywords: it leaves nothing out, and counts each keyword and entry that it looks at."""

    def __init__(self, root: dict[str, Any]) -> None:
        self.root = root
        self.steps = 0

    def see(self, schema: Any, value: Any) -> None:
        self.steps += 1
        if isinstance(schema, bool):
            return
        for keyword, said in schema.items():
            if keyword not in ("$defs", "title", "description"):
                self.steps += len(said) if isinstance(said, list | dict) else 1
            if keyword == "$ref":
                self.see(self.root["$defs"][said.rpartition("/")[2]], value)
            elif keyword in ("allOf", "anyOf", "oneOf"):
                for each in said:
                    self.see(each, value)
            elif keyword in ("not", "if", "then", "else"):
                self.see(said, value)
            else:
                self.below(keyword, said, value)

    def below(self, keyword: str, said: Any, value: Any) -> None:
        if isinstance(value, dict) and keyword == "properties":
            for name in said.keys() & value.keys():
                self.see(said[name], value[name])
        elif isinstance(value, dict) and keyword == "additionalProperties":
            for each in value.values():
                self.see(said, each)
        elif isinstance(value, list) and keyword == "prefixItems":
            for one, each in zip(said, value, strict=False):
                self.see(one, each)
        elif isinstance(value, list) and keyword == "items":
            for each in value:
                self.see(said, each)


NAMES = st.sampled_from(["a", "b", "c"])
SCALARS = st.none() | st.booleans() | st.integers(-9, 9) | st.floats(allow_nan=False, allow_infinity=False) | NAMES
PAYLOADS = st.recursive(
    SCALARS, lambda below: st.lists(below, max_size=5) | st.dictionaries(NAMES, below, max_size=3), max_leaves=40
)
LEAVES = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["object", "array", "number"]),
        "minimum": st.integers(-9, 9) | st.just(0.5),
        "maxLength": st.integers(0, 9),
        "required": st.lists(NAMES, unique=True),
        "enum": st.lists(SCALARS, min_size=1, max_size=4, unique_by=repr),
        "uniqueItems": st.booleans(),
        "multipleOf": st.integers(1, 3) | st.just(0.1),
        "format": st.sampled_from(["date-time", "regex"]),
        "$ref": st.sampled_from(["#", "#/$defs/x", "#/$defs/y"]),
    },
)


def holding(below: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    few, named = st.lists(below, min_size=1, max_size=4), st.dictionaries(NAMES, below, max_size=3)
    held: dict[str, st.SearchStrategy[Any]] = dict.fromkeys(("allOf", "anyOf", "oneOf", "prefixItems"), few)
    held |= dict.fromkeys(("not", "if", "then", "items", "additionalProperties"), below)
    held |= dict.fromkeys(("contains", "unevaluatedItems", "unevaluatedProperties", "propertyNames"), below)
    held |= dict.fromkeys(("properties", "dependentSchemas"), named)
    chosen = st.lists(st.sampled_from(sorted(held)), unique=True, max_size=3)
    return chosen.flatmap(lambda names: st.fixed_dictionaries({name: held[name] for name in names}))


SCHEMAS = st.recursive(LEAVES, lambda below: st.booleans() | holding(below), max_leaves=15)


@settings(max_examples=300, deadline=None)
@given(
    st.fixed_dictionaries(
        {"allOf": st.lists(SCHEMAS, max_size=3), "$defs": st.fixed_dictionaries({"x": SCHEMAS, "y": LEAVES})}
    ),
    PAYLOADS,
)
def test_no_more_steps_than_were_counted_before(schema: dict[str, Any], payload: Any) -> None:
    """What is chosen takes at most as many steps as its weight says, though nothing is left out; and comes to the same."""
    if not schema["allOf"]:
        del schema["allOf"]
    text, data = written(schema), written(payload)
    try:
        vetted = vet(text)
    except Refused:
        return
    found = plain.steps(judge(vetted).document, vetted.text)
    came = fitting.Here().judged((vetted,), data)
    if found is None:
        assert came is None
        return
    counting = Counting(schema)
    counting.see(schema, payload)
    assert counting.steps <= found[""].most(len(data), plain.values(data))
    assert came is None or (came.fits == vetted.accepts(data) and counting.steps <= fitting.STEPS)


def _chain(levels: int) -> dict[str, Any]:
    return {} if levels == 0 else {"properties": {"a": _chain(levels - 1)}}


@pytest.mark.parametrize(
    ("schema", "here", "told"),
    [
        ({"type": "object", "properties": {"a": {"type": "string"}}}, True, True),
        # Nothing leads to it, and it is compiled all the same where somebody asks why.
        ({"type": "object", "$defs": {"a": {"allOf": [{}] * 400}}}, False, False),
        # Each level holds all that is below it once more.
        ({"not": {"not": {"type": "string"}}}, False, False),
        (_chain(30), True, False),
    ],
)
def test_why_it_does_not_fit_is_told_where_its_parts_are_few(schema: dict[str, Any], here: bool, told: bool) -> None:
    """To tell it each part is compiled by itself, with all that it leads to: here only where they come to little together."""
    facts = quick.facts(json.dumps(schema, separators=(",", ":")).encode(), Dialect.DRAFT_2020_12)

    assert (facts.steps is not None, facts.telling) == (here, told)
