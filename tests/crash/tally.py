"""The sum of a storm: the subscriber's lines against the tenant's list of 202s.

Rows are left to `rows.py`, waiting to `storm.py`.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from tests.crash.blows import Strike
from tests.crash.faults import Blow

#: Faults that take something from between an answer and its record; of the others no repetition follows.
COSTLY = ("worker-1", "worker-2", "postgres", "receiver")
#: Seconds from a subscriber's answer until the record of it is written, and from the end of a fault until all that was sent
#: before it has been read, on a machine that is busy.
SLACK = 2.0


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """A request that was met, by the subscriber's clock."""

    #: Seconds since the epoch: complete, and answered or cut.
    at: float
    answered: float
    #: The first word of the path.
    hook: str
    #: Its `webhook-id`.
    id: str
    #: The ids of the events it carried.
    events: Sequence[str]
    #: Both signatures proved it.
    genuine: bool
    #: None: it was not answered, or nobody was there any more to answer to.
    status: int | None


def read(file: Path) -> list[Arrival]:
    """What has been written so far; a last line that is not whole is left for the next time."""
    lines = file.read_text().split("\n")[:-1]
    return [Arrival(**json.loads(line)) for line in lines]


def taken(arrivals: Iterable[Arrival]) -> set[tuple[str, str]]:
    """(event, webhook) of what was answered with 200."""
    return {(event, each.hook) for each in arrivals if each.status == 200 for event in each.events}


@dataclass(frozen=True, kw_only=True)
class Repeat:
    """A request that was answered 200 although the one before it had been."""

    before: Arrival
    again: Arrival

    def __str__(self) -> str:
        gone = f"answered {self.before.answered:.3f}, again at {self.again.at:.3f}"
        return f"{self.again.id} to {self.again.hook}: arrived {self.before.at:.3f}, {gone}"


def repeats(arrivals: Iterable[Arrival]) -> list[Repeat]:
    """Every request answered 200 beyond the first of the same id at the same webhook."""
    found: dict[tuple[str, str], list[Arrival]] = defaultdict(list)
    for each in arrivals:
        if each.status == 200:
            found[each.id, each.hook].append(each)
    lists = (sorted(each, key=lambda arrival: arrival.at) for each in found.values())
    return [Repeat(before=before, again=again) for each in lists for before, again in pairwise(each)]


def in_flight(arrival: Arrival, strikes: Sequence[Strike]) -> bool:
    """Whether the request was under way at a fault that can cost its record: so only it may be sent again, once per such fault.

    Under way is a request from its arrival until its record is written. Such faults are those of a worker (killed or stopped,
    it writes nothing), of the database (while it is away nothing is written, and leases lapse) and of the subscriber itself
    (whose answer is cut off). A killed worker has done it at once; any other fault lasts until the part is back. Faults of API,
    beat and broker excuse nothing: what they cost are nudges.
    """
    return any(
        arrival.at <= _over(strike) + SLACK and strike.begin <= arrival.answered + SLACK
        for strike in strikes
        if strike.fault.target in COSTLY
    )


def _over(strike: Strike) -> float:
    killed = strike.fault.blow is Blow.KILL and strike.fault.target != "postgres"
    return strike.begin if killed else strike.end


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What a storm came to; its line of text is the suite's last."""

    #: Pairs of an accepted event and a webhook that wants it which were never taken.
    lost: int
    #: Rows as protocol.md 10.1 has it.
    stuck: int
    #: Requests answered 200 after another one of the same id at the same webhook.
    duplicates: int
    #: Events answered with 202.
    accepted: int
    #: Parts that were sent SIGKILL.
    kills: int
    seed: int
    #: Requests that were answered 200 and under way at a fault that can cost a record, or after the deadline: as many may be
    #: repeated.
    bound: int
    #: What is wrong with the run, a sentence each; nothing where all is well.
    complaints: Sequence[str]

    def __str__(self) -> str:
        names = ("lost", "stuck", "duplicates", "accepted", "kills", "seed")
        return " ".join(f"{name}={getattr(self, name)}" for name in names)


def total(of: Sequence[Figures], more: Sequence[str] = ()) -> Figures:
    """The figures of several runs under one seed as those of one, with more complaints."""
    sums = {
        name: sum(getattr(each, name) for each in of)
        for name in ("lost", "stuck", "duplicates", "accepted", "kills", "bound")
    }
    return Figures(**sums, seed=of[0].seed, complaints=[*(line for each in of for line in each.complaints), *more])


def kills(strikes: Iterable[Strike]) -> int:
    """How many parts were killed."""
    return sum(strike.fault.blow is Blow.KILL for strike in strikes)


def bound(arrivals: Iterable[Arrival], strikes: Sequence[Strike]) -> int:
    """How many requests answered 200 were under way at a fault that can cost a record."""
    return sum(each.status == 200 and in_flight(each, strikes) for each in arrivals)
