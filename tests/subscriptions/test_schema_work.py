"""What others' schemas may make of a process' time: counted in bytes, patterns and questions before anything is judged."""

import json
from typing import Any
from uuid import uuid4

import pytest

from subscriptions.catalogue import fitting
from subscriptions.catalogue.judging import TypeSchemas
from subscriptions.catalogue.schemas import bounds, compatibility, faults, matching
from subscriptions.catalogue.schemas.compiling import Compiled
from subscriptions.catalogue.schemas.faults import Fault
from subscriptions.catalogue.schemas.matching import MAX_MATCHED
from subscriptions.catalogue.schemas.schema import Schema, judge, vet
from subscriptions.events.event import Event
from subscriptions.ground.errors import Refused

#: Twenty thousand states that every byte may stand in.
GREEDY = "(?:[ab]{{0,50}}a){{0,{}}}[ab]{{0}}c"


def written(value: object) -> bytes:
    return json.dumps(value).encode()


def refusal(value: object, *examples: object) -> list[tuple[str, str]]:
    with pytest.raises(Refused) as found:
        vet(written(value), examples=map(written, examples))
    return [(issue.subject, issue.description) for issue in found.value.issues]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The pointers of the schemas that were asked about a value."""
    found: list[str] = []
    ask = Compiled.part_accepts

    def counting(self: Compiled, pointer: str, value: object) -> bool:
        found.append(pointer)
        return ask(self, pointer, value)

    monkeypatch.setattr(Compiled, "part_accepts", counting)
    return found


def test_large_regular_expressions_do_not_meet_long_strings() -> None:
    """What a string's bytes may take in the states of all patterns that see it is bounded; short strings are judged as ever."""
    forms = [{"pattern": GREEDY.format(most)} for most in (30, 31, 32)]
    schema = vet(written({"properties": {"s": {"anyOf": [*forms, {"type": "number"}]}, "free": {}}}))
    assert judge(schema).weight.patterns == 3 * 256
    said = "has too long strings to be matched by the regular expressions of this schema"
    long = written({"s": "a" * 10_000})
    assert not schema.accepts(long)
    assert [fault.message for fault in schema.faults(long)] == [said]
    assert schema.accepts(written({"s": "ac"}))
    # Only what they see counts.
    assert schema.accepts(written({"s": "ac", "free": "a" * 100_000}))


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"items": {"$ref": "#/$defs/x"}}, ["a" * 100] * 20),
        ({"prefixItems": [{}, {"$ref": "#/$defs/x"}]}, ["b", "a" * 2000]),
        ({"propertyNames": {"$ref": "#/$defs/x"}}, {"a" * 2000: 1}),
        ({"additionalProperties": {"$ref": "#/$defs/x"}}, {"k": "a" * 2000}),
        ({"allOf": [{"not": {"$ref": "#/$defs/x"}}]}, "a" * 2000),
        ({"patternProperties": {GREEDY.format(30): {}}}, {"a" * 2000: 1}),
        ({"properties": {"a/b": {"items": {"$ref": "#"}}}, "$ref": "#/$defs/x"}, {"a/b": [{"a/b": ["a" * 2000]}]}),
    ],
)
def test_strings_are_found_wherever_a_pattern_sees_them(schema: dict[str, object], value: object) -> None:
    """In items, names, members, behind references and in circles."""
    document = judge(vet(written({**schema, "$defs": {"x": {"pattern": GREEDY.format(30)}}}))).document
    assert matching.matched(document, value) > MAX_MATCHED


def test_examples_are_bounded_as_payloads_are() -> None:
    """Those in a schema as those that come with it, and all of them together."""
    forms: dict[str, object] = {"anyOf": [{"pattern": GREEDY.format(most)} for most in (30, 31, 32)]}
    said = "is, with those before it, too much to be checked by this schema"
    assert refusal({**forms, "examples": ["a" * 10_000]}) == [("schema/examples/0", said)]
    assert refusal(forms, "a" * 10_000) == [("examples/0", said)]
    assert refusal({"pattern": GREEDY.format(30)}, *["a" * 500 + "c"] * 20)[-1][1] == said


def test_what_patterns_take_compiled_is_bounded() -> None:
    """So are their characters: each is compiled where it is judged."""
    many = {"properties": {f"p{n}": {"pattern": f"^.{{1,{200 + n}}}$"} for n in range(40)}}
    assert refusal(many)[0][1].startswith("holds regular expressions that take 10,240 KiB compiled; at most 8,192")
    assert refusal({"items": {"pattern": "a" * 2001}})[0][0] == "schema/items"
    assert bounds.matched_by({"pattern": "^[0-9a-f]{8}-[0-9a-f]{4}$", "patternProperties": {"^x": {}}}) <= 8


def test_finding_faults_counts_what_each_question_takes(asked: list[str]) -> None:
    """Hundreds of patterns for dozens of names; and parts within parts that all see the same large value."""
    wide = vet(written({"required": ["nope"], "patternProperties": {f"zz{n}": False for n in range(490)}}))
    assert wide.faults(written({f"m{n}": n for n in range(60)}))[0].message == '"nope" is a required property'
    assert len(asked) <= faults.MAX_ASKED
    asked.clear()
    steps = {f"s{n}": {"allOf": [{"$ref": f"#/$defs/s{n + 1}"}]} for n in range(200)}
    deep = {"$ref": "#/$defs/s0", "$defs": {**steps, "s200": {"items": {"type": "string"}}}}
    assert vet(written(deep)).faults(written([0] * 2_000))
    size = 2_001 * judge(vet(written(deep))).weight.schemas
    assert 0 < len(asked) <= faults.MAX_SPENT // size + 1


def test_names_that_patterns_match_are_bounded_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each name is held against all patterns only as long as there is work left to spend."""
    matched: list[str] = []
    match = Compiled.matches

    def counting(self: Compiled, pattern: str, name: str) -> bool:
        matched.append(name)
        return match(self, pattern, name)

    monkeypatch.setattr(Compiled, "matches", counting)
    every: dict[str, object] = {**{f"^{n}$": {} for n in range(400)}, "m": {}}
    schema = vet(written({"required": ["no"], "additionalProperties": False, "patternProperties": every}))
    assert schema.faults(written({f"m{n}": n for n in range(80)}))
    assert 400 < len(matched) <= faults.MAX_ASKED


def test_comparing_lists_of_values_is_bounded() -> None:
    """Values that the new schema lists are held against the old one's patterns as long as that takes little."""
    before = Schema(vet(written({"pattern": GREEDY.format(30)})).text, judge(vet(b"{}")).document.dialect)
    few, many = (vet(written({"enum": [f"{n}{'a' * 50}c" for n in range(count)]})) for count in (2, 2_000))
    assert compatibility.changes(before, few) == ()
    assert [each.why for each in compatibility.changes(before, many)] == [
        "lists too many values, for schemas as large, to be compared"
    ]


def test_versions_are_tried_as_long_as_there_is_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """An event that names no schema is held against one version after the other: small ones all, large ones some."""
    tried: list[bytes] = []
    ask = Schema.accepts

    def counting(self: Schema, payload: bytes) -> bool:
        tried.append(self.text)
        return ask(self, payload)

    monkeypatch.setattr(Schema, "accepts", counting)
    small = tuple(vet(written({"const": number})) for number in range(100))
    assert faults_of(TypeSchemas(named={}, others=small), event(99)) == []
    assert len(tried) == 100
    tried.clear()
    large = tuple(vet(written({"const": number, "title": "t" * 600_000})) for number in range(30))
    assert [each.message for each in faults_of(TypeSchemas(named={}, others=large), event(29))] == [
        "fits none of the versions that there was time to check: dataschema says which is meant"
    ]
    assert 0 < len(tried) < 10
    assert faults_of(TypeSchemas(named={"urn:x": large[29]}, others=large), event(29, dataschema="urn:x")) == []


def faults_of(types: TypeSchemas, of: Event) -> list[Fault]:
    asked = types.asked(of)
    assert isinstance(asked, tuple)
    return fitting.faults(*asked)


def test_what_takes_long_is_known_before() -> None:
    """Ordinary events are judged where they come in; many alternatives, long strings, large schemas and those with regular
    expressions beside that process, but plain ones of which it is known from there that they compile quickly."""
    usual = vet(written({"type": "object", "properties": {f"p{n}": {"type": "string"} for n in range(20)}}))
    many = vet(written({"items": {"anyOf": [{"minimum": n} for n in range(200)]}}))
    matching, greedy = (vet(written({"pattern": each})) for each in ("^[a-z]+$", GREEDY.format(30)))
    large, larger = (vet(written({"title": "t" * size})) for size in (5_000, 5_001))
    here = fitting.Here()

    def known(*schemas: Schema, data: bytes = b"1") -> bool:
        return here.judged(schemas, data) is not None

    assert known(usual, data=written({f"p{n}": "x" * 40 for n in range(20)}))
    assert known(many, data=b"[1]")
    assert not known(many, data=written([1] * 100))
    assert not known(usual, data=written(["x"] * 20_000))
    for each in (matching, large, larger):
        assert not known(each)
    found, facts = fitting.faults_and_facts((matching, large), b'"A"', why=False)
    assert (found, set(facts)) == ([], {0, 1})
    here.note((matching, large, larger), {**facts, 2: facts[1]._replace(took=fitting.SOON + 1)})
    assert known(matching, large, data=b'"a"')
    assert not known(matching, data=written("a" * 60_000))
    assert not known(larger)
    here.note((greedy,), fitting.faults_and_facts((greedy,), b"1", why=False)[1])
    assert not known(greedy)
    # To tell why is to compile each schema with all that it leads to.
    chain: dict[str, Any] = {"$ref": "#/$defs/d0", "$defs": {f"d{n}": {"$ref": f"#/$defs/d{n + 1}"} for n in range(60)}}
    told = [
        here.judged((vet(written(schema)),), b'"A"')
        for schema in ({"type": "null"}, chain | {"$defs": {**chain["$defs"], "d60": {"type": "null"}}})
    ]
    told.append(here.judged((matching,), b'"A"'))
    assert [None if each is None else (each.fits, each.explained) for each in told] == [
        (False, True),
        (False, False),
        (False, False),
    ]
    # Of many that are compiled for one event some are, and the next event finds them.
    versions = tuple(vet(written({"const": n, "title": "t" * 3000})) for n in range(5))
    assert [known(*versions) for _ in range(6)] == [False] * 4 + [True] * 2
    assert here.took == 0


def event(data: object, **more: str) -> Event:
    body = {"specversion": "1.0", "id": "1", "source": "//s", "type": "com.example.t", "data": data, **more}
    return Event(
        key=uuid4(),
        id="1",
        source="//s",
        type="com.example.t",
        workspace_id="a" * 32,
        time=None,
        body=written(body),
        digest=b"",
        given_id=True,
    )
