"""Giving memory back: when it is tried, with a told process; and that it helps, in a real one."""

import subprocess
import sys
from dataclasses import dataclass, field

import pytest

from subscriptions.ground.memory import AGAIN, AT_WORK, SELDOM, Memory, ProcessMemory

MB = 1 << 20
SLACK = 64 * MB

# Pieces that stay keep the C library from giving back what was freed between them.
PEAK = """
import asyncio
from subscriptions.ground.memory import AGAIN, Memory, ProcessMemory, resident

async def main():
    memory = Memory(32 << 20, ProcessMemory(steady=iter([0.0, AGAIN]).__next__, used=lambda: 0.0))
    began = resident()
    peak = [b"%d" % number * 4000 for number in range(10_000)]
    kept = peak[::50]
    del peak
    held = resident()
    await memory.look()
    print(held - began, resident() - began, len(kept))

asyncio.run(main())
"""


@dataclass
class Told:
    """A process that holds, uses and frees what it is told."""

    held: int = 100 * MB
    at: float = 0.0
    used: float = 0.0
    frees: int = 0
    trims: list[float] = field(default_factory=list)

    def memory(self, slack: int = SLACK) -> Memory:
        return Memory(
            slack,
            ProcessMemory(resident=lambda: self.held, used=lambda: self.used, steady=lambda: self.at, trim=self._trim),
        )

    def _trim(self) -> None:
        self.trims.append(self.at)
        self.held -= self.frees

    async def live(self, memory: Memory, seconds: int, *, busy: float = 0.0) -> None:
        """Looks each second, using so much of a core meanwhile."""
        for _ in range(seconds):
            self.at += 1
            self.used += busy
            await memory.look()


async def test_a_process_without_a_peak_does_nothing() -> None:
    """Less than the slack beyond the beginning is left alone, at rest as at work; and with a slack of 0 all is."""
    told = Told()
    memory, never = told.memory(), told.memory(0)
    told.held += SLACK - 1
    await told.live(memory, 1000)
    told.held += 1000 * MB
    await told.live(never, 1000)

    assert told.trims == []


async def test_after_a_peak_it_is_given_back_at_rest() -> None:
    """Ten seconds after the last time, and again ten seconds later where there is more."""
    told = Told()
    memory = told.memory()
    for _ in range(2):
        told.held, told.frees = 900 * MB, 780 * MB
        await told.live(memory, int(AGAIN) + 5)

    assert told.trims == [AGAIN, 2 * AGAIN]
    assert told.held == 120 * MB


async def test_where_nothing_is_free_it_is_tried_less_and_less() -> None:
    """What is in use cannot be given back: to try costs something, and so the waits double."""
    told = Told()
    memory = told.memory()
    told.held = 900 * MB
    await told.live(memory, 2000)

    waits = [int(after - before) for before, after in zip([0, *told.trims], told.trims, strict=False)]
    assert waits == [10, 20, 40, 80, 160, *[int(SELDOM)] * 5]


async def test_at_work_it_is_tried_seldom() -> None:
    """A process that works will want again what is free."""
    told = Told()
    memory = told.memory()
    told.held, told.frees = 900 * MB, 0
    await told.live(memory, int(2 * AT_WORK), busy=0.5)

    assert told.trims == [AT_WORK, 2 * AT_WORK]


def test_a_real_process_gives_back_what_it_held() -> None:
    """Of 200 MB that were freed between pieces that stay, next to nothing is held afterwards."""
    if not sys.platform.startswith("linux"):
        pytest.skip("only Linux tells how much memory a process holds")
    ran = subprocess.run([sys.executable, "-c", PEAK], capture_output=True, text=True, check=True, timeout=60)
    held, left, _ = map(int, ran.stdout.split())

    assert held > 100 * MB
    assert left < held / 4
