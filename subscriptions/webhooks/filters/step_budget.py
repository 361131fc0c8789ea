"""What asking a filter costs: the steps that one asking has, and what of a filter takes more of them the larger the data are.

What a step is: a condition, a name on the way to its property, an element of an array, sixteen characters of a text that is
searched, a tenth of reading a timestamp. What the conditions say is left to `closures.py`.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from functools import lru_cache
from types import NoneType
from typing import Any

from subscriptions.events import attributes
from subscriptions.events.attributes import Instant
from subscriptions.webhooks.filters.grammar import Path
from subscriptions.webhooks.filters.lexer import Literal

#: No timestamp that anybody writes is longer; only such text is remembered.
_TIMESTAMP = 40
#: Steps that reading a timestamp takes, and characters of a step, as powers of two.
_READING, _A_STEP = 10, 4
# CPython searches for a text of a hundred characters and more in linear time only where it searches thirty thousand; a
# shorter one takes at most 2,500 times its length.
_LONG, _IN = 100, 30_000

_NUMBERS = (int, Decimal)
_TYPES = (int, str, bool, NoneType)


class StepsExhausted(Exception):
    """A filter would take more steps than it was given; never leaves those who gave them."""


class Run:
    """The asking of a filter; one is enough for many, one after another."""

    __slots__ = ("left", "walks")

    def __init__(self, steps: float = 0) -> None:
        #: Steps that may still be taken.
        self.left = steps
        #: Of arrays that several conditions ask of: the literals that they hold, by number.
        self.walks: dict[Path, set[int]] = {}

    def begin(self, steps: int) -> None:
        """The next filter."""
        self.left = steps
        if self.walks:
            self.walks = {}

    def take(self, steps: int) -> None:
        """Counts steps before they are taken; raises Exhausted where there are not so many left."""
        if steps > self.left:
            raise StepsExhausted
        self.left -= steps


class Literals:
    """Some literals, numbered from 0; equal ones have one number. However many there are, one step finds a value among them."""

    def __init__(self, literals: Iterable[Literal]) -> None:
        numbered: dict[tuple[type, Literal], int] = {}
        for each in literals:
            numbered.setdefault((_kind(each), each), len(numbered))
        self._numbered = numbered
        self.moments = {literal: number for (kind, literal), number in numbered.items() if kind is Instant}
        #: By the type of a value; a bool is no number here.
        self.plain: Mapping[type, Mapping[Any, int]] = {
            kind: {literal: number for (of, literal), number in numbered.items() if of is kind} for kind in _TYPES
        }
        # A Decimal is looked for in order: its hash costs a hundred times what comparing it does.
        self._ordered = sorted(self.plain[int])

    def __len__(self) -> int:
        return len(self._numbered)

    def number_of(self, literal: Literal) -> int:
        """The number of one of them."""
        return self._numbered[_kind(literal), literal]

    def equal(self, found: Any) -> int | None:
        """The number of the one that a value equals, timestamps left out."""
        same = self.plain.get(type(found))
        if same is not None:
            return same.get(found)
        if type(found) is not Decimal:
            return None
        at = bisect_left(self._ordered, found)
        return self.plain[int][self._ordered[at]] if at < len(self._ordered) and self._ordered[at] == found else None

    def same_moment(self, found: str, run: Run) -> int | None:
        """The number of the timestamp that a text spells."""
        moment = instant(found, run)
        return None if moment is None else self.moments.get(moment)


class Walk:
    """All conditions of a filter on what one array holds: they share one walk through it."""

    def __init__(self, path: Path, value: Callable[[Any], Any], literals: Iterable[Literal]) -> None:
        """`value` reads the property at the path; `literals` are those of all conditions."""
        self._path = path
        self._value = value
        self._literals = Literals(literals)
        #: Whether there is more than one condition.
        self.shared = len(self._literals) > 1

    def holds(self, literal: Literal) -> Callable[[Any, Run], bool]:
        """The condition that the array holds this one of the literals."""
        number, path = self._literals.number_of(literal), self._path

        def test(data: Any, run: Run) -> bool:
            held = run.walks.get(path)
            if held is None:
                held = run.walks[path] = self._held(self._value(data), run)
            return number in held

        return test

    def _held(self, found: Any, run: Run) -> set[int]:
        held: set[int] = set()
        if type(found) is not list:
            return held
        run.take(len(found))
        literals, wanted = self._literals, len(self._literals)
        for each in found:
            number = literals.equal(each)
            if number is not None:
                held.add(number)
            if literals.moments and type(each) is str:
                number = literals.same_moment(each, run)
                if number is not None:
                    held.add(number)
            if len(held) == wanted:
                break
        return held


def instant(text: str, run: Run) -> Instant | None:
    """The moment that a text spells, or None."""
    if len(text) <= _TIMESTAMP:
        run.left -= _READING
        if run.left < 0:
            raise StepsExhausted
        return _remembered(text)
    run.take(_READING + (len(text) >> _A_STEP))
    return attributes.instant(text)


def contains(found: str, text: str, run: Run) -> bool:
    """Whether the text stands in what was found, in time that is linear in the lengths of both."""
    run.take(len(found) >> _A_STEP)
    if len(text) >= _LONG and len(text) < len(found) < _IN:
        # No filter holds a NUL.
        found = found.ljust(_IN, "\0")
    return text in found


def _kind(literal: Literal) -> type:
    return int if type(literal) in _NUMBERS else type(literal)


# One event's stamp is asked for by each of the filters that it meets; reading it costs two microseconds.
_remembered = lru_cache(maxsize=1024)(attributes.instant)
