"""Passwords of people: hashed with Argon2id in threads of their own, a few at a time.

Whose they are is left to `people.py`, how often one may be wrong to the entrance.
"""

import asyncio
import unicodedata
from collections import Counter
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
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


class Passwords:
    """Hashes and checks passwords, off the event loop; the parameters are RFC 9106's second recommendation, but for the lanes:
    one, so that a core is left to whoever publishes."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher(parallelism=1)
        #: Of each asker how many.
        self._under_way: Counter[Hashable] = Counter()

    async def hashed(self, password: str) -> str:
        """The password as it is kept; raises Refused for one that is too short or too long."""
        plain = _normal(password)
        if not SHORTEST <= len(plain) <= LONGEST:
            said = f"must have from {SHORTEST} to {LONGEST} characters"
            raise Refused(Issue(subject="password", description=said))
        return await self._run(lambda: self._hasher.hash(plain))

    async def right(self, kept: str | None, password: str) -> bool:
        """Whether it is the one; without a kept one it takes as long, and is wrong. Raises Busy where too many wait."""
        # What is longer is nobody's, whatever it begins with.
        plain = _normal(password) if len(password) <= LONGEST else ""

        def check() -> bool:
            try:
                return self._hasher.verify(self._nobody if kept is None else kept, plain) and kept is not None
            except (VerificationError, InvalidHashError):
                return False

        return await self._run(check)

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

    async def _run(self, work: Callable[[], T]) -> T:
        asker = asking()
        if self._under_way.total() >= AT_ONCE + WAITING or (asker and self._under_way[asker] >= OF_ONE):
            raise Busy("Too many passwords are being checked just now")
        self._under_way[asker] += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._under_way -= Counter({asker: 1})


def _normal(password: str) -> str:
    """One spelling of what looks the same, whatever the keyboard makes of it (RFC 8265 4.2.1)."""
    return unicodedata.normalize("NFC", password)
