"""A document is somebody's text: what would cost too much is refused before it does."""

import json
import re
import sys
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from subscriptions.catalogue.asyncapi import bounds, document, sources
from subscriptions.ground.errors import Malformed, Refused

HEAD = "asyncapi: 2.6.0\ninfo: {title: a, version: '1'}\n"


def with_components(shelf: str, components: str, message: str) -> str:
    """A document with one message, which refers to what stands on a shelf of its components."""
    return HEAD + f"channels: {{c: {{subscribe: {{message: {message}}}}}}}\ncomponents: {{{shelf}: {{{components}}}}}"


def refusal(text: str | bytes) -> str:
    """What a document is refused with."""
    with pytest.raises(Refused) as told:
        document.read(text if isinstance(text, bytes) else text.encode())
    return str(told.value)


def test_aliases_are_followed_ten_thousand_times() -> None:
    """Aliases of aliases are counted with what they stand for: laughs, a billion of them, end at the ten thousandth."""
    laughs = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{chr(98 + n)}: &{chr(98 + n)} [{','.join(['*' + chr(97 + n)] * 10)}]\n" for n in range(9)
    )
    assert "more than 10,000 aliases to follow (line 5)" in refusal(laughs)
    flat = "x: &x 1\ny: [" + ",".join(["*x"] * bounds.MAX_ALIASES)
    assert len(sources.read((flat + "]").encode()).value["y"]) == bounds.MAX_ALIASES
    assert "more than 10,000 aliases to follow" in refusal(flat + ",*x]")


def test_what_aliases_stand_for_counts_each_time() -> None:
    """Few aliases of something large are bounded by the values that they come to, and by their depth."""
    large = "a: &a [" + ",".join(["1"] * 10_000) + "]\nb: [" + ",".join(["*a"] * 30) + "]"
    assert "more than 200,000 values" in refusal(large)
    deep = f"a: &a {'[' * 40}{']' * 40}\nb: {'[' * 30}*a{']' * 30}"
    assert "more than 64 levels" in refusal(deep)


@pytest.mark.parametrize("opening", ["[", "{a: ", '{"a": ', '{"a": [', "- "])
def test_depth_ends_at_64(opening: str) -> None:
    """A million brackets are given up at the sixty-fifth, in YAML and in JSON."""
    assert "64 levels" in refusal(opening * (bounds.MAX_BYTES // len(opening)))


def test_a_megabyte_is_the_most() -> None:
    """A document larger than a mebibyte is not looked at."""
    assert "at most 1,048,576 bytes" in refusal(b" " * (bounds.MAX_BYTES + 1))


def test_an_enum_of_fifty_thousand_is_too_much_for_a_schema() -> None:
    """A schema has ten thousand values at most; an enum of a million does not even fit into a document."""

    def listing(entries: int) -> str:
        return (
            HEAD
            + "channels: {c: {subscribe: {message: {payload: {enum: ["
            + ",".join(map(str, range(entries)))
            + "]}}}}}"
        )

    assert "/channels/c/subscribe/message/payload/enum: more than 10,000 values" in refusal(listing(50_000))
    assert "at most 1,048,576 bytes" in refusal(listing(1_000_000))
    assert "more than 60,000 values in YAML" in refusal(HEAD + "x-a: [" + "1," * 300_000 + "]")


def test_a_reference_out_of_the_document_is_not_followed() -> None:
    """Files and addresses are somebody else's text: told, and nothing is fetched."""
    for reference in ("https://example.com/a.yaml#/a", "./a.yaml", "file:///etc/passwd", "urn:a:b"):
        message = f"{{name: a, payload: {{$ref: '{reference}'}}}}"
        said = refusal(HEAD + f"channels: {{c: {{subscribe: {{message: {message}}}}}}}")
        assert "leads out of the document" in said
        assert "(line 3)" in said
        assert "leads out" in refusal(HEAD + f"channels: {{c: {{subscribe: {{message: {{$ref: '{reference}'}}}}}}}}")


def test_a_reference_to_nothing_is_told() -> None:
    """A pointer that leads nowhere names itself."""
    said = refusal(HEAD + "channels: {c: {subscribe: {message: {$ref: '#/components/messages/a'}}}}")
    assert said.startswith("/channels/c/subscribe/message/$ref: '#/components/messages/a' leads to nothing")


def test_references_in_a_circle_are_told_and_not_followed() -> None:
    """Messages that are references to each other are no messages; so are alternatives of themselves."""
    circle = (
        "channels: {c: {subscribe: {message: {$ref: '#/components/messages/a'}}}}\n"
        "components: {messages: {a: {$ref: '#/components/messages/b'}, b: {$ref: '#/components/messages/a'}}}"
    )
    assert "lead in a circle" in refusal(HEAD + circle)
    alternatives = (
        "channels: {c: {subscribe: {message: {$ref: '#/components/messages/a'}}}}\n"
        "components: {messages: {a: {oneOf: [{$ref: '#/components/messages/a'}, {name: b, payload: {type: string}}]}}}"
    )
    assert [event.type for event in document.read((HEAD + alternatives).encode()).events] == ["b"]


def test_a_schema_that_refers_to_itself_is_one() -> None:
    """A tree is described by a schema that contains itself: it is copied once, and its references lead to the copy."""
    tree = "tree: {type: object, properties: {leaves: {type: array, items: {$ref: '#/components/schemas/tree'}}}}"
    text = with_components("schemas", tree, "{name: a, payload: {$ref: '#/components/schemas/tree'}}")
    (event,) = document.read(text.encode()).events
    assert event.payload == b'{"type":"object","properties":{"leaves":{"type":"array","items":{"$ref":"#"}}}}'


def test_alternatives_of_alternatives_are_taken_once() -> None:
    """References that double at each step come to as many messages as there are, whichever way leads to them."""

    def doubled(name: str, keyword: str, shelf: str, steps: int) -> str:
        again = "{{$ref: '#/components/{}/{}{}'}}"
        twice = [", ".join([again.format(shelf, name, n + 1)] * 2) for n in range(steps)]
        return "".join(f"{name}{n}: {{{keyword}: [{each}]}}, " for n, each in enumerate(twice))

    messages = doubled("m", "oneOf", "messages", 60) + "m60: {name: end, payload: {type: string}}"
    text = with_components("messages", messages, "{$ref: '#/components/messages/m0'}")
    assert [event.type for event in document.read(text.encode()).events] == ["end"]
    schemas = doubled("s", "allOf", "schemas", 2000) + "s2000: {type: string}"
    text = with_components("schemas", schemas, "{name: a, payload: {$ref: '#/components/schemas/s0'}}")
    assert [event.type for event in document.read(text.encode()).events] == ["a"]


def test_what_is_shared_by_many_messages_is_counted_for_each() -> None:
    """One long text that thousands of messages refer to would be kept thousands of times: sixteen mebibytes are the most."""
    channels = "".join(
        f" c{n}: {{subscribe: {{message: {{name: n{n}, traits: [{{$ref: '#/components/messageTraits/t'}}]}}}}}}\n"
        for n in range(200)
    )
    text = HEAD + f"channels:\n{channels}components: {{messageTraits: {{t: {{description: {'x' * 100_000}}}}}}}"
    assert "more than 16,777,216 bytes" in refusal(text)
    operations = "".join(f" o{n}: {{action: send, channel: {{$ref: '#/channels/c'}}}}\n" for n in range(200))
    messages = "".join(f"m{n}: {{}}, " for n in range(200))
    head = HEAD.replace("2.6.0", "3.0.0") + f"channels: {{c: {{messages: {{{messages}}}}}}}\n"
    text = f"{head}operations:\n{operations}"
    assert "more than 10,000 messages" in refusal(text)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: &a [*a]", "has no end"),
        ("a: *b", "stands for nothing before it"),
        ("{a: 1, b: [", "did not find"),
        ("a: 1\na: 2", "'a' stands twice in its object (line 2)"),
        ("? [a]\n: 1", "a key is no string"),
        ("a: !!python/object/apply:os.system [x]", "values of JSON are read alone"),
        ("a: !!binary eA==", "values of JSON are read alone"),
        ("--- {}\n--- {}", "a second document begins"),
        ("", "there is no document in it"),
        ("a: .inf", "is no number of JSON"),
        ("a: 1e999", "too large a number"),
        (f"a: {'9' * 1001}", "more than 1,000 digits"),
        ("a: \x01", "control characters"),
        (b"a: \xff", "not UTF-8 (line 1, byte 3)"),
        ("<<: [1]", "<< merges an object"),
    ],
)
def test_what_is_no_json_in_yaml_is_refused(text: str | bytes, says: str) -> None:
    """Tags, keys, numbers and texts that JSON has none of are refused with the line, and nothing is ever constructed."""
    raw = text if isinstance(text, bytes) else text.encode()
    with pytest.raises(Malformed, match=re.escape(says)):
        sources.read(raw, media_type="application/yaml")


def test_yaml_is_that_of_1_2() -> None:
    """Words and dates that YAML 1.1 makes something of are strings, as AsyncAPI's YAML 1.2 has them; merge keys merge."""
    text = "{on: off, yes: no, d: 2020-01-01, t: 12:30:45, n: 012, x: 0x1F, e: ~, f: 1e3, q: '1', u: !!str 1, <<: {on: 1, z: 2}}"
    assert sources.read(text.encode(), media_type="application/yaml").value == {
        "on": "off",
        "yes": "no",
        "d": "2020-01-01",
        "t": "12:30:45",
        "n": 12,
        "x": 31,
        "e": None,
        "f": 1000.0,
        "q": "1",
        "u": "1",
        "z": 2,
    }


_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**12), 10**12)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=25,
)


@given(_JSON.map(lambda value: {"a": value}))
def test_json_means_the_same_to_both_readers(value: object) -> None:
    """JSON is YAML: whatever can be written in it is the same value to the reader of YAML, half characters aside."""
    text = json.dumps(value, ensure_ascii=False, indent=1)
    if any(
        ord(sign) < 32
        or 0x7F <= ord(sign) < 0xA0
        or ord(sign) in (0xFFFE, 0xFFFF, 0xFEFF)
        or 0xD800 <= ord(sign) < 0xE000
        for sign in text.replace("\n", "")
    ):
        return
    if any(len(line) > 1000 for line in text.splitlines()) or any(sign in text for sign in "\u2028\u2029\x85"):
        return
    assert (
        sources.read(text.encode(), media_type="application/yaml").value == sources.read(text.encode()).value == value
    )


@given(st.binary(max_size=200) | st.text(alphabet="{}[]:,-&*a \n'\"!|>#?%@`~<", max_size=80).map(str.encode))
def test_no_text_breaks_the_reader(text: bytes) -> None:
    """Whatever bytes come, they are a document or refused: no other error leaves the reader."""
    with suppress(Refused):
        document.read(text)


def test_the_bounds_leave_the_interpreter_room() -> None:
    """What is read recursively is bounded by its depth, far below the interpreter's own limit."""
    assert sys.getrecursionlimit() > bounds.MAX_DEPTH * 8


def test_yaml_has_fewer_values_than_json() -> None:
    """A document in YAML is read value by value: with more than sixty thousand it is refused before the rest is read."""
    assert "/x/59998: more than 60,000 values in YAML (line 1)" in refusal("x: [" + ",".join(["{}"] * 190_000) + "]")
