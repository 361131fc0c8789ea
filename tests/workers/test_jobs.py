"""What is carried at once: jobs of one kind and key come one at a time, however often they are named."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from uuid import UUID

from delivery.tickets import Job, JobKind
from subscriptions.ground.errors import Unavailable
from tests.delivery.craft import Craft
from tests.workers.carrying import OTHER, engine_of
from workers.job_places import KNOWN, SHARE, Key
from workers.jobs import AT_ONCE, NEW, TRIED, JobRunner

#: Of eight places what one workspace may have.
ONES = AT_ONCE * SHARE // (SHARE + 1)


class Blocked:
    """A carrier that gets no further until it is let go, as one that waits for a lock."""

    def __init__(self) -> None:
        self.under_way: Counter[UUID] = Counter()
        self.carried: list[Job] = []
        self.free = asyncio.Event()
        self._moved = asyncio.Condition()

    async def __call__(self, job: Job) -> None:
        self.under_way[job.key] += 1
        async with self._moved:
            self._moved.notify_all()
        await self.free.wait()
        self.under_way[job.key] -= 1
        async with self._moved:
            self.carried.append(job)
            self._moved.notify_all()

    async def until_begun(self, count: int) -> None:
        async with asyncio.timeout(5), self._moved:
            await self._moved.wait_for(lambda: self.under_way.total() == count)

    async def until_carried(self, count: int) -> None:
        async with asyncio.timeout(5), self._moved:
            await self._moved.wait_for(lambda: len(self.carried) == count)


class Owners:
    """Whose a job is, by thousands of its key; `asked` is how often that was asked."""

    def __init__(self) -> None:
        self.asked = 0

    async def __call__(self, jobs: Sequence[Job]) -> Mapping[Key, str]:
        self.asked += 1
        return {(job.kind, job.key): f"workspace {job.key.int // 1000}" for job in jobs}


def batch(key: int, fence: int = 0) -> Job:
    return Job(kind=JobKind.BATCH, key=UUID(int=key), fence=fence)


async def test_one_at_a_time() -> None:
    """One that gets no further is named again a hundred times: it holds one place, others go on, and it is carried once more."""
    carrier = Blocked()
    jobs = JobRunner(carrier, Owners())
    jobs.begin(batch(1))
    await carrier.until_begun(1)

    for fence in range(100):
        jobs.begin(batch(1, fence))
    jobs.begin(batch(2))
    await carrier.until_begun(2)
    at_once = dict(carrier.under_way)
    carrier.free.set()
    await carrier.until_carried(3)

    assert at_once == {UUID(int=1): 1, UUID(int=2): 1}
    assert sorted((job.key.int, job.fence) for job in carrier.carried) == [(1, 0), (1, 99), (2, 0)]


async def test_a_few_at_a_time() -> None:
    """Of many different ones a few are under way at once; all are carried; cancelled ones are begun no more."""
    carrier = Blocked()
    jobs = JobRunner(carrier, Owners())
    for key in range(AT_ONCE * 2):
        jobs.begin(batch(key))
    await carrier.until_begun(ONES)
    at_once = carrier.under_way.total()

    carrier.free.set()
    await carrier.until_carried(AT_ONCE * 2)
    carrier.free.clear()
    jobs.begin(batch(1))
    await carrier.until_begun(1)
    await jobs.close()

    assert at_once == ONES
    assert len({job.key for job in carrier.carried}) == AT_ONCE * 2


def challenge(key: int, fence: int = 0) -> Job:
    return Job(kind=JobKind.CHALLENGE, key=UUID(int=key), fence=fence)


async def test_hanging_challenges_hold_up_nobody() -> None:
    """Challenges that hang in any number leave places for first ones of others, and for jobs of every other kind."""
    carrier = Blocked()
    jobs = JobRunner(carrier, Owners())
    for key in range(TRIED * 2):
        # Each of another workspace, so that none is held to its share.
        jobs.begin(challenge(1000 * key, fence=2))
    await carrier.until_begun(TRIED)

    jobs.begin(challenge(1))
    for key, kind in enumerate((JobKind.SPREAD, JobKind.JOB, JobKind.BATCH), start=2):
        jobs.begin(Job(kind=kind, key=UUID(int=key), fence=0))
    await carrier.until_begun(TRIED + 4)

    assert {key.int for key, count in carrier.under_way.items() if count and key.int % 1000} == {1, 2, 3, 4}
    carrier.free.set()
    await carrier.until_carried(TRIED * 2 + 4)


async def test_workspaces_leave_places(craft: Craft) -> None:
    """As many challenges of one workspace as there are places hang: another's is begun all the same, by a
    word without owner (protocol.md 3.7)."""
    carrier = Blocked()
    engine = engine_of(craft, carrier)
    hanging = await craft.hooks(NEW * 2)
    [waiting] = await craft.hooks(1, workspace=OTHER)
    for webhook in hanging:
        engine.job(Job(kind=JobKind.CHALLENGE, key=webhook, fence=0))
    engine.job(Job(kind=JobKind.CHALLENGE, key=waiting, fence=0))

    await carrier.until_begun(NEW * SHARE // (SHARE + 1) + 1)

    assert carrier.under_way[waiting] == 1
    carrier.free.set()
    await carrier.until_carried(NEW * 2 + 1)
    await engine.close(0.0)


async def test_workspaces_take_turns() -> None:
    """Workspaces take turns, however many of one came first; nobody asks whose they are while there is
    room for all (protocol.md 3.7)."""
    carrier, owners = Blocked(), Owners()
    jobs = JobRunner(carrier, owners)
    for key in range(ONES):
        jobs.begin(batch(key))
    await carrier.until_begun(ONES)
    asked_before = owners.asked

    for key in (*range(100, 150), *range(1000, 1003), *range(2000, 2003)):
        jobs.begin(batch(key))
    await carrier.until_begun(AT_ONCE)
    carrier.free.set()
    await carrier.until_carried(ONES + 56)

    order = [job.key.int // 1000 for job in carrier.carried]
    assert (asked_before, owners.asked) == (0, 1)
    # The others' six among the first after what was under way, not behind the fifty.
    assert max(place for place, workspace in enumerate(order) if workspace) < ONES + 20


async def test_too_many() -> None:
    """Of more jobs than are waited with those of the workspace with most are dropped, and no others."""
    carrier = Blocked()
    jobs = JobRunner(carrier, Owners())
    for key in range(900):
        jobs.begin(batch(key))
        await asyncio.sleep(0)
    for key in range(1000, 1020):
        jobs.begin(batch(key))
    await carrier.until_begun(AT_ONCE)
    carrier.free.set()
    await carrier.until_carried(ONES + KNOWN)

    assert sum(job.key.int >= 1000 for job in carrier.carried) == 20
    assert not any(carrier.under_way.values())


async def test_owners_unknown() -> None:
    """While nobody can tell whose jobs are those without a place are left to the sweep, and the next ones are carried."""
    carrier, owners = Blocked(), Owners()

    async def away(_: Sequence[Job]) -> Mapping[Key, str]:
        raise Unavailable("database", "a test")

    answering: list[Callable[[Sequence[Job]], Awaitable[Mapping[Key, str]]]] = [away]
    jobs = JobRunner(carrier, lambda of: answering[0](of))
    for key in range(AT_ONCE * 2):
        jobs.begin(batch(key))
    await carrier.until_begun(ONES)
    answering[0] = owners
    carrier.free.set()
    await carrier.until_carried(ONES)
    carrier.free.clear()

    for key in range(AT_ONCE * 2):
        jobs.begin(batch(key))
    await carrier.until_begun(ONES)
    carrier.free.set()
    await carrier.until_carried(ONES + AT_ONCE * 2)
