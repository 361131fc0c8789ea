"""What is broken, and when: a schedule of faults that is a pure function of its seed.

How each is done to a stack is left to `blows.py`.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

#: Seconds of load before the first fault, and after the last.
LEAD, TAIL = 1.5, 1.0
#: Seconds between two faults on average, in a long storm.
PACE = 4.0
#: Of ten gaps, this many are none at all: two faults at once.
TWINS = 2
#: Seconds after a stop has ended until the same part is struck again.
REST = 1.0


class Blow(StrEnum):
    """What is done to a part."""

    #: SIGKILL; its supervisor starts it again.
    KILL = "kill"
    #: SIGSTOP to the part and its children, SIGCONT after `seconds`.
    STOP = "stop"
    #: FLUSHALL.
    FLUSH = "flush"
    #: All connections to it are closed, by itself.
    CUT = "cut"
    #: Stopped in order, and started again after `seconds`; whoever dials it meanwhile is refused.
    AWAY = "away"


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One blow to one part."""

    blow: Blow
    #: A part of the stack, or `receiver`.
    target: str
    #: Of a stop, how long it lasts.
    seconds: float = 0.0
    #: Seconds since the load began.
    at: float = 0.0

    def __str__(self) -> str:
        lasting = f" for {self.seconds:.1f} s" if self.seconds else ""
        return f"{self.blow} {self.target}{lasting}"


#: Everything once; a storm goes through it again and again, each time in another order.
DECK = (
    *(Fault(blow=Blow.KILL, target=part) for part in ("api", "beat", "worker-1", "worker-2", "redis", "postgres")),
    *(Fault(blow=Blow.STOP, target=part, seconds=2.0) for part in ("api", "beat", "worker-1", "redis", "postgres")),
    # Longer than a lease: what it held is taken up by the other, and what it says afterwards is too late.
    Fault(blow=Blow.STOP, target="worker-2", seconds=6.0),
    Fault(blow=Blow.FLUSH, target="redis"),
    *(Fault(blow=Blow.CUT, target=part) for part in ("postgres", "redis", "receiver")),
)
#: What the short form goes through, once.
SHORT = (
    *(Fault(blow=Blow.KILL, target=part) for part in ("api", "worker-1", "redis", "postgres")),
    Fault(blow=Blow.STOP, target="worker-2", seconds=4.5),
    Fault(blow=Blow.FLUSH, target="redis"),
    Fault(blow=Blow.CUT, target="postgres"),
)


def storm(seed: int, seconds: float, *, deck: Sequence[Fault] = DECK) -> list[Fault]:
    """The faults of so many seconds of load, in order of time; the same for the same arguments.

    The deck is shuffled and dealt as often as there is time for; a stop lasts from half to four times what the deck says, but
    8 s at most, and at least what the deck says where that is meant to outlast a lease.
    """
    chance = random.Random(seed)
    dealt: list[Fault] = []
    busy: dict[str, float] = {}
    at = LEAD
    while True:
        for card in chance.sample(deck, len(deck)):
            moment = max(at, busy.get(card.target, 0.0))
            lasts = _stretched(card.seconds, chance)
            if moment + lasts > seconds - TAIL:
                return sorted(dealt, key=lambda fault: fault.at)
            dealt.append(Fault(blow=card.blow, target=card.target, seconds=lasts, at=moment))
            busy[card.target] = moment + lasts + REST
            at += 0.0 if chance.randrange(10) < TWINS else chance.uniform(0.5, 2 * PACE - 0.5)


def shower(seed: int, seconds: float) -> list[Fault]:
    """The short form: each fault of `SHORT` once, in an order of the seed's, evenly over the time; two of them at once."""
    order = random.Random(seed).sample(SHORT, len(SHORT))
    gap = (seconds - LEAD - TAIL) / (len(order) - 2)
    moments = [LEAD, *(LEAD + gap * place for place in range(len(order) - 1))]
    dealt: list[Fault] = []
    busy: dict[str, float] = {}
    for card, at in zip(order, moments, strict=True):
        moment = max(at, busy.get(card.target, 0.0))
        dealt.append(Fault(blow=card.blow, target=card.target, seconds=card.seconds, at=moment))
        busy[card.target] = moment + card.seconds + REST
    return sorted(dealt, key=lambda fault: fault.at)


def _stretched(seconds: float, chance: random.Random) -> float:
    if not seconds:
        return 0.0
    return min(8.0, seconds * chance.uniform(0.5, 4.0) if seconds < 4.0 else seconds * chance.uniform(1.0, 1.3))
