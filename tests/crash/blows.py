"""Does faults to a running stack: kills, stops, empties and cuts, and writes down from when to when each lasted.

Which faults, and when, is left to `faults.py`.
"""

import asyncio
import os
import signal
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import asyncpg
import psutil
from redis.asyncio import Redis
from redis.exceptions import RedisError

from deploy.local import Stack
from tests.crash.faults import Blow, Fault

#: Seconds until a part that was struck has to be back.
PATIENCE = 60.0
#: What a blow does not get through, because another one took the part away, is tried again after so many seconds.
AGAIN = 0.1
CUT_DATABASE = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'hooklake'"


@dataclass(frozen=True, kw_only=True)
class Strike:
    """A fault that was done, by the clock on the wall."""

    fault: Fault
    #: Seconds since the epoch: just before it was done.
    begin: float
    #: When the part was back: ready again after a kill, continued after a stop.
    end: float


class Striker:
    """Strikes the parts of one stack, and its receiver, a process of its own."""

    def __init__(self, stack: Stack, receiver: int, say: Callable[[str], None]) -> None:
        """`receiver` is a process that closes all its connections on SIGUSR1."""
        self.strikes: list[Strike] = []
        self._stack = stack
        self._receiver = receiver
        self._say = say

    async def play(self, faults: Sequence[Fault]) -> None:
        """Each at its time from now on; returns when all parts are back."""
        await asyncio.gather(*(self._later(fault) for fault in faults))

    async def strike(self, fault: Fault) -> Strike:
        """Does it now; returns when the part is back."""
        begin, done = time.time(), False
        while not done:
            begin = time.time()
            done = await self._do(fault)
            if not done:
                await asyncio.sleep(AGAIN)
        struck = Strike(fault=fault, begin=begin, end=time.time())
        self.strikes.append(struck)
        return struck

    async def back(self, part: str, *, gone: int = 0) -> int:
        """The process of the part, once it is ready and not the one that has `gone`; raises TimeoutError."""
        async with asyncio.timeout(PATIENCE):
            while (pid := self._stack.parts[part].pid) in (None, gone):  # noqa: ASYNC110 -- the supervisor tells nobody
                await asyncio.sleep(0.02)
            await self._stack.parts[part].ready.wait()
        assert pid is not None
        return pid

    async def _later(self, fault: Fault) -> None:
        began = time.monotonic()
        await asyncio.sleep(fault.at)
        self._say(f"{fault.at:7.1f} s  {fault}")
        struck = await self.strike(fault)
        if time.monotonic() - began > fault.at + fault.seconds + 5:
            self._say(f"{time.monotonic() - began:7.1f} s  {fault.target} took {struck.end - struck.begin:.1f} s")

    async def _do(self, fault: Fault) -> bool:
        """Whether it could be done."""
        match fault.blow, fault.target:
            case Blow.CUT, "receiver":
                os.kill(self._receiver, signal.SIGUSR1)
                return True
            case Blow.CUT, "postgres":
                return await self._cut_database()
            case Blow.CUT | Blow.FLUSH, "redis":
                return await self._command("CLIENT KILL TYPE normal" if fault.blow is Blow.CUT else "FLUSHALL")
        pid = await self.back(fault.target)
        if fault.blow is Blow.KILL:
            os.kill(pid, signal.SIGKILL)
            await self.back(fault.target, gone=pid)
            return True
        if fault.blow is Blow.AWAY:
            await self._away(fault)
            return True
        family = _family(pid)
        _signal(family, signal.SIGSTOP)
        try:
            await asyncio.sleep(fault.seconds)
        finally:
            _signal(family, signal.SIGCONT)
        return True

    async def _away(self, fault: Fault) -> None:
        supervisor, part = self._stack.stores.supervisor, self._stack.parts[fault.target].part
        await supervisor.stop(part.name)
        try:
            await asyncio.sleep(fault.seconds)
        finally:
            await supervisor.start(part)

    async def _cut_database(self) -> bool:
        try:
            connection = await asyncpg.connect(self._stack.stores.database_url, ssl=False, timeout=2)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError):
            return False
        try:
            await connection.execute(CUT_DATABASE, timeout=5)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError):
            return False
        finally:
            connection.terminate()
        return True

    async def _command(self, words: str) -> bool:
        async with Redis.from_url(self._stack.stores.broker_url, socket_timeout=2) as client:
            with suppress(RedisError, OSError):
                await client.execute_command(*words.split())  # type: ignore[no-untyped-call]  # redis says so
                return True
        return False


def _family(pid: int) -> list[psutil.Process]:
    """The process first, so that it starts no more children, then those it has."""
    process = psutil.Process(pid)
    process.suspend()
    return [process, *process.children(recursive=True)]


def _signal(processes: Iterable[psutil.Process], number: signal.Signals) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(number)
