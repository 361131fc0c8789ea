"""Places for jobs: of each workspace only a share, so that one whose jobs hang holds up nobody else's; and by turns.

What is carried in a place is left to `jobs.py`, whose a job is to `delivery/upkeep/jobs.py`. The rule is protocol.md 3.7.
"""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from uuid import UUID

from delivery.tickets import Job, JobKind

#: A workspace gets another place while it holds fewer than so many times those that are free: three quarters of all for the
#: first, three quarters of what that leaves for the next.
SHARE = 3
#: Jobs that wait for a place at most; what is dropped is found by the sweep.
KNOWN = 500

Key = tuple[JobKind, UUID]
#: The workspace of each job; "" where it is none's. Raises Unavailable.
Owners = Callable[[Sequence[Job]], Awaitable[Mapping[Key, str]]]


def key_of(job: Job) -> Key:
    """What a job is known by."""
    return job.kind, job.key


class _Waiter:
    """A job without a place."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.given: asyncio.Future[None] = asyncio.get_running_loop().create_future()


class JobPlaces:
    """So many of them on one loop.

    A message does not say whose its job is, for it need not be known before places grow short: only then it is asked,
    once for all that have come meanwhile.
    """

    def __init__(self, most: int, owners: Owners) -> None:
        self._most = most
        self._owners = owners
        #: With whose each is, where that is known.
        self._held: dict[Key, tuple[Job, str | None]] = {}
        self._arrived: list[_Waiter] = []
        #: By workspace, the next one's turn first.
        self._waiting: dict[str, deque[_Waiter]] = {}
        self._sorting: asyncio.Task[None] | None = None

    @property
    def full(self) -> bool:
        """Whether one more would not be waited with."""
        return len(self._arrived) >= KNOWN

    @asynccontextmanager
    async def place(self, job: Job) -> AsyncIterator[None]:
        """Holds a place, once there is one; raises what asking for its workspace raises.

        Cancels the caller where too many wait, most of them of the same workspace.
        """
        key = key_of(job)
        if self._sorting or self._waiting or len(self._held) >= SHARE * (self._most - len(self._held)):
            await self._turn(job)
        else:
            self._held[key] = job, None
        try:
            yield
        finally:
            del self._held[key]
            self._hand_out()

    async def _turn(self, job: Job) -> None:
        waiter = _Waiter(job)
        self._arrived.append(waiter)
        if self._sorting is None:
            self._sorting = asyncio.create_task(self._sort())
        try:
            await waiter.given
        except BaseException:
            # It may have got one as its task was ended.
            if self._held.pop(key_of(job), None) is not None:
                self._hand_out()
            raise

    async def _sort(self) -> None:
        while self._arrived:
            # Those that have come by now as well: a message brings many.
            await asyncio.sleep(0)
            arrived, self._arrived = self._arrived, []
            unknown = [job for job, owner in self._held.values() if owner is None]
            try:
                owners = await self._owners([*unknown, *(waiter.job for waiter in arrived)])
            except Exception as error:
                for waiter in arrived:
                    if not waiter.given.done():
                        waiter.given.set_exception(error)
                continue
            for key, (job, owner) in self._held.items():
                self._held[key] = job, owners.get(key, "") if owner is None else owner
            for waiter in arrived:
                self._waiting.setdefault(owners.get(key_of(waiter.job), ""), deque()).append(waiter)
            self._drop()
            self._hand_out()
        self._sorting = None

    def _drop(self) -> None:
        """Those of the workspace with most go, its newest first."""
        many = sum(map(len, self._waiting.values())) - KNOWN
        for _ in range(many):
            max(self._waiting.values(), key=len).pop().given.cancel()
        self._waiting = {owner: waiters for owner, waiters in self._waiting.items() if waiters}

    def _hand_out(self) -> None:
        """Gives what is free to the workspaces that may have more, by turns."""
        held = Counter(owner for _, owner in self._held.values()) if self._waiting else Counter()
        turns = deque(self._waiting)
        while turns:
            owner = turns.popleft()
            if held[owner] >= SHARE * (self._most - len(self._held)):
                continue
            waiters = self._waiting.pop(owner)
            waiter = waiters.popleft()
            if waiters:
                # Behind all others, until they have had theirs.
                self._waiting[owner] = waiters
                turns.append(owner)
            if not waiter.given.done():
                waiter.given.set_result(None)
                self._held[key_of(waiter.job)] = waiter.job, owner
                held[owner] += 1

    def close(self) -> None:
        """Asks no more; whoever waits is cancelled by its own task."""
        if self._sorting is not None:
            self._sorting.cancel()
