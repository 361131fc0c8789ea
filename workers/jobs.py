"""Jobs on the engine's loop: spreads, challenges, jobs and batches, a few at a time, of a kind and key one at a time.

What a job does is left to `delivery/upkeep/jobs.py` and `delivery/verification/webhook_lifecycle.py`; whose turn
it is, to `job_places.py`; who hears of one, to `tasks.py`.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from delivery.tickets import Job, JobKind
from subscriptions.ground.errors import Unavailable
from workers.job_places import JobPlaces, Key, Owners, key_of

log = logging.getLogger("hooklake.workers")

#: Jobs of a kind carried at once.
AT_ONCE = 8
#: Challenges at once, which wait for destinations without a connection in hand: first attempts, and those after a failed one.
#: Somebody's that never answer, time after time, hold up nobody's first.
NEW, TRIED = 64, 32
#: Seconds that what is ended has to let go of its connections.
LAST = 1.0

Carry = Callable[[Job], Awaitable[None]]


class JobRunner:
    """Carries what it is given; of what it has already, once more when that is done.

    Each holds a connection of the pool while it waits for a lock, and the sweep names what is due again and again: were they
    all begun, a lock that a process took with it into a standstill would soon hold every connection of the others. Each kind
    has places of its own: sixteen challenges that were not answered held up everybody's spreads, wakes and batches.
    """

    def __init__(self, carry: Carry, owners: Owners) -> None:
        self._carry = carry
        self._places = {kind: JobPlaces(AT_ONCE, owners) for kind in JobKind}
        self._new, self._tried = JobPlaces(NEW, owners), JobPlaces(TRIED, owners)
        self._tasks: dict[Key, asyncio.Task[None]] = {}
        self._again: dict[Key, Job] = {}

    def begin(self, job: Job) -> None:
        """Has it carried some time; returns at once."""
        key = key_of(job)
        if key in self._tasks:
            self._again[key] = job
        elif not self._places_of(job).full:
            self._tasks[key] = asyncio.create_task(self._run(key, job))

    async def close(self) -> None:
        """Ends what is under way, within `LAST` seconds: each has a lease, or is found by the sweep."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        for places in (*self._places.values(), self._new, self._tried):
            places.close()
        if tasks:
            await asyncio.wait(tasks, timeout=LAST)

    async def _run(self, key: Key, job: Job) -> None:
        try:
            named: Job | None = job
            while named is not None:
                await self._carry_one(key, named)
                named = self._again.pop(key, None)
        finally:
            self._again.pop(key, None)  # where it was ended
            del self._tasks[key]

    def _places_of(self, job: Job) -> JobPlaces:
        if job.kind is not JobKind.CHALLENGE:
            return self._places[job.kind]
        # Each claim of a challenge raises its fence.
        return self._tried if job.fence else self._new

    async def _carry_one(self, key: Key, job: Job) -> None:
        try:
            async with self._places_of(job).place(job):
                # The newest word counts. What is heard from here on may be too late for this look.
                await self._carry(self._again.pop(key, job))
        except Unavailable as error:
            log.debug("job.left kind=%s key=%s cause=%s", job.kind, job.key, error)
        except Exception as error:
            log.error("job.failed kind=%s key=%s", job.kind, job.key, exc_info=error)
