"""JSON as text: what is refused, what is kept to the letter, and that the fast way and the slow way agree."""

import contextlib
import json
import tracemalloc
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from subscriptions.events import json_text
from subscriptions.events.json_scan import JsonScan
from subscriptions.ground.errors import Malformed, TooLarge
from tests.work import work

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=20,
)


def slowly(raw: bytes) -> bytes:
    return JsonScan(raw).text()


@pytest.mark.parametrize(
    "literal",
    [
        "1.0",
        "1e30",
        "1E5",
        "-0",
        "-0.0",
        "0",
        "1e400",
        "1" * 30,
        "9" * 1000,
        "0." + "9" * 5000,
        "-9223372036854775809",
        "0.10",
        "1.5E+07",
    ],
)
@pytest.mark.parametrize("form", ["%s", '{"a":%s}', '[%s,"-0:"]'])
def test_a_number_arrives_as_it_was_written(literal: str, form: str) -> None:
    """Numbers of any spelling are untouched (greenlake.md D.5)."""
    raw = (form % literal).encode()

    assert json_text.compact(raw) == raw
    assert json_text.compact(b" " + raw.replace(b",", b" ,\r\n\t ")) == raw
    assert slowly(raw) == raw


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (rb'"\u00e9\u20ac\ud83d\ude00"', '"é€😀"'),
        (rb'"\/\u002f\u003a\u002d\u0041"', '"//:-A"'),
        (rb'"\u007f\u2028"', '"\x7f\u2028"'),
        (rb'"\u0022\u005c\u000a\u0008"', r'"\"\\\n\b"'),
        (rb'"\u001F\u0000\n\t\r\b\f"', r'"\u001f\u0000\n\t\r\b\f"'),
        (rb'{"\u00e9": {"b" :[ ]}, "a" : { } }', '{"é":{"b":[]},"a":{}}'),
        (rb'{"a":-0,"\u003a":"\u002d"}', '{"a":-0,":":"-"}'),
        (rb' "a b" ', '"a b"'),
        (rb'"\\u003a"', r'"\\u003a"'),
        (b"[true,false, null]", "[true,false,null]"),
    ],
)
def test_escapes_become_raw_utf_8_and_white_space_goes(raw: bytes, text: str) -> None:
    """Only the escapes that JSON requires stay, in one spelling; white space in strings stays."""
    assert json_text.compact(raw) == text.encode()
    assert slowly(raw) == text.encode()


@pytest.mark.parametrize(
    ("raw", "subject", "words"),
    [
        (b"", "body", "is empty: JSON is expected"),
        (b'{"a":\n  {"b": [1, tru]}}', "a.b[1]", "line 2, column 13, byte 18"),
        (b'{"a":1,"b":{"x":1,"x":2}}', "b.x", "this key stands twice"),
        (rb'{"a":1,"\u0061":2}', "a", "this key stands twice"),
        (b'[1, {"id": NaN}]', "[1].id", "NaN and Infinity are not JSON"),
        (b"[Infinity]", "[0]", "NaN and Infinity"),
        (b"[-Infinity]", "[0]", "NaN and Infinity"),
        (rb'["\ud800"]', "[0]", "half of a surrogate pair"),
        (rb'["\udc00\ud800"]', "[0]", "half of a surrogate pair"),
        (rb'{"\ud83d\u0041":1}', "body", "half of a surrogate pair"),
        (b'"\xed\xa0\x80"', "body", "not UTF-8 (line 1, column 2, byte 1 of body)"),
        (b'{"a":"\xff"}', "a", "not UTF-8"),
        (b"\xef\xbb\xbf{}", "body", "a byte order mark"),
        ("{}".encode("utf-16"), "body", "a byte order mark"),
        (b"01", "body", "1 stands where the end should be"),
        (b"[1.]", "[0]", ". stands where a comma or ] should be"),
        (b"[.5]", "[0]", ". stands where"),
        (b"[+1]", "[0]", "+ stands where"),
        (b"[1,]", "[1]", "] stands where a value should be"),
        (b'{"a":1,}', "body", "} stands where a key"),
        (b'{"a":1, ', "body", "the text ends where a key"),
        (b'{"b":{"a":1,', "b", "the text ends where a key"),
        (b"{'a':1}", "body", "' stands where a key"),
        (b'{"a" 1}', "a", "1 stands where a colon"),
        (b"[1}", "[0]", "} stands where a comma or ]"),
        (b"[1 2]", "[0]", "2 stands where a comma or ]"),
        (b"{} {}", "body", "{ stands where the end should be"),
        (b'["\x01"]', "[0]", "control character"),
        (b'["a', "[0]", "not closed"),
        (rb'["\x41"]', "[0]", "not an escape that JSON knows"),
        (rb'["\u12"]', "[0]", "not an escape that JSON knows"),
        (b"\x0b1", "body", "byte 0x0b stands where"),
        (b"[[]" + b"\x00]", "[0]", "byte 0x00"),
        (b"[" * 65 + b"]" * 65, "[0]" * 64, "more than 64 levels deep"),
        (b"[" * 20_000, "[0]" * 64, "more than 64 levels deep"),
    ],
)
def test_what_is_not_json_is_refused_by_path_and_position(raw: bytes, subject: str, words: str) -> None:
    """Whatever RFC 8259 forbids, and what greenlake.md D.5 adds, is Malformed, and says where and why."""
    with pytest.raises(Malformed) as caught:
        json_text.compact(raw)

    issue = caught.value.issues[0]
    assert issue.subject == subject[:200]
    assert words in issue.description


def test_64_levels_are_taken_and_wide_input_is_not_deep() -> None:
    """The limit counts levels, not brackets."""
    deep = b"[" * 64 + b"]" * 64
    wide = b"[" + b",".join([b'{"a":[]}'] * 500) + b"]"
    quoted = b'"' + b"[" * 100 + b'"'

    assert json_text.compact(deep) == deep
    assert json_text.compact(wide) == wide
    assert json_text.compact(quoted) == quoted


@given(VALUES, st.booleans(), st.sampled_from([None, 1, "\t"]))
@example({"a": -0.0, "-0": [":"]}, True, 1)
def test_both_ways_agree_with_pythons_own_json(value: Any, ascii_only: bool, indent: int | str | None) -> None:
    """However a value was written, its text comes out compact, and means the same."""
    raw = json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode("utf-8", "surrogatepass")
    expected = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")

    assert json_text.compact(raw) == expected
    assert slowly(raw) == expected
    assert json_text._rewritten(raw) == expected
    assert json_text.load(expected) == value


@given(st.text(alphabet='{}[]:,"\\ \n0123456789-+.eEutrfalsn\x00\u00e9ab/'), st.booleans())
def test_both_ways_refuse_the_same(text: str, wrapped: bool) -> None:
    """The fast way takes nothing that the slow way, which is the definition, refuses."""
    raw = (f'["{text}"]' if wrapped else text).encode()

    def outcome(way: Any) -> bytes | None:
        try:
            return bytes(way(raw))
        except Malformed:
            return None

    assert outcome(json_text.compact) == outcome(slowly)


@given(st.dictionaries(st.sampled_from("abc:-"), st.integers()), st.sampled_from("abc:-"))
def test_a_duplicate_key_is_never_lost(members: dict[str, int], extra: str) -> None:
    """An object with a key given twice is refused, wherever the second stands."""
    pairs = [*members.items(), (extra, 1), (extra, 1)]
    raw = "{" + ", ".join(f"{json.dumps(key)}: {value}" for key, value in pairs) + "}"

    with pytest.raises(Malformed, match="stands twice"):
        json_text.compact(raw.encode())


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b"1e400", float("inf")),
        (b"9" * 1000, int("9" * 1000)),
        (b'{"a":[1.5]}', {"a": [1.5]}),
        (b"1" * 30, int("1" * 30)),
    ],
)
def test_any_accepted_number_can_be_read(text: bytes, value: object) -> None:
    """Reading accepted JSON never raises, whatever its numbers."""
    assert json_text.load(json_text.compact(text)) == value


@pytest.mark.parametrize("form", ["%s", "[%s]", '{"a":%s}', '{"a":1, "b": %s }', '["\\"",-%s,1]', "[1.5,\n%s]"])
@pytest.mark.parametrize("before", [0, 999, 1000, 1001, 70_000])
def test_integers_have_a_limit(form: str, before: int) -> None:
    """One of a thousand digits is taken, a longer one is refused before any work is made of it, wherever it stands."""
    taken, refused = (b" " * before + (form % ("7" * digits)).encode() for digits in (1000, 1001))

    json_text.compact(taken)
    with pytest.raises(Malformed, match="an integer of more than 1,000 digits"):
        json_text.compact(refused)
    assert work(lambda: suppressed(refused)) < 100 + len(refused) // 500


def suppressed(raw: bytes) -> None:
    with contextlib.suppress(Malformed):
        json_text.compact(raw)


@pytest.mark.parametrize("text", ['"%s"', "0.%s", "%s.5", "%se5", "1e%s", '["\\"%s"]', '{"%s":0}'])
def test_other_digits_have_none(text: str) -> None:
    """Digits in strings and in numbers that are no integers are as cheap as other text, and taken."""
    raw = (text % ("7" * 5000)).encode()

    assert json_text.compact(raw) == raw


def test_what_is_too_much_is_not_looked_at() -> None:
    """An array with far more items than are taken costs no more than one with one too many."""
    costs = []
    for count in (1001, 1_000_000):
        raw = b"[" + b"1," * count + b"1]"
        tracemalloc.start()
        with pytest.raises(TooLarge, match="more than 1,000 items"):
            json_text.items(raw, limit=1000)
        costs.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()

    assert costs[1] < costs[0] + 100_000


def test_an_array_is_taken_apart() -> None:
    """Each item is compact by itself; a fault in one is placed in that item, and only so many are taken."""
    items = json_text.items(b' [ {"a": 1.0} , [ ] ] ', limit=2)
    assert [(size, item.text) for size, item in items] == [(10, b'{"a":1.0}'), (3, b"[]")]
    with pytest.raises(Malformed) as caught:
        list(json_text.items(b'[1, {"a": 01}]', limit=2))
    assert caught.value.issues[0].subject == "[1].a"
    with pytest.raises(TooLarge, match="more than 2"):
        json_text.items(b"[1,2,3]", limit=2)


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b'{"a":1,"a":' + b" " * 300_000 + b"2}", "twice"),
        (b"[" + b" " * 300_000 + b"NaN]", "byte 300001"),
        (b'"' + b"a" * 300_000 + b'\xff"', "UTF-8"),
        (b"[" * 65 + b" " * 300_000 + b"]" * 65, "64 levels"),
        (b"[" * 300_000, "64 levels"),
    ],
)
def test_faults_of_large_input_are_named_without_their_path(raw: bytes, words: str) -> None:
    """A large faulty body costs no more than a large good one."""
    with pytest.raises(Malformed) as caught:
        json_text.compact(raw)

    assert caught.value.issues[0].subject == "body"
    assert words in caught.value.issues[0].description


def test_large_input_with_rare_spellings_is_taken() -> None:
    """Negative zeros, escaped ASCII and white space are no matter of size."""
    raw = b"[" + rb'-0, "\u003a\u0022\n\u0001", ' * 30_000 + b"0]"

    assert json_text.compact(raw) == b"[" + rb'-0,":\"\n\u0001",' * 30_000 + b"0]"
