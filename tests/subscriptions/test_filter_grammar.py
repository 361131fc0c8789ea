"""What filters may say, and what people are told of one that cannot be read: the token, its column, what would be right."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from subscriptions.ground.errors import Refused
from subscriptions.webhooks.filters import event_filter, grammar

OPERATOR = "an operator (eq, ne, gt, ge, lt, le or in)"
LITERAL = "a number, a timestamp, text in single quotes{}, `true`, `false` or `null`"
QUOTED = LITERAL.format(" ('b')")
NEITHER = "is neither a number nor an RFC 3339 timestamp such as 2021-05-12T07:20:00Z; text stands in single quotes"
FUNCTION = "is not a function of a filter; startswith, endswith, contains are"
LEFT = "should be; of other operators the property is on the left"

REFUSED = {
    "": "the end (column 1) stands where a condition should be",
    # Words from elsewhere.
    "salary gte 50000": "`gte` (column 8) is not a word of a filter; `ge` is",
    "age EQ 5": "`EQ` (column 5) is not a word of a filter; `eq` is",
    "age >= 5": "`>=` (column 5) is not a word of a filter; `ge` is",
    "a='x'": "`=` (column 2) is not a word of a filter; `eq` is",
    "a eq 1 AND b eq 2": "`AND` (column 8) is not a word of a filter; `and` is",
    "a eq 1 || b eq 2": "`||` (column 8) is not a word of a filter; `or` is",
    "!(a eq 1)": "`!` (column 1) is not a word of a filter; `not` is",
    "a eq TRUE": "`TRUE` (column 6) is not a word of a filter; `true` is",
    "StartsWith(a,'b')": "`StartsWith` (column 1) is not a word of a filter; `startswith` is",
    "length(a) gt 1": f"`length` (column 1) {FUNCTION}",
    "b eq 1 and tolower(a) eq 'b'": f"`tolower` (column 12) {FUNCTION}",
    # Something is missing, or too much.
    "a eq": f"the end (column 5) stands where {LITERAL.format('')} should be",
    "a eq 1 and": "the end (column 11) stands where a condition should be",
    "a eq 1 and and b eq 2": "`and` (column 12) stands where a condition should be",
    "flag": f"the end (column 5) stands where {OPERATOR} should be; `flag` alone is no condition, `flag eq true` is one",
    "flag and a eq 1": f"`and` (column 6) stands where {OPERATOR} should be; `flag` alone is no condition, `flag eq true` is one",
    "true": f"the end (column 5) stands where `in` {LEFT}",
    "(a eq 1": "the end (column 8) stands where `and`, `or` or the `)` of the `(` in column 1 should be",
    "a eq 1)": "`)` (column 7) stands where `and`, `or` or the end should be",
    "a eq 1 b eq 2": "`b` (column 8) stands where `and`, `or` or the end should be",
    "startswith(a,'b') eq true": "`eq` (column 19) stands where `and`, `or` or the end should be",
    # Sides.
    "1 eq a": f"`eq` (column 3) stands where `in` {LEFT}",
    "a eq b": f"`b` (column 6) stands where {QUOTED} should be",
    "eq eq 1": "`eq` (column 1) stands where a condition should be",
    "a/ eq 1": "`eq` (column 4) stands where the name of a property should be",
    "a/'b' eq 1": "`'b'` (column 3) stands where the name of a property should be",
    # Lists and calls.
    "a in 'x'": "`'x'` (column 6) stands where `(` should be",
    "a in ()": f"`)` (column 7) stands where {LITERAL.format('')} should be",
    "a in ('x' 'y')": "`'y'` (column 11) stands where `,` or `)` should be",
    "'x' in ('y')": "`(` (column 8) stands where the property that holds it should be",
    "startswith(a)": "`)` (column 13) stands where `,` should be",
    "startswith(a,5)": "`5` (column 14) stands where text in single quotes should be",
    "startswith('a',a)": "`'a'` (column 12) stands where a property should be",
    # Literals and characters.
    "a eq 'x": "the text that begins with `'` (column 6) is not closed; a single quote within text is written twice",
    'a eq "x"': '`"` (column 6) is not a character of a filter; text stands in single quotes',
    "a eq 2021-05-12": f"`2021-05-12` (column 6) {NEITHER}",
    "a eq 2021-02-31T00:00:00Z": f"`2021-02-31T00:00:00Z` (column 6) {NEITHER}",
    "a eq 5GB": f"`5GB` (column 6) {NEITHER}",
    "data.category eq 1": "`.` (column 5) is not a character of a filter; a path begins within the data and is written with `/`, "
    "such as user/name",
    "first-name eq 1": "`-` (column 6) is not a character of a filter",
    "a eq 'x\0'": "`'x\\x00'` (column 6) holds a NUL character, which cannot be kept",
    "a eq 1\x07": "`\\x07` (column 7) is not a character of a filter",
    # Limits.
    "not " * 33 + "a eq 1": "`not` (column 129) is more than 32 levels deep",
    "(" * 33 + "a eq 1" + ")" * 33: "`(` (column 33) is more than 32 levels deep",
    "a eq '" + "x" * 4090 + "'": "has 4097 characters; at most 4096 are taken",
}


@pytest.mark.parametrize(("text", "said"), REFUSED.items())
def test_what_is_refused(text: str, said: str) -> None:
    """The refusal names the token and its column, and what would be right (greenlake.md 6.2)."""
    with pytest.raises(Refused) as raised:
        event_filter.compile(text)

    assert [(issue.subject, issue.description) for issue in raised.value.issues] == [("eventFilter", said)]


@pytest.mark.parametrize(
    "text",
    [
        "a eq '" + "x" * 4089 + "'",
        "not " * 32 + "a eq 1",
        "(" * 32 + "a eq 1" + ")" * 32,
        # Side by side is not within one another.
        " and ".join(["(not (a eq 1))"] * 100),
        # Names of functions, and words within a path, are names like others.
        "contains eq 1 and a/eq/true/in eq 1",
    ],
)
def test_what_is_just_right(text: str) -> None:
    """A filter at a limit is taken."""
    assert event_filter.compile(text).text == text


def test_conditions_are_counted() -> None:
    """At the first condition beyond the limit a filter is refused, wherever it stands; a list is one condition."""
    listed = f"a in ({','.join(map(str, range(300)))})"
    just_right = f"not ({listed} or contains(a,'x') and (b eq 1 or 1 in b))"

    with pytest.raises(Refused) as raised:
        grammar.parse(f"{just_right} or c eq 1", conditions=4)

    assert isinstance(grammar.parse(just_right, conditions=4), grammar.Not)
    assert "begins one condition more than the 4 that a filter may have" in raised.value.issues[0].description


PIECES = st.sampled_from(
    (
        *("a", "b/c", "eq", "in", "and", "or", "not", "(", ")", ",", "'x'", "'", "1", "1.5", "2021-05-12T07:20:00Z"),
        *("null", "true", "startswith", "gte", "/", "-", "\x00", "é", "\u2028", "9z"),
    )
)


@given(st.lists(PIECES, max_size=30), st.sampled_from([" ", ""]))
def test_any_text(pieces: list[str], between: str) -> None:
    """Whatever is written is either a filter that answers, or refused in a column of the text."""
    text = between.join(pieces)
    try:
        answer: object = event_filter.compile(text).passes({"a": "x", "b": {"c": [1]}})
        column = 1
    except Refused as refused:
        answer = None
        [issue] = refused.issues
        found = re.search(r"\(column ([0-9]+)\)", issue.description)
        assert found, issue
        column = int(found[1])

    assert answer in (True, False, None)
    assert 1 <= column <= len(text) + 1


def test_a_refusal_is_short() -> None:
    """However long the word that is wrong, the sentence about it is not."""
    for text in ("a" * 4000, f"a eq {'b' * 4000}"):
        with pytest.raises(Refused) as caught:
            event_filter.compile(text)

        assert len(str(caught.value)) < 300
