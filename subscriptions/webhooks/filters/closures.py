"""Conditions as closures over decoded data: what each operator and function holds of.

What a filter says as a whole stands in `event_filter.py`; what asking costs is counted by `step_budget.py`.
"""

import operator
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from subscriptions.events.attributes import Instant
from subscriptions.webhooks.filters import grammar, step_budget
from subscriptions.webhooks.filters.grammar import Both, Call, Comparison, Condition, Either, Holds, Not, OneOf, Path
from subscriptions.webhooks.filters.lexer import Literal
from subscriptions.webhooks.filters.step_budget import Literals, Run, Walk

Test = Callable[[Any, Run], bool]

_HOLDS: Mapping[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "gt": operator.gt,
    "ge": operator.ge,
    "lt": operator.lt,
    "le": operator.le,
}
_ENDS: Mapping[str, Callable[[str, str], bool]] = {"startswith": str.startswith, "endswith": str.endswith}
_NUMBERS = (int, Decimal)
#: The types of JSON values that a literal's type is comparable with; a bool is no number here.
_COMPARABLE: Mapping[type, tuple[type, ...]] = {int: _NUMBERS, Decimal: _NUMBERS, str: (str,), bool: (bool,)}


def grows(condition: Condition) -> bool:
    """Whether it takes more steps of larger data."""
    match condition:
        case Comparison(literal=literal):
            return isinstance(literal, Instant)
        case OneOf(literals=literals):
            return any(isinstance(each, Instant) for each in literals)
        case Call(function=function):
            return function not in _ENDS
    return True


class Closures:
    """Makes closures of a tree."""

    def __init__(self, conditions: list[Condition]) -> None:
        sought: dict[Path, list[Literal]] = {}
        for each in conditions:
            if isinstance(each, Holds):
                sought.setdefault(each.path, []).append(each.literal)
        self._walks = {path: Walk(path, _value(path), literals) for path, literals in sought.items()}

    def test(self, tree: grammar.Tree) -> Test:
        """What asks the whole of it."""
        match tree:
            case Comparison():
                return _comparison(tree)
            case OneOf(path=path, literals=literals):
                return _one_of(_value(path), Literals(literals))
            case Holds(path=path, literal=literal):
                walk = self._walks[path]
                return walk.holds(literal) if walk.shared else _holds(_value(path), literal)
            case Call(function=function, path=path, text=text):
                return _call(function, _value(path), text)
            case Not(operand=operand):
                inner = self.test(operand)
                return lambda data, run: not inner(data, run)
            case Both(operands=operands):
                return _both([self.test(each) for each in operands])
            case Either(operands=operands):
                return _either([self.test(each) for each in operands])


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
    if len(tree.path) == 1:
        (name,) = tree.path

        def of_member(data: Any, run: Run) -> bool:
            # The most ordinary condition: without the call that reads the property.
            found = data.get(name) if type(data) is dict else None
            if type(found) in comparable:
                return holds(found, literal)
            return of_null and found is None

        return of_member

    def test(data: Any, run: Run) -> bool:
        found = value(data)
        if type(found) in comparable:
            return holds(found, literal)
        return of_null and found is None

    return test


def _null(value: Callable[[Any], Any], operator: str) -> Test:
    if operator == "eq":
        return lambda data, run: value(data) is None
    if operator == "ne":
        return lambda data, run: value(data) is not None
    return lambda data, run: False


def _moment(value: Callable[[Any], Any], holds: Callable[[Any, Any], bool], literal: Instant, of_null: bool) -> Test:
    instant = step_budget.instant

    def test(data: Any, run: Run) -> bool:
        found = value(data)
        if type(found) is str:
            moment = instant(found, run)
            return moment is not None and holds(moment, literal)
        return of_null and found is None

    return test


def _one_of(value: Callable[[Any], Any], literals: Literals) -> Test:
    equal, same_moment = literals.equal, literals.same_moment
    if not literals.moments:
        return lambda data, run: equal(value(data)) is not None

    def test(data: Any, run: Run) -> bool:
        found = value(data)
        return equal(found) is not None or (type(found) is str and same_moment(found, run) is not None)

    return test


def _holds(value: Callable[[Any], Any], literal: Literal) -> Test:
    """One condition on an array that no other one asks of."""
    literals = Literals((literal,))
    equal, moment = literals.equal, isinstance(literal, Instant)

    def test(data: Any, run: Run) -> bool:
        found = value(data)
        if type(found) is not list:
            return False
        run.take(len(found))
        if type(literal) is str:
            # Only text equals text: the one kind that needs no look at types.
            return literal in found
        if moment:
            return any(type(each) is str and literals.same_moment(each, run) is not None for each in found)
        return any(equal(each) is not None for each in found)

    return test


def _call(function: str, value: Callable[[Any], Any], text: str) -> Test:
    if function == "contains":

        def contains(data: Any, run: Run) -> bool:
            found = value(data)
            return type(found) is str and step_budget.contains(found, text, run)

        return contains
    ends = _ENDS[function]

    def test(data: Any, run: Run) -> bool:
        found = value(data)
        return type(found) is str and ends(found, text)

    return test


def _both(tests: list[Test]) -> Test:
    if len(tests) == 2:
        first, second = tests
        return lambda data, run: first(data, run) and second(data, run)

    def every(data: Any, run: Run) -> bool:
        for test in tests:  # noqa: SIM110  half the time of a generator
            if not test(data, run):
                return False
        return True

    return every


def _either(tests: list[Test]) -> Test:
    if len(tests) == 2:
        first, second = tests
        return lambda data, run: first(data, run) or second(data, run)

    def some(data: Any, run: Run) -> bool:
        for test in tests:  # noqa: SIM110
            if test(data, run):
                return True
        return False

    return some
