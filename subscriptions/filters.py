"""Event filters, compiled once into closures: whether an event's data are what a subscription asks for.

The grammar is `filter_grammar.py`'s, which subscriptions are asked is left to `matching.py`. What a filter says
(greenlake.md section 6, and where that is silent, deploy/decisions/0009-filters.md):

- A property that is missing, or that is sought in something that is no object, is null. `eq null` and `ne` hold of it,
  nothing else does.
- A literal of another type than the property's value never matches, by no operator: `age eq '60'` and `age ne '60'` are
  both false of `{"age":60}`.
- Numbers are compared by their exact value, timestamps as moments with text that spells one, text by code points;
  true is greater than false.
"""

import json
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from types import NoneType
from typing import Any

import msgspec

from subscriptions import attributes, filter_grammar, filter_tokens
from subscriptions.attributes import Instant
from subscriptions.filter_grammar import Both, Call, Comparison, Either, Holds, Not, OneOf, Path, Tree
from subscriptions.filter_tokens import Literal

Test = Callable[[Any], bool]

#: Compiled filters that a process keeps, of some 2 KB each.
KEPT = 2048
#: No timestamp that anybody writes is longer; only such text is remembered.
_TIMESTAMP = 40

_HOLDS: Mapping[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "gt": operator.gt,
    "ge": operator.ge,
    "lt": operator.lt,
    "le": operator.le,
}
_FUNCTIONS: Mapping[str, Callable[[str, str], bool]] = {
    "startswith": str.startswith,
    "endswith": str.endswith,
    "contains": str.__contains__,
}
_NUMBERS = (int, Decimal)
#: The types of JSON values that a literal's type is comparable with; a bool is no number here.
_COMPARABLE: Mapping[type, tuple[type, ...]] = {int: _NUMBERS, Decimal: _NUMBERS, str: (str,), bool: (bool,)}


@dataclass(frozen=True, kw_only=True, slots=True)
class Filter:
    """A filter, ready to be asked."""

    #: As the subscriber wrote it.
    text: str
    #: Whether an event with this `data`, as `data_of` answers it, is wanted; never raises.
    passes: Test


class _Envelope(msgspec.Struct):
    """Of an event, what filters see."""

    data: Any = None


# Numbers with a fraction or an exponent as exact as they were written; integers are so anyway.
_decoder = msgspec.json.Decoder(_Envelope, float_hook=filter_tokens.decimal)


@lru_cache(maxsize=KEPT)
def compile(text: str) -> Filter:
    """The filter that the text spells; raises Refused (subject `eventFilter`) naming the token that is wrong, and its column."""
    return Filter(text=text, passes=_test(filter_grammar.parse(text)))


def data_of(envelope: bytes) -> Any:
    """The `data` of a kept event, from its structured JSON, numbers exact; None where it has none in JSON. Never raises."""
    try:
        return _decoder.decode(envelope).data
    except msgspec.MsgspecError:
        # An integer longer than msgspec reads.
        number = filter_tokens.decimal
        return json.loads(envelope, parse_int=number, parse_float=number).get("data")


def _test(tree: Tree) -> Test:
    match tree:
        case Comparison():
            return _comparison(tree)
        case OneOf(path=path, literals=literals):
            value, member = _value(path), _member(literals)
            return lambda data: member(value(data))
        case Holds(path=path, literal=literal):
            return _holds(_value(path), _member((literal,)))
        case Call(function=function, path=path, text=text):
            return _call(_FUNCTIONS[function], _value(path), text)
        case Not(operand=operand):
            inner = _test(operand)
            return lambda data: not inner(data)
        case Both(operands=operands):
            return _both([_test(each) for each in operands])
        case Either(operands=operands):
            return _either([_test(each) for each in operands])


def _value(path: Path) -> Callable[[Any], Any]:
    """Reads the property; None where it is not there."""
    if len(path) == 1:
        (name,) = path
        return lambda data: data.get(name) if type(data) is dict else None

    def value(data: Any) -> Any:
        for name in path:
            if type(data) is not dict:
                return None
            data = data.get(name)
        return data

    return value


def _comparison(tree: Comparison) -> Test:
    value, holds, literal = _value(tree.path), _HOLDS[tree.operator], tree.literal
    if literal is None:
        return _null(value, tree.operator)
    # Null differs from every literal, and has no order.
    of_null = tree.operator == "ne"
    if isinstance(literal, Instant):
        return _moment(value, holds, literal, of_null)
    comparable = _COMPARABLE[type(literal)]

    def test(data: Any) -> bool:
        found = value(data)
        if type(found) in comparable:
            return holds(found, literal)
        return of_null and found is None

    return test


def _null(value: Callable[[Any], Any], operator: str) -> Test:
    if operator == "eq":
        return lambda data: value(data) is None
    if operator == "ne":
        return lambda data: value(data) is not None
    return lambda data: False


def _moment(value: Callable[[Any], Any], holds: Callable[[Any, Any], bool], literal: Instant, of_null: bool) -> Test:
    def test(data: Any) -> bool:
        found = value(data)
        if type(found) is str:
            moment = _instant(found)
            return moment is not None and holds(moment, literal)
        return of_null and found is None

    return test


def _member(literals: tuple[Literal, ...]) -> Test:
    """Whether a value equals one of the literals; however many there are, in one step."""
    numbers = frozenset(each for each in literals if type(each) in _NUMBERS)
    moments = frozenset(each for each in literals if isinstance(each, Instant))
    equals: Mapping[type, frozenset[Literal]] = {
        int: numbers,
        Decimal: numbers,
        str: frozenset(each for each in literals if type(each) is str),
        bool: frozenset(each for each in literals if type(each) is bool),
        NoneType: frozenset(each for each in literals if each is None),
    }

    def test(found: Any) -> bool:
        same = equals.get(type(found))
        if same is None:
            return False
        return found in same or (bool(moments) and type(found) is str and _instant(found) in moments)

    return test


def _holds(value: Callable[[Any], Any], member: Test) -> Test:
    def test(data: Any) -> bool:
        found = value(data)
        return type(found) is list and any(map(member, found))

    return test


def _call(function: Callable[[str, str], bool], value: Callable[[Any], Any], text: str) -> Test:
    def test(data: Any) -> bool:
        found = value(data)
        return type(found) is str and function(found, text)

    return test


def _both(tests: list[Test]) -> Test:
    if len(tests) == 2:
        first, second = tests
        return lambda data: first(data) and second(data)
    return lambda data: all(test(data) for test in tests)


def _either(tests: list[Test]) -> Test:
    if len(tests) == 2:
        first, second = tests
        return lambda data: first(data) or second(data)
    return lambda data: any(test(data) for test in tests)


def _instant(text: str) -> Instant | None:
    return _remembered(text) if len(text) <= _TIMESTAMP else attributes.instant(text)


# One event's stamp is asked for by each of the filters that it meets; reading it costs two microseconds.
_remembered = lru_cache(maxsize=1024)(attributes.instant)
