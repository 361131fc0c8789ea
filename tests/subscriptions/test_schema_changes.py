"""Two versions of a schema: which changes consumers of the old one can go on with, and where the others are."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from subscriptions.catalogue.schemas import compatibility
from subscriptions.catalogue.schemas.dialects import Dialect
from subscriptions.catalogue.schemas.schema import vet

OPEN: dict[str, Any] = {"type": "object", "properties": {"a": {"type": "string"}}}
CLOSED = OPEN | {"additionalProperties": False}
NODE: dict[str, Any] = {
    "$ref": "#/$defs/n",
    "$defs": {"n": {"properties": {"next": {"$ref": "#/$defs/n"}, "v": {"type": "integer"}}}},
}
FORM_A: dict[str, Any] = {"type": "object", "properties": {"k": {"const": "a"}}, "required": ["k"]}
FORM_B: dict[str, Any] = {"type": "object", "properties": {"k": {"const": "b"}}, "required": ["k"]}
FORM_C: dict[str, Any] = {"type": "object", "properties": {"k": {"const": "c"}}, "required": ["k"]}


def obj(**members: Any) -> dict[str, Any]:
    return {"type": "object", "properties": members}


def changed(before: Any, after: Any, dialect: Dialect | None = None) -> list[str]:
    old, new = (vet(json.dumps(each).encode(), dialect=dialect) for each in (before, after))
    return [each.pointer for each in compatibility.changes(old, new)]


COMPATIBLE: dict[str, tuple[Any, Any]] = {
    "nothing": (OPEN, OPEN),
    "words": (OPEN, OPEN | {"title": "T", "description": "D", "examples": [{"a": "x"}], "default": {}}),
    "an optional member": (OPEN, obj(a={"type": "string"}, b={"type": "integer"})),
    "an optional member further down": (obj(x=OPEN), obj(x=obj(a={"type": "string"}, b={}))),
    "a member of the kind that others have": (
        OPEN | {"additionalProperties": {"type": "integer"}},
        obj(a={"type": "string"}, b={"type": "integer", "minimum": 1}) | {"additionalProperties": {"type": "integer"}},
    ),
    "a required member": (OPEN, obj(a={"type": "string"}, b={}) | {"required": ["b"]}),
    "what was optional is required": (OPEN, OPEN | {"required": ["a"]}),
    "a type where there was none": (obj(a={}), obj(a={"type": "string"})),
    "fewer types": (obj(a={"type": ["string", "null"]}), obj(a={"type": "string"})),
    "integers of numbers": (obj(a={"type": "number"}), obj(a={"type": "integer"})),
    "fewer choices": ({"enum": ["a", "b"]}, {"enum": ["a"]}),
    "choices of a type": ({"type": "string"}, {"enum": ["a", "b"]}),
    "one of the choices": ({"enum": ["a", 1]}, {"const": 1}),
    "a choice that its type forbids": ({"enum": ["a"]}, {"type": "string", "enum": ["a", 7]}),
    "narrower bounds": ({"minimum": 1, "maximum": 9}, {"minimum": 2, "maximum": 8}),
    "a bound that excludes itself": ({"minimum": 1}, {"exclusiveMinimum": 1}),
    "a larger factor": ({"multipleOf": 0.1}, {"multipleOf": 0.3}),
    "shorter texts": ({"maxLength": 9}, {"maxLength": 8, "minLength": 1, "pattern": "^a"}),
    "a bound of what cannot come any more": ({"maxLength": 9}, {"type": "integer"}),
    "no more members": (OPEN, CLOSED),
    "a pattern for names": (OPEN, OPEN | {"propertyNames": {"pattern": "^[a-z]+$"}}),
    "fewer items": ({"items": {"type": "number"}}, {"items": {"type": "integer"}, "maxItems": 3, "uniqueItems": True}),
    "items with places of their own": (
        {"items": {"type": "number"}},
        {"prefixItems": [{"type": "integer"}], "items": {"type": "number"}},
    ),
    "the same by reference": (OPEN, {"$ref": "#/$defs/o", "$defs": {"o": OPEN}}),
    "the same by another name": (
        {"$ref": "#/$defs/a", "$defs": {"a": OPEN}},
        {"$ref": "#/$defs/b", "$defs": {"b": OPEN}},
    ),
    "the same in parts": (
        OPEN | {"required": ["a"]},
        {"allOf": [{"type": "object", "required": ["a"]}, {"properties": {"a": {"type": "string"}}}]},
    ),
    "a circle": (NODE, NODE | {"maxProperties": 3}),
    "fewer forms": ({"anyOf": [FORM_A, FORM_B]}, {"anyOf": [FORM_B]}),
    "one of the forms": ({"anyOf": [FORM_A, FORM_B]}, FORM_A),
    "forms in another order": ({"oneOf": [FORM_A, FORM_B]}, {"oneOf": [FORM_B, FORM_A]}),
    "fewer forms that exclude each other": ({"oneOf": [FORM_A, FORM_B, FORM_C]}, {"oneOf": [FORM_C, FORM_A]}),
    "types as forms": ({"type": ["string", "null"]}, {"anyOf": [{"type": "string"}, {"type": "null"}]}),
    "more that must not be": ({}, {"not": {"required": ["a"]}}),
    "a condition more": (OPEN, OPEN | {"if": {"required": ["a"]}, "then": {"minProperties": 2}}),
    "nothing any more": (obj(a={"type": "string"}), obj(a=False)),
}  # fmt: skip

INCOMPATIBLE: dict[str, tuple[Any, Any, list[str]]] = {
    "a member is gone": (obj(a={}, b={}), obj(a={}), ["/properties/b"]),
    "a member is renamed": (OPEN, obj(b={"type": "string"}), ["/properties/a"]),
    "another type": (OPEN, obj(a={"type": "integer"}), ["/properties/a/type"]),
    "a wider type": (OPEN, obj(a={"type": ["string", "null"]}), ["/properties/a/type"]),
    "numbers of integers": ({"type": "integer"}, {"type": "number"}, ["/type"]),
    "no type any more": (OPEN, obj(a={}), ["/properties/a"]),
    "further down": (obj(x=OPEN), obj(x=obj(a={"type": "integer"})), ["/properties/x/properties/a/type"]),
    "a choice more": ({"enum": ["a"]}, {"enum": ["a", "b"]}, ["/enum"]),
    "another constant": ({"const": 1}, {"const": 2}, ["/const"]),
    "no choices any more": (obj(a={"enum": ["x"]}), obj(a={"type": "string"}), ["/properties/a"]),
    "wider bounds": ({"minimum": 1, "maxLength": 2}, {"minimum": 0, "maxLength": 3}, ["/maxLength", "/minimum"]),
    "no bound any more": (obj(a={"maximum": 1}), obj(a={}), ["/properties/a"]),
    "a bound that includes itself": ({"exclusiveMaximum": 1}, {"maximum": 1}, ["/maximum"]),
    "another factor": ({"multipleOf": 4}, {"multipleOf": 6}, ["/multipleOf"]),
    "another pattern": ({"pattern": "^a"}, {"pattern": "^ab"}, ["/pattern"]),
    "another format": ({"format": "date"}, {"format": "date-time"}, ["/format"]),
    "items that may come twice": ({"uniqueItems": True}, {"uniqueItems": False}, ["/uniqueItems"]),
    "a member that may be missing": (OPEN | {"required": ["a"]}, OPEN | {"required": []}, ["/required"]),
    "a member that may be missing beside another": (
        {"dependentRequired": {"a": ["b"]}},
        {"dependentRequired": {"a": []}},
        ["/dependentRequired"],
    ),
    "other members": (CLOSED, OPEN, [""]),
    "a member where there was no room": (
        CLOSED,
        obj(a={"type": "string"}, b={}) | {"additionalProperties": False},
        ["/properties/b"],
    ),
    "a member of another kind than others had": (
        {"additionalProperties": {"type": "integer"}},
        {"properties": {"b": {"type": "string"}}, "additionalProperties": {"type": "integer"}},
        ["/properties/b/type"],
    ),
    "a member that a pattern speaks of": (
        {"patternProperties": {"^x": {"type": "string"}}},
        {"properties": {"xa": {"type": "integer"}}, "patternProperties": {"^x": {}}},
        ["/patternProperties/^x", "/properties/xa/type"],
    ),
    "a pattern of members": (
        {"additionalProperties": False},
        {"additionalProperties": False, "patternProperties": {"^x": {}}},
        ["/patternProperties/^x"],
    ),
    "any names": ({"propertyNames": {"maxLength": 3}}, {}, [""]),
    "another item": ({"items": {"type": "string"}}, {"items": {"type": "boolean"}}, ["/items/type"]),
    "any items": ({"items": {"type": "string"}}, {}, [""]),
    "another item at a place": (
        {"items": {"type": "string"}},
        {"prefixItems": [{"type": "boolean"}], "items": {"type": "string"}},
        ["/prefixItems/0/type"],
    ),
    "behind a reference": (
        {"$ref": "#/$defs/o", "$defs": {"o": OPEN}},
        {"$ref": "#/$defs/o", "$defs": {"o": obj(a={"type": "integer"})}},
        ["/$defs/o/properties/a/type"],
    ),
    "within a circle": (
        NODE,
        {"$ref": "#/$defs/n", "$defs": {"n": {"properties": {"next": {"$ref": "#/$defs/n"}, "v": {}}}}},
        ["/$defs/n/properties/v"],
    ),
    "a form more": ({"anyOf": [FORM_A, FORM_B]}, {"anyOf": [FORM_A, FORM_B, FORM_C]}, ["/anyOf/2"]),
    "forms that exclude each other and one more": ({"oneOf": [FORM_A, FORM_B]}, {"oneOf": [FORM_A, FORM_C]}, ["/oneOf/1"]),
    "fewer forms that overlap": (
        {"oneOf": [{"minimum": 0}, {"maximum": 9}, {"minimum": 5}]},
        {"oneOf": [{"minimum": 0}, {"maximum": 9}]},
        ["/oneOf"],
    ),
    "another form": ({"anyOf": [FORM_A]}, FORM_B, [""]),
    "less that must not be": ({"not": {"type": "string"}}, {"not": {"enum": ["a"]}}, ["/not"]),
    "another condition": ({"if": {"minimum": 1}, "then": False}, {"if": {"minimum": 2}, "then": False}, ["/if"]),
    "another thing that must be among them": ({"contains": {"const": 1}}, {"contains": {"const": 2}}, ["/contains"]),
    "a member that nothing leaves over": (
        {"unevaluatedProperties": False, "allOf": [OPEN]},
        {"unevaluatedProperties": False, "allOf": [obj(a={"type": "string"}, b={})]},
        ["/allOf/0/properties/b"],
    ),
    "a member that a form leaves over": (
        {"unevaluatedProperties": False, "anyOf": [obj(a={})]},
        {"unevaluatedProperties": False, "anyOf": [obj(a={}, b={})]},
        ["/unevaluatedProperties"],
    ),
    "what was never allowed": (obj(a=False), obj(a={"type": "string"}), ["/properties/a"]),
}  # fmt: skip


@pytest.mark.parametrize("name", COMPATIBLE)
def test_a_change_that_consumers_can_go_on_with(name: str) -> None:
    """What comes under the new schema is what one who understood the old one may have met."""
    assert changed(*COMPATIBLE[name]) == []


@pytest.mark.parametrize("name", INCOMPATIBLE)
def test_a_change_that_consumers_might_not_understand(name: str) -> None:
    """Each is named by a pointer into the new schema, or into the old one for what is gone."""
    before, after, places = INCOMPATIBLE[name]
    assert sorted(changed(before, after)) == places


def test_older_dialects_are_compared_by_their_own_rules() -> None:
    """In draft-04 a boolean excludes the bound; in draft-07 `$ref` hides what stands beside it."""
    exact = {"minimum": 1, "exclusiveMinimum": True}
    assert changed({"minimum": 1}, exact, Dialect.DRAFT_04) == []
    assert changed(exact, {"minimum": 1}, Dialect.DRAFT_04) == ["/minimum"]
    hidden = {
        "properties": {"a": {"$ref": "#/definitions/s", "type": "null"}},
        "definitions": {"s": {"type": "string"}},
    }
    assert changed(OPEN, OPEN | hidden, Dialect.DRAFT_07) == []


def test_what_is_too_intricate_counts_as_incompatible() -> None:
    """Two long chains of different members: a comparison takes a bounded number of steps."""

    def chain(levels: int, last: str) -> dict[str, Any]:
        steps = {f"s{n}": {"properties": {"c": {"$ref": f"#/$defs/s{n + 1}"}}} for n in range(levels)}
        return {"$ref": "#/$defs/s0", "$defs": {**steps, f"s{levels}": {"type": last}}}

    assert changed(chain(10, "string"), chain(10, "string")) == []
    assert len(changed(chain(400, "string"), chain(400, "null"))) == 1
    wide = obj(**{f"m{n}": {} for n in range(1000)}) | {"patternProperties": {f"^{n}": {} for n in range(300)}}
    assert changed(wide, wide) == [""]
    forms = [obj(k={"const": n}) | {"required": ["k"]} for n in range(100)]
    assert changed({"oneOf": forms[:50]}, {"oneOf": forms[1:50]}) == []
    assert changed({"oneOf": forms}, {"oneOf": forms[1:]}) == ["/oneOf"]


VALUES = st.recursive(
    st.sampled_from([None, True, 0, 1, 2, 3.5, "", "a", "ab"]),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.sampled_from("abc"), below, max_size=3),
    max_leaves=5,
)


def _schemas() -> st.SearchStrategy[Any]:
    kinds = st.sampled_from(["null", "boolean", "integer", "number", "string", "object", "array"])
    plain = st.fixed_dictionaries(
        {},
        optional={
            "type": kinds | st.lists(kinds, min_size=1, max_size=3, unique=True),
            "enum": st.lists(VALUES, min_size=1, max_size=3),
            "minimum": st.integers(0, 3),
            "maximum": st.integers(0, 3),
            "minLength": st.integers(0, 2),
            "maxLength": st.integers(0, 2),
            "multipleOf": st.sampled_from([0.5, 1, 2]),
            "pattern": st.sampled_from(["^a", "b$"]),
            "required": st.lists(st.sampled_from("abc"), max_size=2, unique=True),
            "uniqueItems": st.booleans(),
            "maxProperties": st.integers(0, 2),
        },
    )

    def deeper(below: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        each = below | st.booleans()
        members = {
            "properties": st.dictionaries(st.sampled_from("abc"), each, max_size=2),
            "patternProperties": st.dictionaries(st.sampled_from(["^a", "[bc]"]), each, max_size=1),
            "additionalProperties": each,
            "propertyNames": each,
            "prefixItems": st.lists(each, min_size=1, max_size=2),
            "items": each,
            "contains": each,
            "not": each,
            "if": each,
            "then": each,
            "unevaluatedProperties": each,
            "unevaluatedItems": each,
            **{name: st.lists(each, min_size=1, max_size=2) for name in ("allOf", "anyOf", "oneOf")},
        }
        return st.builds(
            lambda a, b: a | b,
            plain,
            st.fixed_dictionaries({}, optional=members).map(lambda d: dict(list(d.items())[:3])),
        )

    return st.recursive(plain, deeper, max_leaves=5)


@st.composite
def _pairs(draw: st.DrawFn) -> tuple[Any, Any]:
    """Two schemas that mostly have much in common: with nothing in common few are compatible."""
    before = draw(_schemas())
    after = dict(before)
    for name in draw(st.lists(st.sampled_from(sorted(before)), max_size=2)) if before else ():
        after.pop(name, None)
    return before, after | draw(_schemas())


@settings(max_examples=400, deadline=None)
@given(_pairs(), st.lists(VALUES, min_size=5, max_size=12))
def test_what_the_new_schema_takes_the_old_one_took(pair: tuple[Any, Any], values: list[Any]) -> None:
    """Whatever is called compatible: no value comes that the old schema would have refused."""
    old, new = (vet(json.dumps(each).encode()) for each in pair)
    if not compatibility.changes(old, new):
        for value in values:
            payload = json.dumps(value).encode()
            assert not new.accepts(payload) or old.accepts(payload)
