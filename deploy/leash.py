"""The supervisor's end of the pipe to its keeper, which ends the parts when the supervisor is killed.

What the keeper does then is left to `keeper.py`; starting and stopping parts to `supervisor.py`.
"""

import asyncio
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

KEEPER = Path(__file__).with_name("keeper.py")


class Leash:
    """Keeps one keeper running, and told of every part that lives."""

    def __init__(self, held: int) -> None:
        """`held` is the descriptor of the data directory's lock: the keeper has it too, until the last part is gone."""
        self._held = held
        self._parts: dict[int, signal.Signals] = {}
        self._pipe = -1
        self._keeper: asyncio.subprocess.Process | None = None
        self._task: asyncio.Task[None] | None = None
        self._starting = asyncio.Lock()

    async def end(self) -> int:
        """The pipe's end that a starting part reports itself on; starts the keeper where none runs."""
        async with self._starting:
            if self._keeper is None:
                await self._start()
        return self._pipe

    def remember(self, pid: int, number: signal.Signals) -> None:
        """Notes a part that reported itself, to tell the next keeper where this one is killed."""
        self._parts[pid] = number

    def forget(self, pid: int) -> None:
        """Tells the keeper that a part ended."""
        self._parts.pop(pid, None)
        self._tell(f"- {pid}\n")

    async def close(self) -> None:
        """Lets the keeper go; it ends whatever it was not told has ended."""
        if self._task is not None:
            self._task.cancel()
        if self._keeper is not None:
            self._hang_up()
            await self._keeper.wait()

    async def _start(self) -> None:
        reading, self._pipe = os.pipe()
        try:
            self._keeper = await asyncio.create_subprocess_exec(
                sys.executable, "-I", "-S", str(KEEPER),
                stdin=reading, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
                # A group of its own: what kills the supervisor's group leaves the keeper to its work.
                pass_fds=(self._held,), start_new_session=True,
            )  # fmt: skip
        finally:
            os.close(reading)
        for pid, number in self._parts.items():
            self._tell(f"+ {pid} {int(number)}\n")
        self._task = asyncio.create_task(self._replace(self._keeper))

    async def _replace(self, keeper: asyncio.subprocess.Process) -> None:
        await keeper.wait()
        self._hang_up()
        self._keeper = None
        await asyncio.sleep(0.2)
        await self.end()

    def _hang_up(self) -> None:
        os.close(self._pipe)
        self._pipe = -1

    def _tell(self, line: str) -> None:
        with suppress(OSError):
            os.write(self._pipe, line.encode())
