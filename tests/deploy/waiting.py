"""Waits for facts about processes; what the facts are is left to the tests."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

import psutil

F = TypeVar("F")


async def until(fact: Callable[[], F | None], *, seconds: float = 20) -> F:
    """What `fact` returns once it is not None; raises TimeoutError."""
    async with asyncio.timeout(seconds):
        while (found := fact()) is None:  # noqa: ASYNC110 -- other processes set no event
            await asyncio.sleep(0.02)
        return found


async def gone(*pids: int, seconds: float = 20) -> bool:
    """True once none of the processes runs; raises TimeoutError."""
    return await until(lambda: None if any(runs(pid) for pid in pids) else True, seconds=seconds)


def runs(pid: int) -> bool:
    """Whether the process is there, and more than a zombie."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
