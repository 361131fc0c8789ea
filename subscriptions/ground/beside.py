"""Work in one process of its own that stays, with what it keeps from one piece to the next: one at a time, callers by turns.

What is done once, and takes long, is left to `apart.py`: a process for each piece. What the work is, is left to its caller.
"""

import asyncio
import os
import pickle
import resource
import signal
import struct
import sys
import traceback
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Hashable
from typing import Any, BinaryIO, ParamSpec, TypeVar, cast

from subscriptions.ground import overdue
from subscriptions.ground.apart import MEMORY, known_environment
from subscriptions.ground.errors import Busy, HooklakeError, Refused
from subscriptions.ground.overdue import OverdueWork
from subscriptions.ground.turns import Turns

P = ParamSpec("P")
T = TypeVar("T")

#: Seconds of a processor that a piece may take: then the process ends, and with it what cannot be interrupted.
PROCESSOR = 1.0
#: Seconds until a piece is given up for want of a processor, those that one waits for its turn, and after which a process that
#: nobody asks ends.
DEADLINE, PATIENCE, IDLE = 10.0, 25.0, 120.0
#: Pieces of work of one caller that may wait.
WAITING = 200
_LENGTH = struct.Struct(">Q")
_BEGIN = "from subscriptions.ground.beside import serve; serve({})"


class Overdue(Busy):
    """A piece of work came to its deadline, or ended the process that did it: again it would do so again."""


class _LateError(Busy):
    """A piece of work came to no end in time, for want of a processor or for its own sake."""


class Beside:
    """A process that begins with the first piece of work.

    A caller whose piece came to its deadline waits for a while before the next is begun for it (`overdue.py`).
    """

    def __init__(
        self,
        *,
        of: str,
        processor: float = PROCESSOR,
        deadline: float = DEADLINE,
        idle: float = IDLE,
        waiting: int = WAITING,
    ) -> None:
        """`of` is what one waits for, in words."""
        self._processor = processor
        self._overdue = OverdueWork(of)
        self._turns = Turns(1, 1, waiting=waiting, of=of)
        self._of = of
        self._deadline = deadline
        self._idle = idle
        self._process: Process | None = None
        self._ending: asyncio.TimerHandle | None = None
        #: One that nobody asked any more, until it has ended.
        self._ended: asyncio.Future[int] | None = None

    async def work(
        self, whose: Hashable, about: Hashable, function: Callable[P, T], *args: P.args, **named: P.kwargs
    ) -> T:
        """What a function makes there, which with all it takes and gives has to be picklable; `about` is what makes it long.

        Raises what it raises of the house's own errors, Overdue where it takes too much or the process dies of it, TooSoon where
        something like it did so a short time ago, Busy and TooSoon for no place or no processor.
        """
        self._overdue.check(whose, about)
        await self._turns.take(whose, PATIENCE)
        try:
            # What was before it in the line may have been like it.
            self._overdue.check(whose, about)
            return cast(T, await self._done(pickle.dumps((function, args, named))))
        except Overdue:
            self._overdue.note(whose, about)
            raise
        except _LateError:
            # Perhaps it is the machine that has no time.
            self._overdue.note(whose, about, seconds=overdue.REST)
            raise
        finally:
            self._turns.give(whose)

    async def close(self) -> None:
        """Ends the process."""
        if self._ending is not None:
            self._ending.cancel()
        if self._ended is not None:
            await self._ended
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            process.kill()
            await process.wait()

    async def _done(self, piece: bytes) -> Any:
        try:
            async with asyncio.timeout(self._deadline):
                answer = await self._answered(piece)
        except TimeoutError:
            await self.close()
            raise _LateError(f"There is too much else to do for {self._of}, or what was asked takes too long") from None
        except asyncio.IncompleteReadError:
            await self.close()
            said = f"What was asked takes more than {self._processor:g} s of a processor, or a GiB of memory, of {self._of}"
            raise Overdue(said) from None
        except ConnectionError:
            # It had ended before it was asked.
            await self.close()
            raise Busy(f"There is too much else to do for {self._of}") from None
        except BaseException:
            # Its answer would be taken for that of the next piece.
            await self.close()
            raise
        self._rest()
        made, kind, issues = pickle.loads(answer)
        if kind is RuntimeError:
            raise RuntimeError(f"work beside this process failed: {issues[0]}")
        if kind is not None:
            raise kind(*issues)
        return made

    async def _answered(self, piece: bytes) -> bytes:
        if self._ending is not None:
            self._ending.cancel()
        if self._process is None or self._process.returncode is not None:
            command = (sys.executable, "-c", _BEGIN.format(self._processor))
            self._process = await asyncio.create_subprocess_exec(
                *command, stdin=PIPE, stdout=PIPE, env=known_environment()
            )
        asked, answers = self._process.stdin, self._process.stdout
        assert asked is not None
        assert answers is not None
        asked.write(_LENGTH.pack(len(piece)) + piece)
        await asked.drain()
        [length] = _LENGTH.unpack(await answers.readexactly(_LENGTH.size))
        return await answers.readexactly(length)

    def _rest(self) -> None:
        process = self._process

        def end() -> None:
            if process is not None and process is self._process and process.returncode is None:
                # At once: a piece that comes now begins another one.
                self._process = None
                process.kill()
                self._ended = asyncio.ensure_future(process.wait())

        self._ending = asyncio.get_running_loop().call_later(self._idle, end)


def serve(processor: float) -> None:
    """What the process does: one piece of work after another, until its input ends, within limits, after everything else."""
    os.nice(10)
    # The system ends the process: no signal of Python's is heard while another language computes.
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    while (piece := _read(sys.stdin.buffer)) is not None:
        signal.setitimer(signal.ITIMER_PROF, processor)
        answer = pickle.dumps(_made(piece))
        signal.setitimer(signal.ITIMER_PROF, 0)
        sys.stdout.buffer.write(_LENGTH.pack(len(answer)) + answer)
        sys.stdout.buffer.flush()


def _read(source: BinaryIO) -> bytes | None:
    head = source.read(_LENGTH.size)
    return source.read(_LENGTH.unpack(head)[0]) if len(head) == _LENGTH.size else None


def _made(piece: bytes) -> tuple[Any, type[Exception] | None, tuple[Any, ...]]:
    try:
        function, args, named = pickle.loads(piece)
        return function(*args, **named), None, ()
    except Refused as refused:
        return None, type(refused), refused.issues
    except HooklakeError as error:
        return None, type(error), error.args
    except MemoryError:
        return None, Busy, ("There is too little memory for what was asked",)
    except Exception:
        return None, RuntimeError, (traceback.format_exc(limit=-5)[-2000:],)
