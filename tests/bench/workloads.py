"""How each kind of part is run once, after the yardstick, and what of it is counted.

Which parts there are is data, and left to `parts.py`; what values are called to `figures.py`.
"""

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from tests.bench.counters import OURS, STORES, Reading
from tests.bench.parts import Part
from tests.bench.rig import Rig

Values = Mapping[str, float]

WORKERS = ("worker-1", "worker-2")
#: Seconds after the last arrival until its outcome is recorded, too.
AFTERMATH = 0.3
#: A backlog is published in so many loads: an acknowledgement rate of each.
LOADS = 3


async def flow(bench: Rig, part: Part, events: int, rate: float = 0.0) -> list[Values]:
    """Publishes, waits until all has arrived, and counts."""
    await bench.bare()
    await bench.sink.tell("/reset")
    before, sink = await bench.counters.read(), (await bench.sink.tell())["cpu"]
    came = await _posted(bench, part, events, rate)
    owed = events * part.webhooks
    told = await bench.sink.arrived(owed)
    await asyncio.sleep(AFTERMATH)
    after = await bench.counters.read()
    rates = {} if rate else {"acknowledged": events / came["seconds"], "delivered": _rate(told, owed)}
    return [
        {
            **rates,
            **{quantile: told[quantile] for quantile in ("p50", "p95", "p99")},
            **_spent(before, after, owed),
            "rig": (came["cpu"] + told["cpu"] - sink) * 1000 / owed,
            **_missed(told, owed),
        }
    ]


async def statements(bench: Rig, part: Part, events: int) -> list[Values]:
    """The same with every statement in the server's log."""
    await bench.sink.tell("/reset")
    owed = events * part.webhooks
    async with bench.counters.statements() as counted:
        await _posted(bench, part, events)
        told = await bench.sink.arrived(owed)
        await asyncio.sleep(AFTERMATH)
    return [{"sql": counted.total / owed, "sql_edges": counted.edges / owed, **_missed(told, owed)}]


async def storm(bench: Rig, part: Part, events: int) -> list[Values]:
    """Every receiver answers 503 until each delivery was refused, then all take what comes."""
    await bench.bare()
    await bench.sink.tell("/reset")
    await bench.sink.tell("/ill")
    before = await bench.counters.read()
    owed = events * part.webhooks
    await _posted(bench, part, events)
    if not await bench.sink.reached("turned_away", owed):
        raise RuntimeError("not every delivery was tried at receivers that answer 503")
    well = time.time()
    ill = await bench.sink.tell("/well")
    told = await bench.sink.arrived(owed)
    await asyncio.sleep(AFTERMATH)
    after = await bench.counters.read()
    return [
        {
            "tries": ill["refused"] / max(ill["refused_last"] - ill["refused_first"], 0.001),
            "recovery": told["last"] - well,
            "tries_each": (told["refused"] + told["requests"]) / owed,
            **_spent(before, after, owed),
            **_missed(told, owed),
        }
    ]


async def backlog(bench: Rig, part: Part, events: int) -> list[Values]:
    """Publishes while no worker runs, then starts them and waits until all has arrived."""
    await bench.halt(*WORKERS)
    await bench.sink.tell("/reset")
    loads: list[dict[str, float]] = []
    for size in (events // LOADS, events // LOADS, events - events // LOADS * (LOADS - 1)):
        await bench.bare()
        came = await _posted(bench, part, size)
        loads.append({"acknowledged": size / came["seconds"]})
    generator = came["cpu"] * 1000 / size
    await bench.resume(*WORKERS)
    before, sink = await bench.counters.read(), (await bench.sink.tell())["cpu"]
    told = await bench.sink.arrived(events)
    await asyncio.sleep(AFTERMATH)
    after = await bench.counters.read()
    await bench.bare()
    drain = {
        "waiting": events,
        "drained": _rate(told, events),
        **_spent(before, after, events),
        "rig": (told["cpu"] - sink) * 1000 / events + generator,
        **_missed(told, events),
    }
    return [{**loads[0], **drain}, *loads[1:]]


async def _posted(bench: Rig, part: Part, events: int, rate: float = 0.0) -> dict[str, Any]:
    came = await bench.post(
        collection=part.collection,
        events=events,
        connections=part.connections,
        array=part.array,
        ids=part.ids,
        rate=rate,
        first=bench.first(),
    )
    if came["refused"]:
        raise RuntimeError(f"{came['refused']} events were refused: {came['complaint']}")
    return came


def _rate(told: Mapping[str, float], count: int) -> float:
    return count / max(told["last"] - told["first"], 0.001)


def _missed(told: Mapping[str, float], owed: int) -> dict[str, float]:
    # What repeats a delivery of an earlier run is one too many in this one.
    return {"lost": max(0, owed - told["arrived"]), "repeated": max(0, told["requests"] - min(told["arrived"], owed))}


def _spent(before: Reading, after: Reading, owed: int) -> dict[str, float]:
    """CPU milliseconds by kind and seconds per thousand by process, WAL and commands, each per delivery."""
    used = {name: after.cpu[name] - before.cpu.get(name, 0.0) for name in after.cpu}
    return {
        "ours": sum(used[name] for name in OURS) * 1000 / owed,
        "stores": sum(used[name] for name in STORES) * 1000 / owed,
        **{f"cpu.{name}": seconds * 1000 / owed for name, seconds in used.items()},
        "wal": (after.wal - before.wal) / owed,
        "broker": (after.commands - before.commands) / owed,
    }
