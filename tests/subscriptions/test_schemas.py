"""Schemas: what is taken as one, what is refused and where, and what they say of payloads."""

import json
from typing import Any

import pytest

from subscriptions.catalogue.schemas import bounds, compiling
from subscriptions.catalogue.schemas.compiling import Compiled, Kept
from subscriptions.catalogue.schemas.dialects import Dialect
from subscriptions.catalogue.schemas.matching import MAX_WORK
from subscriptions.catalogue.schemas.schema import Schema, check_says_something, judge, vet
from subscriptions.ground.errors import Malformed, Refused, TooLarge


def written(value: object) -> bytes:
    return json.dumps(value).encode()


def of(value: object, dialect: Dialect | None = None) -> Schema:
    return vet(written(value), dialect=dialect)


def refused(value: object) -> list[str]:
    with pytest.raises(Refused) as found:
        of(value)
    return [issue.subject for issue in found.value.issues]


def fan_out(width: int, levels: int, *, below: str | None = None) -> dict[str, Any]:
    """A schema whose every level refers to the next one several times, at the same place or at one member of it."""

    def step(level: int) -> dict[str, Any]:
        next_one: dict[str, Any] = {"$ref": f"#/$defs/s{level + 1}"}
        return {"allOf": [{"properties": {below: next_one}} if below else next_one] * width}

    return {"$ref": "#/$defs/s0", "$defs": {**{f"s{n}": step(n) for n in range(levels)}, f"s{levels}": {}}}


@pytest.mark.parametrize("dialect", Dialect)
def test_each_dialect_is_read_and_judged_as_itself(dialect: Dialect) -> None:
    """`$schema` says which it is; where it says nothing, who asks does, and 2020-12 is meant by nobody's word."""
    schema = vet(written({"$schema": dialect.value, "type": "object", "required": ["id"]}))
    assert schema.dialect is dialect
    assert schema.accepts(b'{"id":1}')
    assert [fault.message for fault in schema.faults(b"{}")] == ['"id" is a required property']
    # A whole number with a point is an integer for all but draft-04.
    assert of({"type": "integer"}, dialect).accepts(b"1.0") is (dialect is not Dialect.DRAFT_04)
    assert of({}).dialect is Dialect.DRAFT_2020_12


def test_a_tuple_is_spelt_by_the_dialect() -> None:
    """`items` as a list is draft-07's way, and no schema in 2020-12."""
    tuples = {"items": [{"type": "string"}], "additionalItems": False}
    assert not of(tuples, Dialect.DRAFT_07).accepts(b'["a",1]')
    assert refused(tuples) == ["schema/items"]


@pytest.mark.parametrize(
    "spelt", ["http://json-schema.org/draft-07/schema", "https://json-schema.org/draft-07/schema#"]
)
def test_a_dialect_is_known_with_or_without_its_fragment_and_by_https(spelt: str) -> None:
    """Authors write it each way."""
    assert of({"$schema": spelt}).dialect is Dialect.DRAFT_07


@pytest.mark.parametrize(
    ("value", "places"),
    [
        ({"$schema": "http://json-schema.org/draft-06/schema#"}, ["schema/$schema"]),
        ({"type": "strin"}, ["schema/type"]),
        (
            {"properties": {"a": {"minLength": -1}, "b": {"required": "x"}}},
            ["schema/properties/a/minLength", "schema/properties/b/required"],
        ),
        ({"properties": {"a/b": {"$ref": "#/$defs/none"}}}, ["schema/properties/a~1b/$ref"]),
        ({"$ref": "https://example.com/other.json"}, ["schema/$ref"]),
        ({"$ref": "other.json#/a"}, ["schema/$ref"]),
        ({"items": {"$ref": "file:///etc/passwd"}}, ["schema/items/$ref"]),
        ({"$schema": Dialect.DRAFT_07.value, "$ref": Dialect.DRAFT_07.value}, ["schema/$ref"]),
        ({"$ref": "#/enum", "enum": [1]}, ["schema/$ref"]),
        ({"properties": {"a": {"pattern": "(?=x)"}}}, ["schema/properties/a/pattern"]),
        ({"pattern": r"(a)\1"}, ["schema/pattern"]),
        ({"pattern": "(a{1000}){1000}"}, ["schema/pattern"]),
        ({"type": "string", "examples": ["a", 1]}, ["schema/examples/1"]),
        ({"properties": {"a": {"type": "string", "examples": [1]}}}, ["schema/properties/a/examples/0"]),
        ([], ["schema"]),
        (True, ["schema"]),
    ],
)  # fmt: skip
def test_what_is_no_schema_here_is_refused_by_place(value: object, places: list[str]) -> None:
    """Another dialect, what the meta-schema forbids, a reference out of the document, an example that does not fit."""
    assert sorted(refused(value)) == places


def test_an_example_that_comes_beside_the_schema_must_fit_too() -> None:
    """The answer points into the example."""
    with pytest.raises(Refused) as found:
        vet(written({"properties": {"n": {"type": "integer"}}}), examples=[b'{"n": 1}', b'{"n": "one"}'])
    assert [issue.subject for issue in found.value.issues] == ["examples/1/n"]


def test_what_is_no_json_is_told_with_its_line() -> None:
    """As every text that is no JSON."""
    with pytest.raises(Malformed, match="line 2, column 1"):
        vet(b'{"type": "string",\n}')


def test_references_lead_by_pointer_anchor_and_the_documents_own_uri() -> None:
    """All three are local; a tree that contains itself is a schema like others."""
    tree = {
        "$id": "urn:example:tree",
        "$ref": "#node",
        "$defs": {
            "node": {
                "$anchor": "node",
                "type": "object",
                "properties": {"left": {"$ref": "#/$defs/node"}, "right": {"$ref": "urn:example:tree#node"}},
                "additionalProperties": False,
            }
        },
    }
    schema = of(tree)
    assert schema.accepts(b'{"left":{"right":{}}}')
    assert [(fault.pointer, fault.message) for fault in schema.faults(b'{"left":{"right":{"middle":1}}}')] == [
        ("/left/right/middle", "is not a member that the schema allows")
    ]


def test_a_member_may_be_called_ref() -> None:
    """A name under `properties`, a choice and an example are no references."""
    assert of({"properties": {"$ref": {"type": "string"}}, "enum": [{"$ref": "x"}]}).accepts(b'{"$ref":"x"}')


def test_what_is_too_much_of_a_schema_is_refused_before_it_is_compiled() -> None:
    """Bytes, depth, values: each has its bound."""
    for bomb in (
        {"enum": list(range(1_000_000))},
        {"description": "x" * bounds.MAX_BYTES},
        {"enum": list(range(bounds.MAX_NODES))},
    ):
        with pytest.raises(TooLarge):
            of(bomb)
    deep: dict[str, Any] = {}
    for _ in range(64):
        deep = {"not": deep}
    with pytest.raises(Malformed, match="levels deep"):
        of(deep)
    assert refused({"properties": {f"p{n}": {"pattern": "a"} for n in range(bounds.MAX_PATTERNS + 1)}}) == ["schema"]


@pytest.mark.parametrize("below", [None, "c"])
def test_references_that_double_with_every_level_are_refused(below: str | None) -> None:
    """At one value or at one member of one member: forty levels would take a million million steps."""
    (place,) = refused(fan_out(2, 40, below=below))
    assert place.startswith("schema")
    assert of(fan_out(2, 6, below=below)).accepts(b"{}")


def test_a_schema_that_contains_itself_twice_takes_no_longer_for_it() -> None:
    """What was found of a value is remembered: sixty levels, and each judges the next one by two ways."""
    schema = of({"oneOf": [{"properties": {"c": {"$ref": "#"}}, "type": "object"}, {"type": "string", "maxLength": 1}]})
    twice = of(
        {"allOf": [{"properties": {"c": {"$ref": "#"}}}, {"properties": {"c": {"$ref": "#"}}}], "type": "object"}
    )
    deep = b'{"c":' * 60 + b"%b" + b"}" * 60
    assert schema.accepts(deep % b'"x"')
    assert twice.accepts(deep % b"{}")
    assert [fault.pointer for fault in twice.faults(deep % b"1")] == ["/c" * 60]
    assert len(schema.faults(deep % b'"long"')) == 1


def test_a_chain_of_references_as_long_as_a_document_is_bounded() -> None:
    """Each link is a schema that judges the same value."""
    chain = {
        "$ref": "#/$defs/s0",
        "$defs": {**{f"s{n}": {"$ref": f"#/$defs/s{n + 1}"} for n in range(3000)}, "s3000": {}},
    }
    assert len(refused(chain)) == 1


def test_unique_items_of_a_large_array_are_told_apart() -> None:
    """Of as many as an event may have, whatever they are."""
    schema = of({"items": {"uniqueItems": True}})
    many = [{"a": [number]} for number in range(9000)]
    assert schema.accepts(written([many]))
    assert [fault.pointer for fault in schema.faults(written([[*many, many[0]]]))] == ["/0"]


def test_what_would_hold_up_all_else_is_not_judged() -> None:
    """So many values, each by so many schemas: it does not fit, and the fault says why."""
    schema = of({"items": {"allOf": [{"not": {"const": number}} for number in range(200)]}})
    values = written([0.5] * (MAX_WORK // 200))
    assert not schema.accepts(values)
    assert [fault.message for fault in schema.faults(values)] == ["has too many values to be checked by this schema"]


@pytest.mark.parametrize(
    ("keywords", "literal", "fits"),
    [
        ({"type": "integer"}, b"123456789012345678901234567890", True),
        ({"maximum": 18446744073709551616}, b"18446744073709551617", False),
        ({"multipleOf": 10}, b"100000000000000000000000000000000001", False),
        ({"multipleOf": 0.01}, b"4.35", True),
        ({"multipleOf": 0.1}, b"0.10000000000000000001", False),
        ({"const": 0.1}, b"0.10000000000000000001", False),
        ({"maximum": 1}, b"1.0000000000000000000001", False),
        ({"maximum": 10}, b"1e400", False),
        ({"type": "integer"}, b"1e400", True),
        ({"minimum": 0}, b"-1e-400", False),
        ({"type": "integer"}, b"1e999999999", True),
    ],
)
def test_numbers_are_judged_as_they_are_spelt(keywords: dict[str, Any], literal: bytes, fits: bool) -> None:
    """Events keep them exactly, beyond 64 bits and beyond what a float holds; so they are judged."""
    assert of({"properties": {"n": keywords}}).accepts(b'{"n":%b}' % literal) is fits


def test_formats_are_checked_in_each_dialect() -> None:
    """2019-09 and 2020-12 leave that open; whoever writes a format here means it."""
    for dialect in Dialect:
        schema = of({"format": "date-time"}, dialect)
        assert schema.accepts(b'"2026-05-04T12:30:00Z"')
        assert not schema.accepts(b'"yesterday"')
        assert of({"format": "of-our-own"}, dialect).accepts(b'"anything"')


def test_faults_name_each_place_by_a_pointer() -> None:
    """Members, items, alternatives, conditions: each where it is, and the keyword that says so."""
    schema = of(
        {
            "properties": {
                "id": {"minLength": 1},
                "kind": {"enum": ["a", "b"]},
                "tags": {"prefixItems": [{"type": "string"}], "items": {"type": "integer"}},
                "either": {"oneOf": [{"type": "string"}, {"type": "boolean"}]},
                "both": {"oneOf": [{"type": "integer"}, {"minimum": 0}]},
                "never": False,
            },
            "patternProperties": {"^x-": {"type": "string"}},
            "propertyNames": {"maxLength": 6},
            "dependentRequired": {"id": ["kind"]},
            "if": {"required": ["either"]},
            "then": {"required": ["then"]},
            "not": {"required": ["no"]},
        }
    )
    payload = {"id": "", "tags": [1, "a"], "either": 1, "both": 1, "never": 0, "x-a": 1, "toolong": 1, "no": 1}
    assert {(fault.pointer, fault.keyword) for fault in schema.faults(written(payload))} == {
        ("/id", "/properties/id/minLength"),
        ("/tags/0", "/properties/tags/prefixItems/0/type"),
        ("/tags/1", "/properties/tags/items/type"),
        ("/either", "/properties/either/oneOf"),
        ("/both", "/properties/both/oneOf"),
        ("/never", "/properties/never"),
        ("/x-a", "/patternProperties/^x-/type"),
        ("/toolong", "/propertyNames"),
        ("", "/dependentRequired"),
        ("", "/then/required"),
        ("", "/not"),
    }


def test_at_most_twenty_faults_are_told() -> None:
    """Of thousands: the rest is mostly the same."""
    assert len(of({"items": {"type": "string"}}).faults(written(list(range(5000))))) == 20


def test_validators_are_kept_while_there_is_room_and_those_unused_for_longest_go() -> None:
    """Thousands of types may be registered: what is kept of them is bounded."""
    schemas = [of({"title": f"{number:04}", "type": "object"}) for number in range(5)]
    kept: Kept[Compiled] = Kept(most=3)
    for schema in schemas[:3]:
        kept.keep((schema.text, schema.dialect), judge(schema), 1)
    assert kept.find((schemas[0].text, schemas[0].dialect)) is not None
    kept.keep((schemas[3].text, schemas[3].dialect), judge(schemas[3]), 1)
    assert [kept.find((schema.text, schema.dialect)) is not None for schema in schemas] == [
        True,
        False,
        True,
        True,
        False,
    ]


def test_what_a_validator_takes_is_its_memory() -> None:
    """Some hundred bytes of regular expressions are megabytes; so are references that stand for much."""
    plain, greedy = (judge(of({"allOf": [{"pattern": "a" + each}] * 20})) for each in ("b", "\\p{L}{3}"))
    refers = judge(of({"allOf": [{"$ref": "#/$defs/x"}] * 20, "$defs": {"x": {"allOf": [True] * 20}}}))
    assert min(plain.memory, greedy.memory) > 5_000_000
    assert refers.memory > 20 * 20 * 500


def test_nothing_is_fetched_whatever_gets_to_the_validator() -> None:
    """The second fence behind that of references: jsonschema-rs itself is told to stay offline."""
    document = judge(of({})).document
    with pytest.raises(compiling.Unusable, match="Retrieval is disabled"):
        Compiled('{"$ref":"http://127.0.0.1:9/x.json"}', document)


def test_finding_what_is_wrong_takes_a_bounded_number_of_questions() -> None:
    """Hundreds of patterns for a hundred names of which only the last is wrong: what was found until then is told."""
    schema = of({"patternProperties": {f"^{number}$": {"type": "string"} for number in range(300)}})
    members = {f"m{number}": number for number in range(100)} | {"299": 1}
    assert [fault.pointer for fault in schema.faults(written({"299": 1}))] == ["/299"]
    assert [(fault.pointer, fault.message) for fault in schema.faults(written(members))] == [
        ("", "does not fit the schema")
    ]


def test_a_schema_within_another_object_is_no_schema() -> None:
    """One without any keyword, with members of other names, would take anything: whoever sends it meant something else."""
    wrong: list[object] = [
        {"schema": {"type": "object"}},
        {"$schema": Dialect.DRAFT_07.value, "Type": "object", "props": {}},
    ]
    right: list[object] = [{}, {"x-owner": "a"}, {"title": "anything"}, {"type": "object", "odd": 1}, {"$defs": {}}]

    for value in wrong:
        with pytest.raises(Refused) as found:
            check_says_something(of(value))
        assert "has no keyword of JSON Schema, only `" in found.value.issues[0].description
    for value in right:
        check_says_something(of(value))
