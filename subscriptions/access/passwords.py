"""Passwords of people: hashed with Argon2id in threads of their own, a few at a time.

Whose they are is left to `people.py`, how often one may be wrong to the entrance.
"""

import asyncio
import unicodedata
from bisect import insort
from collections import Counter
from collections.abc import AsyncIterator, Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from subscriptions.ground.database import asking
from subscriptions.ground.errors import Busy, Issue, Refused

T = TypeVar("T")

#: NIST SP 800-63B 5.1.1.2 asks for eight; a password that is the only proof needs more.
SHORTEST, LONGEST = 12, 256
#: Hashes that are made at once, each of which takes 64 MB and a fifth of a second of a core; that wait for one, and of one asker.
AT_ONCE, WAITING, OF_ONE = 1, 64, 2
BUSY = "Too many passwords are being checked just now"


@dataclass(order=True, frozen=True, slots=True)
class _Waiting:
    """Somebody whose turn it is not yet; the first has the lowest doubt, and has waited longest."""

    doubt: int
    serial: int
    turn: asyncio.Future[None] = field(compare=False)


class Passwords:
    """Hashes and checks passwords, off the event loop; the parameters are RFC 9106's second recommendation, but for the lanes:
    one, so that a core is left to whoever publishes."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher(parallelism=1)
        #: Of each asker how many.
        self._under_way: Counter[Hashable] = Counter()
        self._at_work, self._serial = 0, 0
        self._waiting: list[_Waiting] = []

    async def hashed(self, password: str) -> str:
        """The password as it is kept; raises Refused for one that is too short or too long."""
        plain = _normal(password)
        if not SHORTEST <= len(plain) <= LONGEST:
            said = f"must have from {SHORTEST} to {LONGEST} characters"
            raise Refused(Issue(subject="password", description=said))
        return await self._run(lambda: self._hasher.hash(plain))

    async def right(self, kept: str | None, password: str, *, doubt: int = 0) -> bool:
        """Whether it is the one; without a kept one it takes as long, and is wrong.

        Of all who wait those with the least `doubt` come first, whoever came before; raises Busy where too many have no more.
        """
        # What is longer is nobody's, whatever it begins with.
        plain = _normal(password) if len(password) <= LONGEST else ""

        def check() -> bool:
            try:
                return self._hasher.verify(self._nobody if kept is None else kept, plain) and kept is not None
            except (VerificationError, InvalidHashError):
                return False

        return await self._run(check, doubt)

    def dated(self, kept: str) -> bool:
        """Whether it was hashed with other parameters than are used now."""
        return self._hasher.check_needs_rehash(kept)

    def close(self) -> None:
        """Ends the threads."""
        if "_threads" in vars(self):
            self._threads.shutdown(wait=False, cancel_futures=True)

    @cached_property
    def _nobody(self) -> str:
        """What is compared with where there is no such person."""
        return self._hasher.hash("nobody has this password")

    @cached_property
    def _threads(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(AT_ONCE, thread_name_prefix="passwords")

    async def _run(self, work: Callable[[], T], doubt: int = 0) -> T:
        asker = asking()
        if asker and self._under_way[asker] >= OF_ONE:
            raise Busy(BUSY)
        self._under_way[asker] += 1
        try:
            async with self._turn(doubt):
                return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._under_way -= Counter({asker: 1})

    @asynccontextmanager
    async def _turn(self, doubt: int) -> AsyncIterator[None]:
        """Waits for a thread, and has it within the block; raises Busy."""
        if self._at_work < AT_ONCE:
            self._at_work += 1
        else:
            await self._wait(doubt)
        try:
            yield
        finally:
            self._pass_on()

    async def _wait(self, doubt: int) -> None:
        if len(self._waiting) >= WAITING:
            if self._waiting[-1].doubt <= doubt:
                raise Busy(BUSY)
            # Whoever was wrong most often, and came last, makes room.
            self._waiting.pop().turn.set_exception(Busy(BUSY))
        self._serial += 1
        mine = _Waiting(doubt, self._serial, asyncio.get_running_loop().create_future())
        insort(self._waiting, mine)
        try:
            await mine.turn
        except asyncio.CancelledError:
            if mine in self._waiting:
                self._waiting.remove(mine)
            elif mine.turn.done() and not mine.turn.cancelled() and mine.turn.exception() is None:
                self._pass_on()
            raise

    def _pass_on(self) -> None:
        """The thread is free: for the first who waits."""
        while self._waiting:
            turn = self._waiting.pop(0).turn
            if not turn.done():
                turn.set_result(None)
                return
        self._at_work -= 1


def _normal(password: str) -> str:
    """One spelling of what looks the same, whatever the keyboard makes of it (RFC 8265 4.2.1)."""
    return unicodedata.normalize("NFC", password)
