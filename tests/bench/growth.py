"""Does it slow down as it grows? The product's own statements beside five million deliveries, and beside none, in one run.

`PART=growth make bench`; GROWN=1000000 for fewer. How the database grows is left to `seeding.py`.
"""

import asyncio
import itertools
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg

import delivery.tables  # noqa: F401  registers its tables with the metadata
from delivery.ledger.claims import claiming
from delivery.ledger.owing import deliveries
from delivery.ledger.upkeep import retention
from deploy import stores
from subscriptions.ground import partitions
from subscriptions.ground.database import Database, Raw
from subscriptions.ground.settings import GroundSettings
from tests.bench import rig, seeding
from tests.bench.measures import BENCH, CROWDED, FEW, HOOKS, LEASE, MANY, MEASURES, SMALL, TYPE, Side, owed, settle
from tests.clock import Clock
from tests.conftest import VAULT_KEYS
from tests.delivery.craft import Craft

GROWN = int(os.environ.get("GROWN", "5000000"))
ROUNDS = int(os.environ.get("ROUNDS", "40"))
#: Bursts that each database has to carry from publication to arrival.
ROUNDS_THROUGH = 3
OTHER = "com.hpe.greenlake.bench.v1.others.measured"
SIZE = "SELECT pg_database_size(current_database())"
#: How much slower than beside nothing is still flat.
FLAT = 1.15


async def main() -> int:
    """Grows one database, measures both turn by turn, then drops a day; answers how many figures are not flat."""
    directory = Path(tempfile.mkdtemp(prefix="hl-"))
    servers = stores.Stores(directory, say=lambda _line: None)
    try:
        await servers.start()
        empty, grown = [await _made(servers.database_url, name) for name in ("empty", "grown")]
        sides = [await _side(empty, "empty"), await _side(grown, "grown")]
        await _grow(sides[1])
        steep = await _compare(*sides)
        await _age(sides[1])
        for side in sides:
            await side.database.close()
        steep += await _through({"empty": empty, "grown": grown})
    finally:
        await servers.stop()
        shutil.rmtree(directory, ignore_errors=True)
    return steep


async def _made(url: str, name: str) -> str:
    """A migrated database of this name beside the one of the URL."""
    connection = await asyncpg.connect(url)
    await connection.execute(f"CREATE DATABASE {name}")
    await connection.close()
    made = urlsplit(url)._replace(path=f"/{name}").geturl()
    environ = {**os.environ, "HOOKLAKE_DATABASE_URL": made, "HOOKLAKE_VAULT_KEYS": VAULT_KEYS}
    migrating = await asyncio.create_subprocess_exec(sys.executable, "-m", "service.cli", "migrate", env=environ)
    if await migrating.wait():
        raise RuntimeError("the database could not be migrated")
    return made


async def _side(url: str, name: str) -> Side:
    database = Database(GroundSettings(database_url=url, vault_keys=VAULT_KEYS, database_wait=30))
    clock = Clock()
    craft = Craft(database, clock)
    hooks = await craft.hooks(HOOKS, workspace=BENCH, subscribed=None)
    async with database.raw() as connection:
        # Both have as many days: it is rows that one of them has more of.
        await partitions.make(connection, deliveries.PARTITIONED, seeding.days(clock()))
    for workspace, count in ((CROWDED, MANY), (SMALL, FEW)):
        for first in range(0, count, 1000):
            batch = await craft.hooks(min(1000, count - first), workspace=workspace, subscribed=OTHER)
        await craft.subscribe(batch[:1], TYPE, workspace=workspace)
    [reader] = await craft.hooks(1, workspace=BENCH, subscribed=None)
    side = Side(name=name, database=database, clock=clock, hooks=hooks, reader=reader, numbers=itertools.count(1))
    for _ in range(5):
        one = replace(side, hooks=[reader])
        tickets = await owed(one, 200, due=False)
        async with database.raw() as connection:
            claim = await claiming.by_ticket(connection, tickets, now=clock(), lease=LEASE)
        await settle(one, claim.taken)
    # A drain walks from webhook to webhook: in both databases all of them have something that waits for a later retry.
    await owed(side, HOOKS, due=False)
    async with database.raw() as connection:
        later = clock() + timedelta(hours=3)
        await connection.execute("UPDATE deliveries SET attempts = 1, due_at = $1 WHERE state = 'owed'", later)
    return side


async def _grow(side: Side) -> None:
    began = time.perf_counter()
    async with side.database.raw() as connection:
        await seeding.grow(connection, GROWN, side.hooks, workspace=BENCH, now=side.clock())
        size = await connection.fetchval("SELECT pg_size_pretty(pg_database_size(current_database()))")
    seconds = time.perf_counter() - began
    print(f"{GROWN:,} deliveries, their events and attempts: {size}, written in {seconds:.0f} s\n", flush=True)


async def _compare(empty: Side, grown: Side) -> int:
    print(
        f"{'milliseconds of ' + str(ROUNDS):28}{'empty':>9}{'grown':>9}{'ratio':>8}{'  of the quickest quarters':>28}"
    )
    steep = 0
    for name, measure in MEASURES.items():
        took: dict[str, list[float]] = {"empty": [], "grown": []}
        for number in range(ROUNDS + 6):
            # Turn by turn, for a machine is busier at one time than at another.
            for side in (empty, grown):
                milliseconds = await measure(side)
                # Plans are kept after a few rounds.
                if number >= 6:
                    took[side.name].append(milliseconds)
        before, after = (statistics.median(took[side]) for side in ("empty", "grown"))
        # What others do on the machine adds to the slow ones.
        quick = [statistics.quantiles(took[side])[0] for side in ("empty", "grown")]
        flat = min(after / before, quick[1] / quick[0]) <= FLAT
        steep += not flat
        told = f"{name:28}{before:9.2f}{after:9.2f}{after / before:8.2f}{quick[0]:11.2f}{quick[1]:9.2f}{quick[1] / quick[0]:8.2f}"
        print(told + ("" if flat else "  NOT FLAT"), flush=True)
    return steep


async def _age(side: Side) -> None:
    """How long the payloads of a day take to leave, and a day."""
    async with side.database.raw() as connection:
        oldest, second, *_ = await partitions.kept(connection, "deliveries")
        await _left("payloads of a day written off", connection, partial(retention.strip, connection, oldest))
        for day in (oldest, second):
            await _left("drop of a day", connection, partial(retention.drop, connection, deliveries.PARTITIONED, day))


async def _left(what: str, connection: Raw, leave: Callable[[], Awaitable[bool]]) -> None:
    began, before = time.perf_counter(), await connection.fetchval(SIZE)
    done = await leave()
    freed = (before - await connection.fetchval(SIZE)) >> 20
    print(f"{what}: {time.perf_counter() - began:.2f} s, {freed:,} MB freed{'' if done else ', NOT DONE'}", flush=True)


async def _through(urls: Mapping[str, str]) -> int:
    """From publication to arrival as in the part `singles`, turn by turn over the databases; answers 1 where it is not flat."""
    rates: dict[str, list[float]] = {name: [] for name in urls}
    async with rig.sinking() as sink, AsyncExitStack() as standing:
        environs = {n: {"HOOKLAKE_DATABASE_URL": url, "HOOKLAKE_VAULT_KEYS": VAULT_KEYS} for n, url in urls.items()}
        stacks = {n: await standing.enter_async_context(rig.standing(sink, environ)) for n, environ in environs.items()}
        for bench in stacks.values():
            await bench.fan_out("things", 1)
        for _ in range(ROUNDS_THROUGH + 1):
            for name, bench in stacks.items():
                rates[name].append(await _run(name, bench))
    # The first one warms up.
    empty, grown = (statistics.median(each[1:]) for each in rates.values())
    flat = empty / grown <= FLAT
    print(
        f"through, delivered/s of {ROUNDS_THROUGH}: {empty:.0f} empty, {grown:.0f} grown, {empty / grown:.2f}", end=""
    )
    print("" if flat else "  NOT FLAT", flush=True)
    return not flat


async def _run(name: str, bench: rig.Rig) -> float:
    """Deliveries per second of one burst."""
    await bench.sink.tell("/reset")
    came = await bench.post(collection="things", events=6000, connections=64, first=bench.first())
    told = await bench.sink.arrived(came["accepted"])
    if told["arrived"] < came["accepted"]:
        raise RuntimeError(f"{came['accepted'] - told['arrived']} deliveries did not arrive")
    rate = float(came["accepted"] / (told["last"] - told["first"]))
    acknowledged = came["accepted"] / came["seconds"]
    times = f"p50 {told['p50']:.0f} ms, p99 {told['p99']:.0f} ms"
    print(f"through {name}: {acknowledged:.0f} acknowledged/s, {rate:.0f} delivered/s, {times}", flush=True)
    return rate


if __name__ == "__main__":
    sys.exit(1 if asyncio.run(main()) else 0)
