"""Filters beside an evaluator that is slow and obviously right: same answer for whatever is asked of whatever data.

Its conditions are written down and evaluated here without a line of `subscriptions/webhooks/filters/event_filter.py`
or its grammar.
"""

import json
from datetime import datetime
from fractions import Fraction
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from subscriptions.webhooks.filters import event_filter

#: A condition: (operator, operands ...), of which literals are (text in a filter, value).
Condition = tuple[Any, ...]

NAMES = ("a", "b", "c")
#: JSON texts of numbers, several spellings of some; and moments that are one another's.
NUMBERS = (
    *("0", "1", "1.0", "1e0", "10e-1", "-1", "0.1", "0.10000000000000000000000000000001", "9007199254740993"),
    *("9007199254740992", "123456789012345678901234567890", "123456789012345678901234567890.0", "1e30"),
)
MOMENTS = ("2021-05-12T07:20:00Z", "2021-05-12T09:20:00+02:00", "2021-05-12T07:20:00.5Z", "2021-05-12t07:20:01z")
TEXTS = ("", "x", "xy", "y'x", "1", "true", "é", *MOMENTS)


def spelled(value: Any) -> str:
    """A literal as a filter spells it; numbers and moments come as their text."""
    return "'{}'".format(value.replace("'", "''"))


literals = st.one_of(
    st.sampled_from([("true", True), ("false", False), ("null", None)]),
    st.sampled_from([(text, Fraction(text)) for text in NUMBERS]),
    st.sampled_from([(text, datetime.fromisoformat(text.upper())) for text in MOMENTS]),
    st.sampled_from([(spelled(text), text) for text in TEXTS]),
)
# Mostly to where data are.
paths = st.sampled_from([["a"], ["b"], ["c"], ["a"], ["b"], ["a", "b"], ["b", "c", "a"]])
texts = st.sampled_from(TEXTS)


def alone(to: st.SearchStrategy[list[str]]) -> st.SearchStrategy[Condition]:
    """Conditions without `not`, `and`, `or` on the property at a path."""
    return st.one_of(
        st.tuples(st.sampled_from(["eq", "ne", "gt", "ge", "lt", "le"]), to, literals),
        st.tuples(st.just("one of"), to, st.lists(literals, min_size=1, max_size=4)),
        st.tuples(st.just("holds"), to, literals),
        st.tuples(st.sampled_from(["startswith", "endswith", "contains"]), to, texts),
    )


conditions: st.SearchStrategy[Condition] = st.recursive(
    alone(paths),
    lambda inner: st.one_of(
        st.tuples(st.just("not"), inner),
        st.tuples(st.sampled_from(["and", "or"]), inner, inner),
        st.tuples(st.sampled_from(["and", "or"]), inner, inner, inner),
    ),
    max_leaves=8,
)

#: JSON as text, so that numbers keep their spelling.
scalars = st.one_of(st.sampled_from(NUMBERS), st.sampled_from(["true", "false", "null"]), texts.map(json.dumps))


def objects(members: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.dictionaries(st.sampled_from(NAMES), members).map(
        lambda given: "{" + ",".join(f'"{name}":{text}' for name, text in given.items()) + "}"
    )


arrays = st.lists(scalars, max_size=3).map(lambda items: f"[{','.join(items)}]")
values = st.recursive(st.one_of(scalars, scalars, arrays), objects, max_leaves=4)
# An object with something in it, but for a few.
data = st.one_of(objects(values), objects(values), objects(values), objects(values), values)


def written(condition: Condition, *, spaced: bool) -> str:
    """The condition as a filter, with no more parentheses than it needs."""
    match condition:
        case ("not", inner):
            return f"not {_within(inner, ('and', 'or'), spaced)}"
        case ("and", *inner):
            return " and ".join(_within(each, ("or",), spaced) for each in inner)
        case ("or", *inner):
            return " or ".join(written(each, spaced=spaced) for each in inner)
        case ("one of", path, listed):
            return f"{'/'.join(path)} in ({(' , ' if spaced else ',').join(text for text, _ in listed)})"
        case ("holds", path, (text, _)):
            return f"{text} in {'/'.join(path)}"
        case ("startswith" | "endswith" | "contains" as function, path, text):
            return f"{function}({'/'.join(path)},{spelled(text)})"
        case (operator, path, (text, _)):
            return f"{'/'.join(path)} {operator}{'   ' if spaced else ' '}{text}"
    raise AssertionError(condition)


def _within(inner: Condition, looser: tuple[str, ...], spaced: bool) -> str:
    text = written(inner, spaced=spaced)
    return f"( {text} )" if inner[0] in looser or spaced else text


def holds(condition: Condition, data: Any) -> bool:
    """Whether the data are as the condition says; numbers of the data are Fractions."""
    match condition:
        case ("not", inner):
            return not holds(inner, data)
        case ("and", *inner):
            return all(holds(each, data) for each in inner)
        case ("or", *inner):
            return any(holds(each, data) for each in inner)
        case ("one of", path, listed):
            return any(compared("eq", found(path, data), value) for _, value in listed)
        case ("holds", path, (_, value)):
            items = found(path, data)
            return isinstance(items, list) and any(compared("eq", item, value) for item in items)
        case ("startswith", path, text):
            return isinstance(found(path, data), str) and found(path, data)[: len(text)] == text
        case ("endswith", path, text):
            return isinstance(found(path, data), str) and found(path, data).endswith(text)
        case ("contains", path, text):
            return isinstance(found(path, data), str) and text in found(path, data)
        case (operator, path, (_, value)):
            return compared(operator, found(path, data), value)
    raise AssertionError(condition)


def found(path: list[str], data: Any) -> Any:
    if not path:
        return data
    return found(path[1:], data.get(path[0])) if isinstance(data, dict) else None


def compared(operator: str, value: Any, literal: Any) -> bool:
    if value is None or literal is None:
        return (operator == "eq" and value is literal) or (operator == "ne" and value is not literal)
    if isinstance(literal, datetime):
        value = moment(value)
    if type(value) is not type(literal):
        return False
    answers: dict[str, bool] = {
        "eq": value == literal,
        "ne": value != literal,
        "gt": value > literal,
        "ge": value >= literal,
        "lt": value < literal,
        "le": value <= literal,
    }
    return answers[operator]


def moment(value: Any) -> datetime | None:
    return datetime.fromisoformat(value.upper()) if value in MOMENTS else None


@settings(max_examples=1500, deadline=None)
@given(condition=alone(st.just(["a"])), value=st.one_of(scalars, scalars, arrays))
def test_one_condition(condition: Condition, value: str) -> None:
    """A single condition says of a single value what it says in words."""
    passes, expected = answers(condition, f'{{"a":{value}}}', spaced=False)

    assert passes is expected


@settings(max_examples=500, deadline=None)
@given(condition=conditions, given_data=data, spaced=st.booleans())
def test_many_conditions(condition: Condition, given_data: str, spaced: bool) -> None:
    """Joined by `not`, `and` and `or`, conditions say what they say one by one."""
    passes, expected = answers(condition, given_data, spaced=spaced)

    assert passes is expected


def answers(condition: Condition, given_data: str, *, spaced: bool) -> tuple[bool, bool]:
    """What the filter says that is compiled from the condition's text, and what the condition itself says."""
    compiled = event_filter.compile(written(condition, spaced=spaced))
    kept = event_filter.data_of(b'{"data":%b}' % given_data.encode())
    return compiled.passes(kept), holds(condition, json.loads(given_data, parse_int=Fraction, parse_float=Fraction))
