"""Errands on the engine's loop: spreads, challenges, jobs and batches, a few at a time, of a kind and key one at a time.

What an errand does is left to `delivery/jobs.py` and `delivery/greeting.py`; who hears of one, to `tasks.py`.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from uuid import UUID

from delivery.tickets import Errand, Kind
from subscriptions.errors import Unavailable

log = logging.getLogger("hooklake.workers")

#: Errands of a kind carried at once, and known at most; what is dropped is found by the sweep.
AT_ONCE, KNOWN = 8, 500
#: Challenges at once, which wait for destinations without a connection in hand: first tries, and those after a failed one.
#: Somebody's that never answer, time after time, hold up nobody's first.
NEW, TRIED = 64, 32

Carry = Callable[[Errand], Awaitable[None]]


class Errands:
    """Carries what it is given; of what it has already, once more when that is done.

    Each holds a connection of the pool while it waits for a lock, and the sweep names what is due again and again: were they
    all begun, a lock that a process took with it into a standstill would soon hold every connection of the others. Each kind
    has places of its own: sixteen challenges that were not answered held up everybody's spreads, wakes and batches.
    """

    def __init__(self, carry: Carry) -> None:
        self._carry = carry
        self._carriers = {kind: asyncio.Semaphore(AT_ONCE) for kind in Kind}
        self._new, self._tried = asyncio.Semaphore(NEW), asyncio.Semaphore(TRIED)
        self._tasks: dict[tuple[Kind, UUID], asyncio.Task[None]] = {}
        self._again: dict[tuple[Kind, UUID], Errand] = {}

    def begin(self, errand: Errand) -> None:
        """Has it carried some time; returns at once."""
        key = (errand.kind, errand.key)
        if key in self._tasks:
            self._again[key] = errand
        elif len(self._tasks) < KNOWN:
            self._tasks[key] = asyncio.create_task(self._run(key, errand))

    def cancel(self) -> None:
        """Ends what is under way: each has a lease, or is found by the sweep."""
        for task in self._tasks.values():
            task.cancel()

    async def _run(self, key: tuple[Kind, UUID], errand: Errand) -> None:
        try:
            while True:
                async with self._places(self._again.get(key, errand)):
                    # The newest word counts. What is heard from here on may be too late for this look.
                    errand = self._again.pop(key, errand)
                    await self._carry_one(errand)
                if key not in self._again:
                    return
        finally:
            del self._tasks[key]

    def _places(self, errand: Errand) -> asyncio.Semaphore:
        if errand.kind is not Kind.CHALLENGE:
            return self._carriers[errand.kind]
        # Each claim of a challenge raises its fence.
        return self._tried if errand.fence else self._new

    async def _carry_one(self, errand: Errand) -> None:
        try:
            await self._carry(errand)
        except Unavailable as error:
            log.debug("errand.left kind=%s key=%s cause=%s", errand.kind, errand.key, error)
        except Exception as error:
            log.error("errand.failed kind=%s key=%s", errand.kind, errand.key, exc_info=error)
