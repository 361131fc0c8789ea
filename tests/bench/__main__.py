"""`make bench`: how fast, beside a bare aiohttp POST loop to the same sink in the same run; `PART=name` for one part.

Machines differ by a factor and runs by a third: read the ratios, not the rates.
"""

import asyncio
import os
import platform
import statistics
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from tests.bench import growth, isolation, rig
from tests.bench.rig import OURS, STORES, Rig

RUNS = int(os.environ.get("RUNS", "3"))


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One workload, one run."""

    acknowledged: float
    delivered: float
    p50: float
    p99: float
    #: CPU milliseconds per delivery, of our processes and of the stores.
    ours: float
    stores: float
    lost: int
    repeated: int
    spent: dict[str, float]


async def workload(bench: Rig, *, collection: str, webhooks: int, load: dict[str, Any]) -> Figure:
    """Posts, waits until all arrived, and counts."""
    await bench.sink.tell("/reset")
    before = bench.spent()
    came = await bench.post(collection=collection, **load)
    if came["refused"]:
        raise RuntimeError(f"{came['refused']} events were refused: {came['complaint']}")
    owed = came["accepted"] * webhooks
    told = await bench.sink.arrived(owed)
    spent = {name: used - before[name] for name, used in bench.spent().items()}
    return Figure(
        acknowledged=came["accepted"] / came["seconds"],
        delivered=owed / (told["last"] - told["first"]) if told["last"] > told["first"] else 0.0,
        p50=told["p50"],
        p99=told["p99"],
        ours=sum(spent[name] for name in OURS) * 1000 / owed,
        stores=sum(spent[name] for name in STORES) * 1000 / owed,
        lost=owed - told["arrived"],
        repeated=told["requests"] - told["arrived"],
        spent=spent,
    )


Workload = Callable[[Rig, int], Awaitable[Figure]]

SINGLES = {"events": 6000, "connections": 64}
ARRAYS = {"events": 12000, "connections": 8, "array": 100}


def _of(collection: str, webhooks: int, load: dict[str, Any]) -> Workload:
    async def run(bench: Rig, number: int) -> Figure:
        return await workload(
            bench, collection=collection, webhooks=webhooks, load={**load, "first": number * 1_000_000}
        )

    return run


PARTS: dict[str, tuple[str, Workload]] = {
    "singles": ("single posts, 64 connections", _of("things", 1, SINGLES)),
    "singles-ids": ("single posts with ids", _of("things", 1, {**SINGLES, "ids": True})),
    "arrays": ("arrays of 100", _of("things", 1, ARRAYS)),
    "fanout": ("fan-out 1 to 10", _of("fans", 10, {"events": 1500, "connections": 64})),
    "slow": ("50 events/s", _of("things", 1, {"events": 500, "connections": 8, "rate": 50.0})),
}
#: The part that comes last: its webhooks go on hanging.
ISOLATION = "isolation"
#: Only when asked for: it takes a quarter of an hour, and databases of its own.
GROWTH = "growth"


async def main(parts: list[str]) -> int:
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    async with rig.running({}) as bench:
        await bench.fan_out("things", 1)
        await bench.fan_out("fans", 10)
        bare = [await bench.bare(20000) for _ in range(RUNS)]
        rate = statistics.median(each["per_second"] for each in bare)
        cost = statistics.median(each["cpu_ms"] for each in bare)
        print(f"bare aiohttp POST loop: {rate:,.0f}/s, {cost:.3f} CPU-ms each\n")
        head = (
            f"{'workload':32}{'ack/s':>9}{'dlv/s':>9}{'of bare':>9}{'ours':>7}{'stores':>8}{'p50 ms':>9}{'p99 ms':>9}"
        )
        print(head + f"{'lost':>6}{'twice':>6}")
        bad = 0
        for part in (part for part in parts if part in PARTS):
            name, run = PARTS[part]
            figures = [await run(bench, number) for number in range(RUNS)]
            _tell(name, figures, rate, cost)
            bad += sum(figure.lost + figure.repeated for figure in figures)
        if ISOLATION in parts:
            bad += await isolation.run(bench)
    return 1 if bad else 0


def _tell(name: str, figures: list[Figure], rate: float, cost: float) -> None:
    def middle(of: Callable[[Figure], float]) -> float:
        return statistics.median(of(figure) for figure in figures)

    print(
        f"{name:32}{middle(lambda f: f.acknowledged):9,.0f}{middle(lambda f: f.delivered):9,.0f}"
        f"{middle(lambda f: f.delivered) / rate:9.3f}{middle(lambda f: f.ours) / cost:7.2f}"
        f"{middle(lambda f: f.stores) / cost:8.2f}{middle(lambda f: f.p50):9.1f}{middle(lambda f: f.p99):9.1f}"
        f"{sum(f.lost for f in figures):6}{sum(f.repeated for f in figures):6}",
        flush=True,
    )
    parts = {part: middle(lambda f, part=part: f.spent[part]) for part in (*OURS, *STORES)}  # type: ignore[misc]
    print("    CPU s: " + "  ".join(f"{part} {used:.2f}" for part, used in parts.items()))


if __name__ == "__main__":
    wanted = os.environ.get("PART", "")
    known = [*PARTS, ISOLATION, GROWTH]
    chosen = [part for part in wanted.split(",") if part] or [*PARTS, ISOLATION]
    unknown = [part for part in chosen if part not in known]
    if GROWTH in chosen and len(chosen) > 1:
        sys.exit(f"bench: {GROWTH} is run alone")
    if unknown:
        sys.exit(f"bench: no part {', '.join(unknown)}; there are {', '.join(known)}")
    sys.exit(asyncio.run(growth.main() if chosen == [GROWTH] else main(chosen)))
