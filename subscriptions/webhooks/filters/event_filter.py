"""Event filters, compiled once into closures: whether an event's data are what a subscription asks for.

The grammar is `grammar.py`'s, how a condition is asked `closures.py`'s; which subscriptions are asked is left to
`webhooks/matching.py`. What a filter says (greenlake.md 6.1, and where that is silent, deploy/decisions/0009-filters.md):

- A property that is missing, or that is sought in something that is no object, is null. `eq null` and `ne` hold of it,
  nothing else does.
- A literal of another type than the property's value never matches, by no operator: `age eq '60'` and `age ne '60'` are
  both false of `{"age":60}`.
- Numbers are compared by their exact value, timestamps as moments with text that spells one, text by code points;
  true is greater than false.
"""

import json
import math
from dataclasses import dataclass
from typing import Any

import msgspec

from subscriptions.ground.kept import BoundedCache
from subscriptions.webhooks.filters import closures, grammar, lexer
from subscriptions.webhooks.filters.closures import Closures, Test
from subscriptions.webhooks.filters.step_budget import Run

#: Bytes of compiled filters that a process keeps, of some 2 to 200 KB each.
MOST = 32 << 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Filter:
    """A filter, ready to be asked."""

    #: As the subscriber wrote it.
    text: str
    #: Those that it takes of any data: one for each condition, and for each name on the way to its property.
    steps: int
    #: Whether it takes more of larger data.
    grows: bool
    #: Whether an event with this `data`, as `data_of` answers it, is wanted. Raises Exhausted, where it grows, and nothing else.
    test: Test

    def passes(self, data: Any) -> bool:
        """Whether it is wanted, whatever that takes; never raises."""
        return self.test(data, Run(math.inf))


class _Envelope(msgspec.Struct):
    """Of an event, what filters see."""

    data: Any = None


# Numbers with a fraction or an exponent as exact as they were written; integers are so anyway.
_decoder = msgspec.json.Decoder(_Envelope, float_hook=lexer.decimal)


def _compile(text: str) -> Filter:
    tree = grammar.parse(text)
    conditions = list(grammar.conditions(tree))
    return Filter(
        text=text,
        steps=sum(1 + len(each.path) for each in conditions),
        grows=any(map(closures.grows, conditions)),
        test=Closures(conditions).test(tree),
    )


def size(text: str, _compiled: Filter) -> int:
    """Bytes that a compiled filter takes at most, by its length."""
    return 2048 + 64 * len(text)


#: Those that were asked for of late.
compiled = BoundedCache(_compile, size=size, most=MOST)


def compile(text: str) -> Filter:
    """The filter that the text spells; raises Refused (subject `eventFilter`) naming the token that is wrong, and its column."""
    return compiled(text)


def data_of(envelope: bytes) -> Any:
    """The `data` of a kept event, from its structured JSON, numbers exact; None where it has none in JSON. Never raises."""
    try:
        return _decoder.decode(envelope).data
    except msgspec.MsgspecError:
        # An integer longer than msgspec reads.
        number = lexer.decimal
        return json.loads(envelope, parse_int=number, parse_float=number).get("data")
