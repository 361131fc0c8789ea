"""Why an event filter says no: the conditions that made it so, as they read in the filter, each with what the data have there.

Asked for people, one event at a time; matching itself is left to `webhooks/matching.py`.
"""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from subscriptions.events.attributes import Instant
from subscriptions.ground.errors import Refused
from subscriptions.webhooks.filters import grammar
from subscriptions.webhooks.filters.closures import Closures
from subscriptions.webhooks.filters.grammar import (
    Both,
    Call,
    Comparison,
    Condition,
    Either,
    Holds,
    Not,
    OneOf,
    Path,
    Tree,
)
from subscriptions.webhooks.filters.lexer import Literal
from subscriptions.webhooks.filters.step_budget import Run, StepsExhausted

#: Characters of a value that are shown, and of a condition.
SHOWN = 120
#: Conditions that are told at most.
MOST = 10
#: What is said of a property that is not there.
MISSING = "not there"


class FailedCondition(NamedTuple):
    """A condition that made the filter say no."""

    #: As it reads in a filter; with `not` before it, it holds and should not.
    condition: str
    #: `total`
    property: str
    #: What the data have there, as JSON, cut; `not there` where they have nothing.
    found: str


class Verdict(NamedTuple):
    """What a filter says of an event's data."""

    passes: bool
    #: Empty where it passes.
    failed: tuple[FailedCondition, ...] = ()
    #: It passes because it could not be decided: too many steps, or kept by a release that read it otherwise.
    undecided: bool = False


def explain(text: str, data: Any, *, steps: int) -> Verdict:
    """What the filter says of `data`, as `event_filter.data_of` answers it, within so many steps; an empty one passes."""
    if not text:
        return Verdict(True)
    try:
        tree = grammar.parse(text)
        asking = _Asking(tree, data, steps)
        if asking.holds(tree):
            return Verdict(True)
        return Verdict(False, tuple(asking.against(tree)[:MOST]))
    except (Refused, StepsExhausted):
        return Verdict(True, undecided=True)


class _Asking:
    """One filter asked of one event, part by part."""

    def __init__(self, tree: Tree, data: Any, steps: int) -> None:
        self._closures = Closures(list(grammar.conditions(tree)))
        self._data = data
        self._run = Run(steps)

    def holds(self, tree: Tree) -> bool:
        return self._closures.test(tree)(self._data, self._run)

    def against(self, tree: Tree) -> list[FailedCondition]:
        """What makes a tree that does not hold not do so."""
        match tree:
            case Not(operand=operand):
                return self.behind(operand)
            case Both(operands=operands):
                return [part for each in operands if not self.holds(each) for part in self.against(each)]
            case Either(operands=operands):
                return [part for each in operands for part in self.against(each)]
        return [self._failed(tree, "")]

    def behind(self, tree: Tree) -> list[FailedCondition]:
        """What makes a tree that holds do so."""
        match tree:
            case Not(operand=operand):
                return self.against(operand)
            case Both(operands=operands):
                return [part for each in operands for part in self.behind(each)]
            case Either(operands=operands):
                return [part for each in operands if self.holds(each) for part in self.behind(each)]
        return [self._failed(tree, "not ")]

    def _failed(self, condition: Condition, word: str) -> FailedCondition:
        return FailedCondition(
            _cut(word + spelled(condition)), "/".join(condition.path), _found(condition.path, self._data)
        )


def spelled(condition: Condition) -> str:
    """A condition as it reads in a filter."""
    name = "/".join(condition.path)
    match condition:
        case Comparison(operator=operator, literal=literal):
            return f"{name} {operator} {_literal(literal)}"
        case OneOf(literals=literals):
            return f"{name} in ({', '.join(map(_literal, literals))})"
        case Holds(literal=literal):
            return f"{_literal(literal)} in {name}"
        case Call(function=function, text=text):
            return f"{function}({name},{_literal(text)})"


def _literal(literal: Literal) -> str:
    if isinstance(literal, Instant):
        moment = datetime(1, 1, 1, tzinfo=UTC) + timedelta(seconds=literal.seconds - 86400)
        return f"{moment:%Y-%m-%dT%H:%M:%S}{'.' + literal.fraction if literal.fraction else ''}Z"
    if isinstance(literal, str):
        return "'" + literal.replace("'", "''") + "'"
    if literal is None or isinstance(literal, bool):
        return {None: "null", True: "true", False: "false"}[literal]
    return str(literal)


def _found(path: Path, data: Any) -> str:
    for name in path:
        if not isinstance(data, dict) or name not in data:
            return MISSING
        data = data[name]
    return _cut(_json(data))


def _json(value: Any) -> str:
    """Compact JSON, numbers as they were written; of what is long the beginning is enough."""
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(name)}:{_json(each)}" for name, each in list(value.items())[:SHOWN]) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_json, value[:SHOWN])) + "]"
    return json.dumps(value, ensure_ascii=False)


def _cut(text: str) -> str:
    return text if len(text) <= SHOWN else text[:SHOWN] + "…"
