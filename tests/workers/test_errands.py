"""What is carried at once: errands of one kind and key come one at a time, however often they are named."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from uuid import UUID

from delivery.tickets import Errand, Kind
from subscriptions.ground.errors import Unavailable
from tests.delivery.craft import Craft
from tests.workers.carrying import OTHER, engine_of
from workers.jobs import AT_ONCE, NEW, TRIED, Errands
from workers.places import KNOWN, SHARE, Key

#: Of eight places what one workspace may have.
ONES = AT_ONCE * SHARE // (SHARE + 1)


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


class Owners:
    """Whose an errand is, by thousands of its key; `asked` is how often that was asked."""

    def __init__(self) -> None:
        self.asked = 0

    async def __call__(self, errands: Sequence[Errand]) -> Mapping[Key, str]:
        self.asked += 1
        return {(errand.kind, errand.key): f"workspace {errand.key.int // 1000}" for errand in errands}


def batch(key: int, fence: int = 0) -> Errand:
    return Errand(kind=Kind.BATCH, key=UUID(int=key), fence=fence)


async def test_one_at_a_time() -> None:
    """One that gets no further is named again a hundred times: it holds one place, others go on, and it is carried once more."""
    carrier = Blocked()
    errands = Errands(carrier, Owners())
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
    errands = Errands(carrier, Owners())
    for key in range(AT_ONCE * 2):
        errands.begin(batch(key))
    await carrier.until_begun(ONES)
    at_once = carrier.under_way.total()

    carrier.free.set()
    await carrier.until_carried(AT_ONCE * 2)
    carrier.free.clear()
    errands.begin(batch(1))
    await carrier.until_begun(1)
    await errands.close()

    assert at_once == ONES
    assert len({errand.key for errand in carrier.carried}) == AT_ONCE * 2


def challenge(key: int, fence: int = 0) -> Errand:
    return Errand(kind=Kind.CHALLENGE, key=UUID(int=key), fence=fence)


async def test_hanging_challenges_hold_up_nobody() -> None:
    """Challenges that hang in any number leave places for first ones of others, and for errands of every other kind."""
    carrier = Blocked()
    errands = Errands(carrier, Owners())
    for key in range(TRIED * 2):
        # Each of another workspace, so that none is held to its share.
        errands.begin(challenge(1000 * key, fence=2))
    await carrier.until_begun(TRIED)

    errands.begin(challenge(1))
    for key, kind in enumerate((Kind.SPREAD, Kind.JOB, Kind.BATCH), start=2):
        errands.begin(Errand(kind=kind, key=UUID(int=key), fence=0))
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
        engine.errand(Errand(kind=Kind.CHALLENGE, key=webhook, fence=0))
    engine.errand(Errand(kind=Kind.CHALLENGE, key=waiting, fence=0))

    await carrier.until_begun(NEW * SHARE // (SHARE + 1) + 1)

    assert carrier.under_way[waiting] == 1
    carrier.free.set()
    await carrier.until_carried(NEW * 2 + 1)
    await engine.close(0.0)


async def test_turns() -> None:
    """Workspaces take turns, however many of one came first; nobody asks whose they are while there is
    room for all (protocol.md 3.7)."""
    carrier, owners = Blocked(), Owners()
    errands = Errands(carrier, owners)
    for key in range(ONES):
        errands.begin(batch(key))
    await carrier.until_begun(ONES)
    asked_before = owners.asked

    for key in (*range(100, 150), *range(1000, 1003), *range(2000, 2003)):
        errands.begin(batch(key))
    await carrier.until_begun(AT_ONCE)
    carrier.free.set()
    await carrier.until_carried(ONES + 56)

    order = [errand.key.int // 1000 for errand in carrier.carried]
    assert (asked_before, owners.asked) == (0, 1)
    # The others' six among the first after what was under way, not behind the fifty.
    assert max(place for place, workspace in enumerate(order) if workspace) < ONES + 20


async def test_too_many() -> None:
    """Of more errands than are waited with those of the workspace with most are dropped, and no others."""
    carrier = Blocked()
    errands = Errands(carrier, Owners())
    for key in range(900):
        errands.begin(batch(key))
        await asyncio.sleep(0)
    for key in range(1000, 1020):
        errands.begin(batch(key))
    await carrier.until_begun(AT_ONCE)
    carrier.free.set()
    await carrier.until_carried(ONES + KNOWN)

    assert sum(errand.key.int >= 1000 for errand in carrier.carried) == 20
    assert not any(carrier.under_way.values())


async def test_owners_unknown() -> None:
    """While nobody can tell whose errands are those without a place are left to the sweep, and the next ones are carried."""
    carrier, owners = Blocked(), Owners()

    async def away(_: Sequence[Errand]) -> Mapping[Key, str]:
        raise Unavailable("database", "a test")

    answering: list[Callable[[Sequence[Errand]], Awaitable[Mapping[Key, str]]]] = [away]
    errands = Errands(carrier, lambda of: answering[0](of))
    for key in range(AT_ONCE * 2):
        errands.begin(batch(key))
    await carrier.until_begun(ONES)
    answering[0] = owners
    carrier.free.set()
    await carrier.until_carried(ONES)
    carrier.free.clear()

    for key in range(AT_ONCE * 2):
        errands.begin(batch(key))
    await carrier.until_begun(ONES)
    carrier.free.set()
    await carrier.until_carried(ONES + AT_ONCE * 2)
