"""`make soak`: a steady load at about half of what it can, for ten minutes, and whether anything grows meanwhile.

`SECONDS=60` for less. Its status is 1 if anything was lost or repeated, or grew. How it is loaded is left to the rig.
"""

import asyncio
import os
import statistics
import sys
from collections.abc import Mapping, Sequence

from deploy.home import CannotStart
from tests.bench import counters, facts, report, rig, workloads
from tests.bench.parts import PARTS
from tests.bench.rig import Rig

SECONDS = float(os.environ.get("SECONDS") or 600)
#: Seconds between two looks at the memory.
LOOK = 2.0
#: What is compared is tenths of the time: minutes, where it is ten.
PERIODS = 10
#: A token lives for fifteen minutes.
SLICE = 300.0
#: Flat is a process whose own memory (USS, children included) is, by the medians of the last and the second period, larger
#: by less than this part and this many MB together: the first period fills pools and caches.
PART, MB = 0.05, 2.0
#: Takes memory for as long as there is data that it has not read yet, up to its `shared_buffers`.
CACHING = ("postgres",)

Sample = Mapping[str, float]


def flat(second: float, last: float) -> bool:
    """Whether a process that held `second` MB in the second period and `last` in the last one has not grown."""
    return last - second < second * PART + MB


def told(samples: Sequence[Sample]) -> tuple[list[str], list[str]]:
    """The rows to print, of MB per process, and the processes that have grown."""
    periods = [samples[len(samples) * n // PERIODS : len(samples) * (n + 1) // PERIODS] for n in range(PERIODS)]
    rows = [f"{'MB of its own (USS), medians':30}{'first':>9}{'second':>9}{'last':>9}{'growth':>9}"]
    grown = []
    for name in samples[0]:
        first, second, last = (
            statistics.median(sample[name] for sample in period) for period in (periods[0], periods[1], periods[-1])
        )
        grows = not flat(second, last)
        if grows and name not in CACHING:
            grown.append(name)
        says = "flat" if not grows else "its buffers fill" if name in CACHING else "NOT FLAT"
        rows.append(f"{name:30}{first:9.1f}{second:9.1f}{last:9.1f}{last - second:+9.1f}  {says}")
    return rows, grown


async def main() -> int:
    """Runs it; answers the exit status."""
    print(report.head(facts.machine()), flush=True)
    async with rig.running({}) as bench:
        rate = await _half(bench)
        print(f"\n{rate:,.0f} single posts/s for {SECONDS:,.0f} s: half of what they come to at most\n", flush=True)
        await bench.sink.tell("/reset")
        samples: list[Sample] = []
        looking = asyncio.create_task(_look(bench, samples))
        accepted = await _load(bench, rate)
        looking.cancel()
        came = await bench.sink.arrived(accepted)
    rows, grown = told(samples)
    print("\n".join(rows))
    print(f"\nFlat: between the second and the last tenth of the time less than {PART:.0%} and {MB:g} MB more.")
    lost, repeated = max(0, accepted - came["arrived"]), came["requests"] - came["arrived"]
    print(f"{accepted:,} events, {lost} lost, {repeated} delivered more than once; ", end="")
    print(f"p50 {came['p50']:.1f} ms, p99 {came['p99']:.1f} ms")
    print(f"GROWN: {', '.join(grown)}" if grown else "Nothing has grown.")
    return 1 if lost or repeated or grown else 0


async def _half(bench: Rig) -> float:
    """Events per second."""
    part = PARTS["singles"]
    await bench.fan_out(part.collection, part.webhooks)
    # The first one fills plans, pools and caches.
    await workloads.flow(bench, part, 1000)
    [values] = await workloads.flow(bench, part, 3000)
    return values["delivered"] / 2


async def _load(bench: Rig, rate: float) -> int:
    """Publishes for SECONDS, and answers how many events; raises RuntimeError where one was refused."""
    accepted, left = 0, SECONDS
    while left > 0:
        events = max(1, int(rate * min(left, SLICE)))
        came = await bench.post(collection="things", events=events, connections=64, rate=rate, first=accepted)
        if came["refused"]:
            raise RuntimeError(f"{came['refused']} events were refused: {came['complaint']}")
        accepted += came["accepted"]
        left -= SLICE
    return accepted


async def _look(bench: Rig, samples: list[Sample]) -> None:
    """Adds what each process holds, until it is cancelled."""
    while True:
        pids = {name: bench.stack.stores.pid(name) for name in (*counters.OURS, *counters.STORES)}
        samples.append({name: counters.memory(pid, own=True) for name, pid in pids.items()})
        await asyncio.sleep(LOOK)


if __name__ == "__main__":
    try:
        sys.exit(asyncio.run(main()))
    except CannotStart as error:
        sys.exit(str(error))
