"""Giving memory back after a peak: the C library keeps what is freed between what is not, and a process that held much once holds
it for ever.

What may be held is bounded where it is taken.
"""

import asyncio
import ctypes
import gc
import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass

log = logging.getLogger("hooklake.process")

#: Part of a core that a process at rest uses at most.
REST = 0.1
#: Seconds between two times at rest, doubled where one gave back little, and the most; and between two while it works.
AGAIN, SELDOM, AT_WORK = 10.0, 300.0, 600.0


def resident() -> int:
    """Bytes of memory that the system has given this process; 0 where it does not say (Linux does)."""
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0


def _trim() -> None:
    """Gives back all pages that hold nothing (glibc; other C libraries have no such call, and keep less)."""
    if trim := getattr(ctypes.CDLL(None), "malloc_trim", None):
        trim(0)


@dataclass(frozen=True, kw_only=True)
class ProcessMemory:
    """What is asked of a process, and what is done with it."""

    #: Bytes.
    resident: Callable[[], int] = resident
    #: Seconds of processors that it has used.
    used: Callable[[], float] = time.process_time
    steady: Callable[[], float] = time.monotonic
    #: Takes some ms for each 100 MB, and may be called in a thread.
    trim: Callable[[], None] = _trim


class Memory:
    """What a process holds beyond what it began with; looked at once in a while, on its loop."""

    def __init__(self, slack: int, process: ProcessMemory | None = None) -> None:
        """From `slack` bytes more than at the beginning on, memory is given back; 0: never."""
        self._slack = slack
        self._process = process or ProcessMemory()
        self._began = self._process.resident()
        self._looked_at, self._used = self._process.steady(), self._process.used()
        self._gave_at, self._wait = self._looked_at, AGAIN

    async def look(self) -> None:
        """Gives back what is free, where that may be much: at rest, or seldom."""
        process = self._process
        now, used = process.steady(), process.used()
        rests = used - self._used <= REST * (now - self._looked_at)
        self._looked_at, self._used = now, used
        held = process.resident()
        if (
            not self._slack
            or held - self._began < self._slack
            or now - self._gave_at < (self._wait if rests else AT_WORK)
        ):
            return
        self._gave_at = now
        if rests:
            # Here: what is found may belong to the loop.
            gc.collect()
        # In a thread, for while it takes the loop can do all that needs no new memory.
        await asyncio.to_thread(process.trim)
        left = process.resident()
        self._wait = AGAIN if held - left >= self._slack / 2 else min(2 * self._wait, SELDOM)
        log.info("memory.given_back from=%d to=%d MB", held >> 20, left >> 20)
