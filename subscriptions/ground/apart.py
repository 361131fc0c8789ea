"""Long work on what somebody sent: one at a time, callers by turns, and what is large likewise in a process of its own.

A thread would not do for that: it holds the interpreter, and publications wait. What the work is, is left to its caller.
"""

import asyncio
import os
import pickle
import resource
import subprocess
import sys
from collections.abc import Awaitable, Callable, Hashable
from contextlib import suppress
from contextvars import ContextVar
from typing import Any, ParamSpec, TypeVar, cast

from subscriptions.ground import audit
from subscriptions.ground.errors import Busy, HooklakeError, Issue, Refused, TooLarge
from subscriptions.ground.turns import Turns

P = ParamSpec("P")
T = TypeVar("T")

#: Bytes up to which work is done in a thread of this process, for a few tens of milliseconds; a process takes 0.2 s to begin.
SMALL = 16 * 1024
#: Seconds of a processor, and bytes of memory, that one piece of work may take.
PROCESSOR, MEMORY = 10, 1 << 30
#: Seconds until it is given up, and those that one waits for its turn.
DEADLINE, PATIENCE = 60.0, 25.0
#: Pieces of work of one caller that may wait.
WAITING = 10
#: Whether this is a thread of a process that has other things to do.
_IN_THREAD: ContextVar[bool] = ContextVar("in_thread", default=False)
_BEGIN = "from subscriptions.ground.apart import serve; serve()"


class _LongError(Exception):
    """What was begun in a thread is no work for one."""


def elsewhere() -> None:
    """To be called before what may take long, however small it is: in a thread of `Apart`'s the work ends here, and is begun
    again in a process of its own. Anywhere else nothing happens."""
    if _IN_THREAD.get():
        raise _LongError


class Apart:
    """The long work of one process."""

    def __init__(self, *, processor: int = PROCESSOR, waiting: int = WAITING) -> None:
        #: What is short does not stand behind what is long.
        self._short, self._long = (
            Turns(1, 1, waiting=waiting, of="the reader of documents and schemas") for _ in range(2)
        )
        self._processor = processor

    async def work(self, whose: Hashable, size: int, function: Callable[P, T], *args: P.args, **named: P.kwargs) -> T:
        """What a function makes of so many bytes; it and all it takes and gives have to be picklable.

        Up to SMALL a thread does it, unless it calls `elsewhere`; of 0 bytes, which are our own, in any case. Raises what it
        raises of the house's own errors, TooLarge where it takes too much, TooSoon and Busy for no place. What is refused
        counts as a change that somebody tried.
        """
        try:
            if size <= SMALL:
                with suppress(_LongError):
                    return await self._done(
                        self._short, whose, asyncio.to_thread, _in_thread, size > 0, function, args, named
                    )
            return cast(T, await self._done(self._long, whose, _elsewhere, (self._processor, function, args, named)))
        except Refused:
            audit.tried(size)
            raise

    async def _done(self, line: Turns, whose: Hashable, do: Callable[..., Awaitable[T]], *args: Any) -> T:
        await line.take(whose, PATIENCE)
        try:
            return await do(*args)
        finally:
            line.give(whose)


def _in_thread(watched: bool, function: Callable[..., T], args: Any, named: Any) -> T:
    _IN_THREAD.set(watched)
    return function(*args, **named)


async def _elsewhere(work: tuple[int, Any, Any, Any]) -> Any:
    pipe = subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _BEGIN, stdin=pipe, stdout=pipe, stderr=pipe, env=known_environment()
    )
    try:
        async with asyncio.timeout(DEADLINE):
            answer, wrong = await process.communicate(pickle.dumps(work))
    except TimeoutError:
        raise Busy("This machine has too much else to do to read so large a document or schema now") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    if process.returncode < 0:
        raise _too_much(work[0])
    if process.returncode:
        raise RuntimeError(f"work in a process of its own ended with {process.returncode}: {wrong[-2000:]!r}")
    made, kind, issues = pickle.loads(answer)
    if kind is MemoryError:
        raise _too_much(work[0])
    if kind is not None:
        raise kind(*issues)
    return made


def known_environment() -> dict[str, str]:
    """All that another process knows of this one's environment, which has secrets."""
    return {"PYTHONPATH": os.pathsep.join(each for each in sys.path if each), "PYTHONUTF8": "1"}


def serve() -> None:
    """What the process does: one piece of work from its input to its output, within limits, after everything else."""
    processor, function, args, named = pickle.load(sys.stdin.buffer)
    os.nice(10)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (processor, processor + 1))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    answer: tuple[Any, type[BaseException] | None, tuple[Any, ...]]
    try:
        answer = function(*args, **named), None, ()
    except MemoryError:
        answer = None, MemoryError, ()
    except Refused as refused:
        answer = None, type(refused), refused.issues
    except HooklakeError as error:
        answer = None, type(error), error.args
    sys.stdout.buffer.write(pickle.dumps(answer))
    sys.stdout.buffer.flush()


def _too_much(processor: int) -> TooLarge:
    said = f"takes more than {processor} seconds of a processor, or {MEMORY >> 20:,} MiB of memory, to read: make it simpler"
    return TooLarge(Issue(subject="/", description=said))
