"""What is carried at once: errands of one kind and key come one at a time, however often they are named."""

import asyncio
from collections import Counter
from uuid import UUID

from delivery.tickets import Errand, Kind
from workers.errands import AT_ONCE, NEW, TRIED, Errands


class Blocked:
    """A carrier that gets no further until it is let go, as one that waits for a lock."""

    def __init__(self) -> None:
        self.under_way: Counter[UUID] = Counter()
        self.carried: list[Errand] = []
        self.free = asyncio.Event()
        self._moved = asyncio.Condition()

    async def __call__(self, errand: Errand) -> None:
        self.under_way[errand.key] += 1
        async with self._moved:
            self._moved.notify_all()
        await self.free.wait()
        self.under_way[errand.key] -= 1
        async with self._moved:
            self.carried.append(errand)
            self._moved.notify_all()

    async def until_begun(self, count: int) -> None:
        async with asyncio.timeout(5), self._moved:
            await self._moved.wait_for(lambda: self.under_way.total() == count)

    async def until_carried(self, count: int) -> None:
        async with asyncio.timeout(5), self._moved:
            await self._moved.wait_for(lambda: len(self.carried) == count)


def batch(key: int, fence: int = 0) -> Errand:
    return Errand(kind=Kind.BATCH, key=UUID(int=key), fence=fence)


async def test_one_at_a_time() -> None:
    """One that gets no further is named again a hundred times: it holds one place, others go on, and it is carried once more."""
    carrier = Blocked()
    errands = Errands(carrier)
    errands.begin(batch(1))
    await carrier.until_begun(1)

    for fence in range(100):
        errands.begin(batch(1, fence))
    errands.begin(batch(2))
    await carrier.until_begun(2)
    at_once = dict(carrier.under_way)
    carrier.free.set()
    await carrier.until_carried(3)

    assert at_once == {UUID(int=1): 1, UUID(int=2): 1}
    assert sorted((errand.key.int, errand.fence) for errand in carrier.carried) == [(1, 0), (1, 99), (2, 0)]


async def test_a_few_at_a_time() -> None:
    """Of many different ones a few are under way at once; all are carried; cancelled ones are begun no more."""
    carrier = Blocked()
    errands = Errands(carrier)
    for key in range(AT_ONCE * 2):
        errands.begin(batch(key))
    await carrier.until_begun(AT_ONCE)
    at_once = carrier.under_way.total()

    carrier.free.set()
    await carrier.until_carried(AT_ONCE * 2)
    carrier.free.clear()
    errands.begin(batch(1))
    await carrier.until_begun(1)
    errands.cancel()

    assert at_once == AT_ONCE
    assert len({errand.key for errand in carrier.carried}) == AT_ONCE * 2


def challenge(key: int, fence: int = 0) -> Errand:
    return Errand(kind=Kind.CHALLENGE, key=UUID(int=key), fence=fence)


async def test_hanging_challenges_hold_up_nobody() -> None:
    """Challenges that hang in any number leave places for first ones of others, and for errands of every other kind."""
    carrier = Blocked()
    errands = Errands(carrier)
    for key in range(NEW + TRIED):
        errands.begin(challenge(key, fence=2))
    await carrier.until_begun(TRIED)

    errands.begin(challenge(1000))
    for key, kind in enumerate((Kind.SPREAD, Kind.JOB, Kind.BATCH), start=2000):
        errands.begin(Errand(kind=kind, key=UUID(int=key), fence=0))
    await carrier.until_begun(TRIED + 4)

    assert {key.int for key, count in carrier.under_way.items() if count and key.int >= 1000} == {
        1000,
        2000,
        2001,
        2002,
    }
    carrier.free.set()
    await carrier.until_carried(NEW + TRIED + 4)
