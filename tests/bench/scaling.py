"""Scaling: do workers add up, and do they hold up one another? One, two, four and eight of them drain the same webhooks.

A machine with two cores has no room for eight busy workers, so each is kept to few slots and its receivers take their
time: a worker is as fast as its slots let it be, and what they share (PostgreSQL's rows and locks, the broker, the drains'
turns) is all that could keep eight from being eight times one. `PART=scaling make bench`.
"""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import replace

import asyncpg

from deploy import local
from deploy.local import StackProcess
from tests.bench import rig
from tests.bench.rig import Rig, Sink

WORKERS = (1, 2, 4, 8)
#: Attempts that a worker has in flight at most; the receivers answer after `sink.WAIT`.
SLOTS = 16
SETTINGS = {"HOOKLAKE_IN_FLIGHT": str(SLOTS), "HOOKLAKE_IN_FLIGHT_PER_WEBHOOK": str(SLOTS)}
#: Events, each to all of so many webhooks, so that every worker is after rows of every webhook.
WEBHOOKS = 20
#: Deliveries that wait for each worker, and the part of them that is over before it is measured: all are at work by then.
EACH, WARM = 600, 0.2
#: Seconds between two looks at who waits for a lock.
LOOK = 0.05
WAITING = """
SELECT count(*) FILTER (WHERE wait_event_type = 'Lock') AS locks, count(*) FILTER (WHERE state = 'active') AS active
FROM pg_stat_activity WHERE application_name = 'hooklake'
"""
DEADLOCKS = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
HEAD = " workers  drained/s    each  of one   CPU-ms  stores  wait for a lock  deadlocks"


def crew(count: int, environ: Mapping[str, str]) -> StackProcess:
    """The usual processes, but so many workers."""
    usual = local.hooklake(environ)
    *others, (worker, *_) = usual.groups
    workers = tuple(replace(worker, name=f"worker-{number}") for number in range(1, count + 1))
    return replace(usual, groups=(*others, workers))


async def main() -> int:
    """Measures each size of a crew on a stack of its own; answers the exit status: 1 where something was lost or repeated."""
    print(f"{SLOTS} slots each, receivers that answer after 0.2 s, {WEBHOOKS} webhooks\n{HEAD}", flush=True)
    wrong, one = 0, 0.0
    async with rig.sinking() as sink:
        for count in WORKERS:
            rate, row, faults = await _crew(sink, count)
            one = one or rate
            print(f"{count:8}{rate:11.0f}{rate / count:8.0f}{rate / one:8.2f}{row}", flush=True)
            wrong += faults
    print("Nothing was lost, nothing delivered more than once." if not wrong else f"{wrong} LOST OR REPEATED")
    return 1 if wrong else 0


async def _crew(sink: Sink, count: int) -> tuple[float, str, int]:
    """Deliveries a second, the rest of its row, and what was lost or repeated."""
    names = [f"worker-{number}" for number in range(1, count + 1)]
    async with rig.standing(sink, SETTINGS, program=lambda environ: crew(count, environ)) as bench:
        operator = await bench.operator()
        for number in range(WEBHOOKS):
            await bench.webhook(operator, "waits", f"/wait/{number}")
        await bench.halt(*names)
        await bench.sink.tell("/reset")
        owed = EACH * count
        await bench.post(collection="waits", events=owed // WEBHOOKS, connections=4, array=10)
        await bench.resume(*names)
        await bench.sink.reached("arrived", int(owed * WARM))
        return await _measured(bench, names, owed)


async def _measured(bench: Rig, names: list[str], owed: int) -> tuple[float, str, int]:
    connection = await asyncpg.connect(bench.stack.environ["HOOKLAKE_DATABASE_URL"], ssl=False)
    try:
        before, since = bench.counters.spent(*names), time.monotonic()
        first = (await bench.sink.tell())["arrived"]
        seen: list[tuple[int, int]] = []
        looking = asyncio.create_task(_look(connection, seen))
        await bench.sink.reached("arrived", int(owed * (1 - WARM)))
        told, seconds = await bench.sink.tell(), time.monotonic() - since
        looking.cancel()
        await asyncio.wait([looking])
        spent = {name: used - before[name] for name, used in bench.counters.spent(*names).items()}
        done = told["arrived"] - first
        stores = sum(spent[name] for name in ("postgres", "redis"))
        ours = sum(spent.values()) - stores
        locks, active = (sum(each[place] for each in seen) / max(1, len(seen)) for place in (0, 1))
        deadlocks = await connection.fetchval(DEADLOCKS)
    finally:
        connection.terminate()
    await bench.sink.reached("arrived", owed)
    came = await bench.sink.tell()
    waits = f"{locks:.2f} of {active:.1f}"
    row = f"{ours * 1000 / done:9.2f}{stores * 1000 / done:8.2f}{waits:>17}{deadlocks:11}"
    return done / seconds, row, abs(owed - came["arrived"]) + came["requests"] - came["arrived"]


async def _look(connection: asyncpg.Connection, seen: list[tuple[int, int]]) -> None:
    """Adds how many of ours wait for a lock, and how many do something, until it is cancelled."""
    while True:
        row = await connection.fetchrow(WAITING)
        seen.append((row["locks"], row["active"]))
        await asyncio.sleep(LOOK)
