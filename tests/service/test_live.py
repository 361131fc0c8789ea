"""What happens now, for all who look: heard once, made once for each workspace, and never waited for."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, nullcontext
from uuid import UUID

import pytest

from service import live as lives
from service.live import Live, Watcher
from subscriptions.ground.errors import TooSoon, Unavailable
from tests.service.callers import OTHER_WORKSPACE, WORKSPACE

WEBHOOK, EVENT = "a" * 32, "b" * 32


class Told:
    """What the workers say: texts that a test puts in; `None` loses the way to them."""

    def __init__(self) -> None:
        self.texts: asyncio.Queue[str | None] = asyncio.Queue()
        #: How often somebody began to listen.
        self.begun = 0

    async def ear(self, heard: Callable[[str], None]) -> None:
        self.begun += 1
        while (text := await self.texts.get()) is not None:
            heard(text)
        raise Unavailable("broker", "it went away")

    def say(self, workspace: str, delivered: int = 1, failed: int = 0, retried: int = 0) -> None:
        state = "delivered" if delivered else "failed"
        counts = [workspace, WEBHOOK, delivered, failed, retried]
        self.texts.put_nowait(
            json.dumps({"n": [counts], "d": [[workspace, WEBHOOK, EVENT, 0, state, 200 if delivered else None, 12]]})
        )

    def say_of(self, webhook: UUID, event: UUID) -> None:
        """One delivery of the workspace."""
        of = [WORKSPACE, webhook.hex]
        self.texts.put_nowait(json.dumps({"n": [[*of, 1, 0, 0]], "d": [[*of, event.hex, 0, "delivered", 200, 12]]}))


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Told:
    monkeypatch.setattr(lives, "TICK", 0.01)
    monkeypatch.setattr(lives, "AGAIN", 0.01)
    return Told()


@pytest.fixture
async def live(told: Told) -> AsyncIterator[Live]:
    hub = Live(told.ear, per_person=50)
    yield hub
    await hub.close()


async def read(watcher: Watcher) -> tuple[str, dict[str, object]]:
    """The next piece: its id and what it says."""
    async with asyncio.timeout(10):
        piece = (await watcher.piece()).decode()
    lines = dict(line.split(": ", 1) for line in piece.strip().splitlines())
    return lines.get("id", ""), json.loads(lines["data"]) | {"event": lines["event"]}


async def test_fifty_who_look_cost_what_one_does(live: Live, told: Told) -> None:
    """However many watch a workspace, its bytes are made once, of what all workers said meanwhile."""
    with ExitStack() as stack:
        watchers = [stack.enter_context(live.watch("ada", WORKSPACE)) for _ in range(50)]
        told.say(WORKSPACE)
        told.say(WORKSPACE, 0, 1)
        said = [await read(watcher) for watcher in watchers]

        assert live.made == 1
    assert {identity for identity, _ in said} == {said[0][0]}
    assert (said[0][1]["delivered"], said[0][1]["failed"], said[0][1]["webhooks"]) == (1, 1, {WEBHOOK: [1, 1, 0]})
    assert told.begun == 1


async def test_nobody_is_told_of_another_workspace(live: Live, told: Told) -> None:
    """A workspace's watcher hears of it alone, an operator's of all."""
    with (
        live.watch("ada", WORKSPACE) as ours,
        live.watch("eve", OTHER_WORKSPACE) as theirs,
        live.watch("op", None) as both,
    ):
        told.say(WORKSPACE)
        told.say(OTHER_WORKSPACE, 5)

        mine, other, everything = [(await read(each))[1] for each in (ours, theirs, both)]

    assert [each["delivered"] for each in (mine, other, everything)] == [1, 5, 6]
    assert [len(each["attempts"]) for each in (mine, other, everything)] == [1, 1, 2]  # type: ignore[arg-type]


async def test_who_does_not_read_is_told_that_he_missed_something(live: Live, told: Told) -> None:
    """What waits for a watcher is bounded: for more it goes, and he is told so."""
    with live.watch("ada", WORKSPACE) as watcher:
        for n in range(lives.WAITING + 1):
            watcher.put(b"piece %d" % n)

        assert await watcher.piece() == lives.MISSED


async def test_who_comes_back_is_told_whether_he_missed_something(live: Live, told: Told) -> None:
    """By the id of the last piece that he saw: with nothing since, nothing is said."""
    with live.watch("op", None) as staying:
        told.say(WORKSPACE)
        first, _ = await read(staying)
        with live.watch("ada", WORKSPACE, first) as same, live.watch("eve", OTHER_WORKSPACE, first) as other:
            told.say(WORKSPACE)
            second, news = await read(same)
            assert news["event"] == "happened"
            assert second != first
        with live.watch("ada", WORKSPACE, first) as late, live.watch("eve", OTHER_WORKSPACE, first) as other:
            assert (await read(late))[1]["event"] == "missed"
            told.say(OTHER_WORKSPACE)
            assert (await read(other))[1]["event"] == "happened"
        with live.watch("ada", WORKSPACE, "of another process-7") as stranger:
            assert (await read(stranger))[1]["event"] == "missed"


async def test_the_way_to_the_workers_may_be_lost(live: Live, told: Told) -> None:
    """It is sought again, and whoever looks is told that he may have missed something."""
    with live.watch("ada", WORKSPACE) as watcher:
        told.texts.put_nowait("no text of ours")
        told.texts.put_nowait(None)

        assert (await read(watcher))[1]["event"] == "missed"
        told.say(WORKSPACE)
        assert (await read(watcher))[1]["delivered"] == 1
    assert told.begun == 2


async def test_one_person_has_so_many(told: Told) -> None:
    """One more is refused, and somebody else's is not; a place that was left is free."""
    hub = Live(told.ear, per_person=2)
    with hub.watch("ada", None), hub.watch("ada", None), hub.watch("eve", None):
        for person, free in {"ada": False, "eve": True}.items():
            with nullcontext() if free else pytest.raises(TooSoon, match="2 pages at once"):
                hub.vet(person)
    hub.vet("ada")
    await hub.close()


async def test_nobody_listens_for_nobody(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    """What listens ends a while after the last who looks has gone, and not when he only goes to another page."""
    monkeypatch.setattr(lives, "LINGER", 0.05)
    hub = Live(told.ear, per_person=2)
    with hub.watch("ada", None):
        pass
    with hub.watch("ada", None) as watcher:
        told.say(WORKSPACE)
        await read(watcher)
    assert told.begun == 1
    async with asyncio.timeout(10):
        while hub.listens:  # noqa: ASYNC110  a timer tells nobody
            await asyncio.sleep(0.005)
