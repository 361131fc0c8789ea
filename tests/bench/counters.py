"""What a run cost: CPU and memory of each process, statements and WAL of PostgreSQL, commands of Redis.

What it came to at the sink is left to the sink.
"""

import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import asyncpg
import psutil
from redis.asyncio import Redis

from deploy.local import Stack

OURS = ("api", "worker-1", "worker-2", "beat")
STORES = ("postgres", "redis")
#: A statement as the server logs it: simple, or executed by name.
LOGGED = re.compile(rb"\[(\d+)\] LOG:  (?:statement|execute [^:]*):\s*(\w*)")
EDGES = (b"BEGIN", b"START", b"COMMIT", b"ROLLBACK", b"SAVEPOINT", b"RELEASE")


@dataclass(frozen=True, kw_only=True)
class Reading:
    """Sums since the start of everything."""

    #: CPU seconds of each part that runs, children included.
    cpu: Mapping[str, float]
    wal: int
    commands: int


@dataclass(kw_only=True)
class Statements:
    """What PostgreSQL executed, filled in when the block ends."""

    total: int = 0
    #: BEGIN, COMMIT and their kind.
    edges: int = 0


class Counters:
    """Reads the counters of one stack."""

    def __init__(self, stack: Stack, database: Any, broker: "Redis") -> None:
        self._stack = stack
        self._database = database
        self._broker = broker

    async def read(self) -> Reading:
        """All of them, at about the same time."""
        wal = int(await self._database.fetchval("SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn"))
        told: Mapping[str, Mapping[str, int]] = await self._broker.info("commandstats")
        # Asking is a command, too.
        commands = sum(each["calls"] for name, each in told.items() if name != "cmdstat_info")
        return Reading(cpu=self.spent(), wal=wal, commands=commands)

    def spent(self, *more: str) -> dict[str, float]:
        """CPU seconds of each part that runs; `more` names some beyond the usual ones."""
        return {name: cpu(pid) for name, pid in self._pids(*more).items()}

    def memory(self) -> dict[str, float]:
        """MB of each part that runs, children included: pages that are shared are counted to their sharers in parts."""
        return {name: memory(pid) for name, pid in self._pids().items()}

    @asynccontextmanager
    async def statements(self) -> AsyncIterator[Statements]:
        """Counts what every other connection executes within the block, by the server's own log.

        The embedded server has no pg_stat_statements. Lines cost the server time: nothing is timed in such a block.
        """
        log = self._stack.stores.data / "logs" / "postgres.log"
        counted = Statements()
        await self._tell("log_parameter_max_length = 0", "log_statement = 'all'")
        offset = log.stat().st_size
        yield counted
        await self._tell("log_statement = 'none'")
        words = executed(log.read_bytes()[offset:], but=self._database.get_server_pid())
        counted.total, counted.edges = len(words), sum(word in EDGES for word in words)

    async def versions(self) -> dict[str, str]:
        """Of the stores, with the settings that their speed hangs on."""
        on = [await self._database.fetchval(f"SHOW {name}") for name in ("fsync", "synchronous_commit")]
        kept = (await self._broker.config_get("append*"))["appendfsync"]
        return {
            "PostgreSQL": f"{await self._database.fetchval('SHOW server_version')}, fsync {on[0]}, synchronous_commit {on[1]}",
            "Redis": f"{(await self._broker.info('server'))['redis_version']}, AOF {kept}",
        }

    async def _tell(self, *settings: str) -> None:
        for setting in settings:
            await self._database.execute(f"ALTER SYSTEM SET {setting}")
        await self._database.execute("SELECT pg_reload_conf()")

    def _pids(self, *more: str) -> dict[str, int]:
        parts = {name: self._stack.parts[name].pid for name in (*OURS, *STORES, *more) if name in self._stack.parts}
        return {name: pid for name, pid in parts.items() if pid is not None}


def executed(log: bytes, *, but: int) -> list[bytes]:
    """The first word of each statement in a log of PostgreSQL, in capitals, of all but one process."""
    return [word.upper() for pid, word in LOGGED.findall(log) if int(pid) != but]


@asynccontextmanager
async def of(stack: Stack) -> AsyncIterator[Counters]:
    """The counters of a stack that runs."""
    database = await asyncpg.connect(stack.environ["HOOKLAKE_DATABASE_URL"], ssl=False)
    try:
        async with Redis.from_url(stack.environ["HOOKLAKE_BROKER_URL"]) as broker:
            yield Counters(stack, database, broker)
    finally:
        await database.close(timeout=5)


def cpu(pid: int) -> float:
    """CPU seconds of a process and its children."""

    def used(process: psutil.Process) -> float:
        times = process.cpu_times()
        # Backends that have ended are counted by the postmaster that waited for them.
        ended = times.children_user + times.children_system if process.pid == pid else 0.0
        return float(times.user + times.system + ended)

    return _of_family(pid, used)


def memory(pid: int, *, own: bool = False) -> float:
    """MB of a process and its children: its part of shared pages included (PSS), or what is its `own` alone (USS)."""

    def held(process: psutil.Process) -> float:
        told = process.memory_full_info()
        # Only Linux tells the parts of shared pages.
        return float(told.uss if own else getattr(told, "pss", told.uss))

    return _of_family(pid, held) / 1e6


def _of_family(pid: int, ask: Callable[[psutil.Process], float]) -> float:
    """What the process and its children tell, added up; one that has ended meanwhile tells nothing."""
    root = psutil.Process(pid)
    total = 0.0
    for process in (root, *root.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            total += ask(process)
    return total
