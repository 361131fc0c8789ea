"""Figures: what was measured, in which unit, in which runs, beside what, and what it should come to.

How they are measured is left to the workloads, how they are told to `report.py` and `chart.py`.
"""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

#: What a value is called in a report, and its unit. Values with a dot are told by process: `cpu.api`.
NAMES: Mapping[str, tuple[str, str]] = {
    "acknowledged": ("acknowledged", "events/s"),
    "delivered": ("delivered, end to end", "deliveries/s"),
    "drained": ("drained, workers started again", "deliveries/s"),
    "tries": ("tries while all answer 503", "tries/s"),
    "recovery": ("from well to the last delivery", "s"),
    "tries_each": ("tries per delivery, in all", ""),
    "p50": ("publish to sink, p50", "ms"),
    "p95": ("publish to sink, p95", "ms"),
    "p99": ("publish to sink, p99", "ms"),
    "ours": ("CPU of our processes per delivery", "ms"),
    "stores": ("CPU of PostgreSQL and broker", "ms"),
    "cpu": ("CPU per 1,000 deliveries", "s"),
    "rig": ("CPU of generator and sink", "ms"),
    "sql": ("SQL statements per delivery", ""),
    "sql_edges": ("of them BEGIN and COMMIT", ""),
    "wal": ("WAL per delivery", "bytes"),
    "broker": ("broker commands per delivery", ""),
    "lost": ("lost", ""),
    "repeated": ("delivered more than once", ""),
    "kept": ("delivered of what was owed, beside all healthy", ""),
    "waiting": ("events that waited", ""),
    "memory": ("before anything was published", "MB"),
    "grown": ("after all parts", "MB"),
    "bare": ("bare before each run, beside that before all", "posts/s"),
}
#: What must not happen.
FAULTS = ("lost", "repeated")


@dataclass(frozen=True, kw_only=True)
class Target:
    """What a figure should come to."""

    #: `>=` or `<=`.
    sign: str
    bound: float
    #: Of the ratio to bare, or of the figure itself.
    ratio: bool

    def met(self, value: float) -> bool:
        """Whether a value, or its ratio, is as good as that."""
        return value >= self.bound if self.sign == ">=" else value <= self.bound

    def __str__(self) -> str:
        return f"{self.sign} {self.bound:g}{' of bare' if self.ratio else ''}"


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One value of one part over its runs."""

    part: str
    #: A key of NAMES, and the process it is of, if it is told by process.
    key: str
    runs: tuple[float, ...]
    #: What bare came to in the same unit; None where it has no such thing.
    bare: float | None = None
    target: Target | None = None

    @property
    def name(self) -> str:
        """As one reads it."""
        key, _, process = self.key.partition(".")
        return f"{NAMES[key][0]}, {process}" if process else NAMES[key][0]

    @property
    def unit(self) -> str:
        """Of the runs; empty for a number of things."""
        return NAMES[self.key.partition(".")[0]][1]

    @property
    def value(self) -> float:
        """The median of the runs; of what must not happen the sum."""
        return sum(self.runs) if self.key in FAULTS else statistics.median(self.runs)

    @property
    def ratio(self) -> float | None:
        """The value beside bare's."""
        return self.value / self.bare if self.bare else None

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None where there is none, or nothing to judge it by."""
        value = self.ratio if self.target and self.target.ratio else self.value
        return self.target.met(value) if self.target and value is not None else None


@dataclass(frozen=True, kw_only=True)
class Bare:
    """What the yardstick came to, in the terms of the figures: medians of its runs."""

    #: Posts per second over 64 connections, and each run's.
    per_second: float
    runs: tuple[float, ...]
    #: CPU milliseconds of a post.
    cpu_ms: float
    #: Milliseconds that a post took, over 64 connections and over one: `p50`, `p95`, `p99`.
    took: Mapping[str, float]
    alone: Mapping[str, float]

    @classmethod
    def of(cls, runs: Sequence[Mapping[str, float]], alone: Mapping[str, float]) -> "Bare":
        """From what runs over 64 connections told, and one over a single connection."""

        def middle(key: str) -> float:
            return statistics.median(run[key] for run in runs)

        return cls(
            per_second=middle("per_second"),
            runs=tuple(run["per_second"] for run in runs),
            cpu_ms=middle("cpu_ms"),
            took={key: middle(key) for key in ("p50", "p95", "p99")},
            alone=alone,
        )

    def beside(self, key: str, *, alone: bool) -> float | None:
        """What a figure of this key is compared with; `alone` compares latencies with posts over one connection."""
        if key in ("acknowledged", "delivered", "drained", "tries"):
            return self.per_second
        if key in ("ours", "stores", "rig"):
            return self.cpu_ms
        return (self.alone if alone else self.took).get(key)


def gathered(part: str, runs: Sequence[Mapping[str, float]], targets: Mapping[str, Target], bare: Bare) -> list[Figure]:
    """The figures of a part from the values of its runs; a value may be missing in some of them."""
    keys = dict.fromkeys(key for run in runs for key in run)
    return [
        Figure(
            part=part,
            key=key,
            runs=tuple(run[key] for run in runs if key in run),
            bare=bare.beside(key, alone=part == "slow"),
            target=targets.get(key),
        )
        for key in keys
    ]
