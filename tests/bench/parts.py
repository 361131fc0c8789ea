"""The parts of the bench, as data on one screen: what is published, to how many, and what it should come to.

How a kind of part is run is left to `workloads.py`; isolation and growth are files of their own.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from tests.bench.figures import Target


def _ratio(sign: str, bound: float) -> Target:
    return Target(sign=sign, bound=bound, ratio=True)


def _value(sign: str, bound: float) -> Target:
    return Target(sign=sign, bound=bound, ratio=False)


#: Generator and sink may cost 0.1 CPU-ms an event where bare costs 0.072, or the ratios mean nothing.
CHEAP = {"rig": _ratio("<=", 1.39)}


def _through(delivered: float, ours: float, stores: float) -> dict[str, Target]:
    return {
        "delivered": _ratio(">=", delivered),
        "ours": _ratio("<=", ours),
        "stores": _ratio("<=", stores),
        **CHEAP,
    }


@dataclass(frozen=True, kw_only=True)
class Part:
    """One workload."""

    title: str
    #: `flow`: published as fast as it is taken. `steady`: at a rate. `storm`: to receivers that answer 503 for a while.
    #: `backlog`: with the workers stopped.
    kind: str = "flow"
    #: Deliveries of a run, in seconds of the yardstick's posts: a run takes about as long on any machine.
    size: float = 0.0
    #: Deliveries of a run, whatever the machine.
    deliveries: int = 0
    #: Events per second of a steady part, and its seconds; 0: half of what single posts came to.
    rate: float = 0.0
    seconds: float = 0.0
    connections: int = 64
    #: Events of a request.
    array: int = 1
    ids: bool = False
    #: The event type's collection, and the webhooks behind it.
    collection: str = "things"
    webhooks: int = 1
    #: Webhooks more whose filter refuses every event: all of them are asked, none is owed anything.
    refusing: int = 0
    #: Whether SQL statements are counted, in a run of its own that is not timed.
    statements: bool = False
    targets: Mapping[str, Target] = field(default_factory=lambda: MappingProxyType(CHEAP))


PARTS: Mapping[str, Part] = {
    "singles": Part(
        title="single posts, 64 connections",
        size=1.5,
        statements=True,
        targets={**_through(0.25, 4.3, 1.4), "sql": _value("<=", 0.2)},
    ),
    "singles-ids": Part(title="single posts with ids", size=1.0),
    "arrays": Part(
        title="arrays of 100",
        size=2.0,
        connections=8,
        array=100,
        statements=True,
        targets=_through(0.34, 3.4, 1.3),
    ),
    "fanout": Part(
        title="fan-out 1 to 10",
        size=2.0,
        collection="fans",
        webhooks=10,
        statements=True,
        targets=_through(0.36, 3.2, 1.2),
    ),
    "spread": Part(title="fan-out 1 to 1,000", size=2.0, connections=8, collection="crowds", webhooks=1000),
    "filters": Part(
        title="1 of 10,000 subscriptions wants the event, the others' filters refuse it",
        size=0.02,
        connections=8,
        collection="picked",
        refusing=9_999,
        # Ten thousand questions stand behind each delivery.
        targets={},
    ),
    "half": Part(
        title="half the rate of single posts", kind="steady", seconds=5.0, targets={**CHEAP, "p99": _value("<=", 60)}
    ),
    "slow": Part(
        title="50 events/s",
        kind="steady",
        rate=50.0,
        seconds=8.0,
        connections=8,
        # At this rate what a timer costs weighs more than an event.
        targets={"p50": _value("<=", 8), "p99": _value("<=", 16)},
    ),
    "storm": Part(
        title="retry storm, usual schedule: ten receivers answer 503 to all, then all are well",
        kind="storm",
        size=1.0,
        array=20,
        connections=8,
        collection="fans",
        webhooks=10,
        targets={},
    ),
    "backlog": Part(
        title="backlog: arrays of 100 with the workers stopped, then drained (50,000 where there is time)",
        kind="backlog",
        deliveries=50_000,
        connections=8,
        array=100,
        targets={"acknowledged": _ratio(">=", 1.2), **CHEAP},
    ),
}
#: Left out unless asked for by name.
ASKED_FOR = ("singles-ids",)
