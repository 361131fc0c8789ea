"""Runs the parts of a stack: starts them, waits until they are ready, starts the dead again, stops them in order.

Which parts there are is data (`Part`) and left to `stores.py` and `local.py`.
"""

import asyncio
import os
import signal
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tenacity import AsyncRetrying, RetryCallState, retry_if_result, stop_after_attempt, wait_exponential

from deploy import home
from deploy.home import CannotStart
from deploy.leash import Leash

#: A part that dies this often within the window ends the stack.
DEATHS = 5
WINDOW = 60.0
#: Seconds until a dead part is started again: the first and the longest wait; it doubles between them.
FIRST_PAUSE = 0.2
LONGEST_PAUSE = 5.0
#: Seconds between two looks for logs that have grown too large.
ROTATION = 1.0
#: Seconds that a part may take until it is ready for the first time.
FIRST_READY = 60.0
#: A part reports itself to the keeper before it becomes its program, so that no moment is left in which the supervisor
#: can be killed and the part stays behind. Standard input is the keeper's pipe until then. What a part
#: writes is its owner's alone.
REGISTER = 'umask 077; echo "+ $$ $0" >&0; exec "$@" </dev/null'


@dataclass(frozen=True, kw_only=True)
class Part:
    """One supervised process."""

    #: What the terminal and the log file call it.
    name: str
    #: The program and its arguments; it stays in the foreground.
    argv: tuple[str, ...]
    #: The whole environment of the process.
    environ: Mapping[str, str]
    #: Answers whether the part does its work yet, and does not raise; None: a part that runs is ready.
    ready: Callable[[], Awaitable[bool]] | None = None
    #: User and group ids to run as; None: those of the supervisor.
    owner: tuple[int, int] | None = None
    #: What asks it to stop.
    stop_signal: signal.Signals = signal.SIGTERM
    #: Seconds between that and SIGKILL.
    grace: float = 20.0
    #: What the keeper sends it after the supervisor was killed.
    orphan_signal: signal.Signals = signal.SIGKILL


@dataclass(kw_only=True)
class Running:
    """A part and its present life."""

    part: Part
    #: The id of its process (also of its process group); None between two lives.
    pid: int | None = None
    #: Set while the part is ready.
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    #: Loop times of its deaths within the window.
    deaths: deque[float] = field(default_factory=deque)
    #: True once it is meant to end.
    stopping: bool = False
    task: asyncio.Task[None] | None = None


class Supervisor:
    """Owns the processes of one stack; used by one event loop."""

    def __init__(self, *, logs: Path, held: int, say: Callable[[str], None], rotation: float = ROTATION) -> None:
        """`logs` is where parts write; `held` the descriptor of the data directory's lock; `say` prints one line."""
        self.parts: dict[str, Running] = {}
        self._logs = logs
        self._say = say
        self._leash = Leash(held)
        self._broken: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._hurry = asyncio.Event()
        self._rotating = asyncio.create_task(self._rotate(rotation))

    async def broken(self) -> str:
        """Waits until a part died too often, and says so in a sentence."""
        return await asyncio.shield(self._broken)

    def hurry(self) -> None:
        """From now on whatever is to stop is killed at once."""
        self._hurry.set()

    async def run(self, part: Part) -> None:
        """Runs a part that ends by itself; raises CannotStart where it fails."""
        log = home.log_file(self._logs, part.name)
        offset = log.stat().st_size if log.exists() else 0
        process = await self._spawn(part, log)
        try:
            status = await process.wait()
        except asyncio.CancelledError:
            _kill_group(process.pid)
            await process.wait()
            raise
        finally:
            self._leash.forget(process.pid)
        if status != 0:
            raise CannotStart(f"{part.name} failed ({_reason(status, log, offset)}); more is in {log}.")

    async def start(self, *parts: Part) -> None:
        """Starts parts together and waits until all are ready; raises CannotStart where one does not get there."""
        started = [Running(part=part) for part in parts]
        for running in started:
            self.parts[running.part.name] = running
            running.task = asyncio.create_task(self._supervise(running))
        ready = asyncio.gather(*(running.ready.wait() for running in started))
        first: set[asyncio.Future[Any]] = {ready, self._broken}
        try:
            await asyncio.wait(first, timeout=FIRST_READY, return_when=asyncio.FIRST_COMPLETED)
            if ready.done():
                return
        finally:
            ready.cancel()
            # Collected, for what nobody collects is complained about when the start is interrupted.
            await asyncio.gather(ready, return_exceptions=True)
        if self._broken.done():
            raise CannotStart(self._broken.result())
        slow = next(running.part.name for running in started if not running.ready.is_set())
        raise CannotStart(f"{slow} was not ready within {FIRST_READY:.0f} s; its log is {self._logs / slow}.log.")

    async def stop(self, *names: str) -> None:
        """Stops parts together: asks, waits for their grace, then kills."""
        await asyncio.gather(*(self._stop(self.parts[name]) for name in names if name in self.parts))

    async def close(self) -> None:
        """Stops what still runs, the last started first, and lets the keeper go."""
        for name in reversed(list(self.parts)):
            await self.stop(name)
        self._rotating.cancel()
        await self._leash.close()
        self._broken.cancel()

    async def _rotate(self, interval: float) -> None:
        while True:
            await asyncio.sleep(interval)
            home.rotate(self._logs)

    async def _stop(self, running: Running) -> None:
        if running.task is None or running.task.done():
            return
        if not running.stopping:
            running.stopping = True
            if running.pid is None:
                running.task.cancel()
            else:
                _signal(running.pid, running.part.stop_signal)
        hurry = asyncio.create_task(self._hurry.wait())
        await asyncio.wait({running.task, hurry}, timeout=running.part.grace, return_when=asyncio.FIRST_COMPLETED)
        hurry.cancel()
        if running.pid is not None:
            _kill_group(running.pid)
        await asyncio.wait({running.task})

    async def _supervise(self, running: Running) -> None:
        try:
            await self._lives(running)
        except OSError as error:
            self._give_up(f"{running.part.name} cannot be started ({error.strerror or error}).")

    async def _lives(self, running: Running) -> None:
        """One life after another; only those that ended within the window count as attempts."""
        name = running.part.name

        def mourn(state: RetryCallState) -> None:
            state.attempt_number = _deaths(running)

        def announce(state: RetryCallState) -> None:
            self._say(f"{name} ended ({_result(state)}); it is started again in {state.upcoming_sleep:.1f} s.")

        def give_up(state: RetryCallState) -> None:
            log = home.log_file(self._logs, name)
            self._give_up(f"{name} ended {DEATHS} times within a minute (last: {_result(state)}); its log is {log}.")

        restarting = AsyncRetrying(
            retry=retry_if_result(lambda _reason: not running.stopping),
            after=mourn,
            stop=stop_after_attempt(DEATHS),
            wait=wait_exponential(multiplier=FIRST_PAUSE, max=LONGEST_PAUSE),
            before_sleep=announce,
            retry_error_callback=give_up,
        )
        await restarting(self._live, running)

    async def _live(self, running: Running) -> str:
        """One life of a part; returns why it ended."""
        log = home.log_file(self._logs, running.part.name)
        offset = log.stat().st_size if log.exists() else 0
        process = await self._spawn(running.part, log)
        running.pid = process.pid
        watch = asyncio.create_task(self._watch(running))
        try:
            status = await process.wait()
            return "" if running.stopping else _reason(status, log, offset)
        finally:
            watch.cancel()
            running.ready.clear()
            running.pid = None
            # What the dead part had forked would go on, and hold its port.
            _kill_group(process.pid)
            self._leash.forget(process.pid)

    async def _watch(self, running: Running) -> None:
        ask = running.part.ready
        while ask is not None and not await ask():  # noqa: ASYNC110 -- nothing tells when a server is ready
            await asyncio.sleep(0.05)
        running.ready.set()
        if running.deaths:
            self._say(f"{running.part.name} runs again (process {running.pid}).")

    async def _spawn(self, part: Part, log: Path) -> asyncio.subprocess.Process:
        uid, gid = part.owner or (None, None)
        with open(log, "ab", opener=home.private) as output:  # noqa: ASYNC230 -- a local file, opened to be handed on
            process = await asyncio.create_subprocess_exec(
                "/bin/sh", "-c", REGISTER, str(int(part.orphan_signal)), *part.argv,
                stdin=await self._leash.end(), stdout=output, stderr=output, env=part.environ,
                # A group of its own: Ctrl-C in the terminal reaches the supervisor alone, which stops parts in order.
                start_new_session=True,
                user=uid, group=gid, extra_groups=None if part.owner is None else [],
            )  # fmt: skip
        self._leash.remember(process.pid, part.orphan_signal)
        return process

    def _give_up(self, sentence: str) -> None:
        if not self._broken.done():
            self._broken.set_result(sentence)


def _deaths(running: Running) -> int:
    """How often the part has died within the window, this death included."""
    now = asyncio.get_running_loop().time()
    running.deaths.append(now)
    while running.deaths[0] < now - WINDOW:
        running.deaths.popleft()
    return len(running.deaths)


def _result(state: RetryCallState) -> object:
    return state.outcome.result() if state.outcome is not None else None


def _signal(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def _kill_group(pid: int) -> None:
    # macOS says PermissionError of a group that holds only zombies.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def _reason(status: int, log: Path, offset: int) -> str:
    """Why a process ended, as one reads it: a signal or an exit status, and the last line that it wrote."""
    if status in (-signal.SIGKILL, -signal.SIGTERM):
        # The killed part knew nothing of it; its last line would mislead.
        return signal.Signals(-status).name
    ended = signal.Signals(-status).name if status < 0 else f"exit status {status}"
    said = home.last_line(log, offset)
    return f"{ended}: {said}" if said else ended
