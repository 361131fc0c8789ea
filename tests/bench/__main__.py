"""`make bench`: how fast, beside a bare aiohttp POST loop to the same sink in the same run.

`PART=a,b` for parts by name, `OUT=folder` for `bench.json` and `bench.svg`, `RUNS=1` for a quick look. Machines differ by a
factor and runs by a third: read the ratios, not the rates. What the parts are is in `parts.py`.
"""

import asyncio
import os
import sys
import time
from collections.abc import Callable, Coroutine, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from deploy.home import CannotStart
from tests.bench import catalogue, chart, dashboard, facts, figures, growth, isolation, report, rig, scaling, workloads
from tests.bench.figures import FAULTS, Bare, Figure
from tests.bench.parts import ASKED_FOR, PARTS, Part
from tests.bench.rig import Rig, Sink
from tests.bench.workloads import Values

RUNS = int(os.environ.get("RUNS", "3"))
#: Seconds that everything may take. Where the machine is slow or busy, the backlog is drained fewer times.
LIMIT = 8 * 60.0
#: Seconds of them for isolation, and for the end.
ISOLATING, ENDING = 85.0, 12.0
#: Seconds of a run of the yardstick before all.
YARD = 2.5
#: Of a backlog: seconds besides what it is published and drained in, which is done at this part of bare's rate even where
#: others keep the machine busy, and the fewest events that are one.
RESTART, SURELY, FEWEST = 15.0, 0.2, 5000
#: The part that comes last: its webhooks go on hanging.
ISOLATION = "isolation"
#: Only alone: it takes a quarter of an hour, and databases of its own.
GROWTH = "growth"
#: Only alone, with stacks of its own.
SCALING = "scaling"
#: Only alone, each measure with a database of its own.
CATALOGUE = "catalogue"
#: Only alone, with five million deliveries.
DASHBOARD = "dashboard"
ALONE: Mapping[str, Callable[[], Coroutine[Any, Any, int]]] = {
    GROWTH: growth.main,
    SCALING: scaling.main,
    DASHBOARD: dashboard.main,
    CATALOGUE: catalogue.main,
}
TITLES = {
    **{name: part.title for name, part in PARTS.items()},
    **isolation.TITLES,
    "memory": "memory of each process, pages that are shared counted to their sharers in parts",
}


class Bench:
    """One run of the whole bench: the parts one after another, and what they came to."""

    def __init__(self, bench: Rig, bare: Bare, *, until: float) -> None:
        """`until` is the monotonic time at which everything but the end should be over."""
        self.figures: list[Figure] = []
        self._bench = bench
        self._bare = bare
        self._until = until
        self._webhooks: dict[str, int] = {}

    async def warm(self) -> None:
        """Registers the first webhook, and sends what is measured nowhere: plans, pools and caches fill."""
        await self._register(PARTS["singles"])
        for _ in range(2):
            await workloads.flow(self._bench, PARTS["singles"], int(0.4 * self._bare.per_second))

    async def part(self, name: str) -> None:
        """Runs a part as often as it should be, each time after the yardstick, and tells what it came to."""
        part, began = PARTS[name], time.monotonic()
        await self._register(part)
        rate = 0.0 if part.kind != "steady" else part.rate or await self._half()
        events = int(rate * part.seconds) or self._events(part)
        values: list[Values] = []
        self._bench.yards.clear()
        for number in range(RUNS):
            started = time.monotonic()
            values += await self._run(part, events, rate)
            if part.deliveries and number + 1 < RUNS and 2 * time.monotonic() - started > self._until:
                print(f"\n(No time for another backlog within {LIMIT / 60:.0f} minutes.)")
                break
        if part.statements:
            values += await workloads.statements(self._bench, part, max(1, events // 2))
        bare = Bare.of(self._bench.yards, self._bare.alone)
        came = figures.gathered(name, values, part.targets, bare)
        came.append(Figure(part=name, key="bare", runs=bare.runs, bare=self._bare.per_second))
        self._tell(name, came, time.monotonic() - began)

    async def _run(self, part: Part, events: int, rate: float) -> list[Values]:
        match part.kind:
            case "storm":
                return await workloads.storm(self._bench, part, events)
            case "backlog":
                return await workloads.backlog(self._bench, part, events)
            case _:
                return await workloads.flow(self._bench, part, events, rate)

    async def isolation(self) -> None:
        """What healthy webhooks get beside ill ones."""
        async for name, came, seconds in isolation.runs(self._bench):
            self._tell(name, came, seconds)

    def memory(self, before: Mapping[str, float]) -> None:
        """What each process held before anything was published, and holds now."""
        came = {"memory": before, "grown": self._bench.counters.memory()}
        self._tell(
            "memory",
            [
                Figure(part="memory", key=f"{key}.{name}", runs=(held,))
                for key, of in came.items()
                for name, held in of.items()
            ],
        )

    def _tell(self, name: str, came: list[Figure], seconds: float = 0.0) -> None:
        self.figures += came
        print("\n" + report.block(TITLES[name], came, seconds), flush=True)

    async def _register(self, part: Part) -> None:
        if part.collection not in self._webhooks:
            self._webhooks[part.collection] = part.webhooks
            await self._bench.fan_out(part.collection, part.webhooks)
            if part.refusing:
                await self._bench.refuse(part.collection, part.refusing)

    def _events(self, part: Part) -> int:
        """Of one run."""
        owed = self._fitting(part) if part.deliveries else int(part.size * self._bare.per_second)
        return max(1, owed // part.webhooks // part.array) * part.array

    def _fitting(self, part: Part) -> int:
        """What of a backlog there is time for on a machine that is slow or busy, judged by its bare loop of late."""
        bare = min(self._bare.per_second, *(yard["per_second"] for yard in self._bench.yards))
        able = SURELY * bare * (self._until - time.monotonic() - RESTART)
        return min(part.deliveries, max(FEWEST, int(able)))

    async def _half(self) -> float:
        """Half of what single posts came to per second; measured once if they were no part of this run."""
        known = [f.value for f in self.figures if (f.part, f.key) == ("singles", "delivered")]
        if not known:
            singles = PARTS["singles"]
            known = [
                values["delivered"] for values in await workloads.flow(self._bench, singles, self._events(singles))
            ]
        return known[0] / 2


async def yardstick(sink: Sink) -> Bare:
    """Bare, with nothing else running."""
    runs = [await sink.bare(YARD) for _ in range(RUNS)]
    alone = await sink.bare(YARD / 2, 1)
    return Bare.of(runs, {key: alone[key] for key in ("p50", "p95", "p99")})


async def main(parts: list[str], out: Path | None) -> int:
    """Runs the parts; answers the exit status: 1 where anything was lost or repeated."""
    began, others = time.monotonic(), facts.Others()
    known = {"when": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC", **facts.machine()}
    async with rig.sinking() as sink:
        print(report.head(known), flush=True)
        bare = await yardstick(sink)
        async with rig.standing(sink, {}) as bench:
            stores = await bench.counters.versions()
            print(report.head(stores) + "\n" + report.yardstick(bare), flush=True)
            until = began + LIMIT - ENDING - (ISOLATING if ISOLATION in parts else 0.0)
            whole = Bench(bench, bare, until=until)
            before = bench.counters.memory()
            await whole.warm()
            for name in (name for name in PARTS if name in parts):
                await whole.part(name)
            if ISOLATION in parts:
                await whole.isolation()
            whole.memory(before)
            ours = sum(bench.counters.spent().values()) + (await sink.tell())["cpu"]
            known |= stores | {"others": f"{others.share(ours):.0%} of the cores were taken by what is not the bench"}
        again = (await sink.bare(YARD))["per_second"]
    known["bare again"] = f"{again:,.0f}/s after all parts, {again / bare.per_second:.2f} of what it was before"
    known["took"] = f"{time.monotonic() - began:.0f} s"
    print("\n" + report.head({name: known[name] for name in ("others", "bare again", "took")}))
    print("\n" + report.verdict(whole.figures, TITLES))
    if out is not None:
        write(out, whole.figures, bare, known)
    return 1 if any(figure.value for figure in whole.figures if figure.key in FAULTS) else 0


def write(out: Path, came: list[Figure], bare: Bare, known: Mapping[str, str]) -> None:
    """`bench.json` and `bench.svg`."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "bench.json").write_text(report.as_json(came, TITLES, bare, known))
    foot = [
        f"{known['machine']}; {known['system']}; {known['when']}, {known['version']}",
        f"PostgreSQL {known['PostgreSQL']}; Redis {known['Redis']}",
        f"Bare: {bare.per_second:,.0f} POST/s and {bare.cpu_ms:.3f} CPU-ms each, one process, 64 connections, 1 KB, "
        "the same sink; ratios are to",
        "those runs of it that came before each run of a part. Medians; the dark marks are targets.",
        known["others"],
    ]
    (out / "bench.svg").write_text(chart.svg(came, foot))


def chosen(wanted: str) -> list[str]:
    """The parts that were asked for by name, else all; ends the process where there is no such part."""
    known = [*PARTS, ISOLATION, *ALONE]
    parts = [part for part in wanted.split(",") if part]
    if unknown := [part for part in parts if part not in known]:
        sys.exit(f"bench: no part {', '.join(unknown)}; there are {', '.join(known)}")
    for name in ALONE:
        if name in parts and len(parts) > 1:
            sys.exit(f"bench: {name} is run alone")
    return parts or [part for part in (*PARTS, ISOLATION) if part not in ASKED_FOR]


if __name__ == "__main__":
    asked, folder = chosen(os.environ.get("PART", "")), os.environ.get("OUT")
    try:
        alone = ALONE.get(asked[0] if asked else "")
        status = asyncio.run(alone() if alone else main(asked, Path(folder) if folder else None))
    except CannotStart as error:
        sys.exit(str(error))
    sys.exit(status)
