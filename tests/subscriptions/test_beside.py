"""Work beside the process, in one that stays: what it keeps, what it refuses, and what becomes of it when it takes too long."""

import asyncio
import os
from pathlib import Path

import pytest

from subscriptions.ground import overdue
from subscriptions.ground.beside import Beside, Overdue
from subscriptions.ground.errors import Issue, Refused, TooSoon
from subscriptions.ground.overdue import OverdueWork

_kept: list[int] = []


def counted() -> tuple[int, int, list[str]]:
    """Which process this is, how often it was asked, and which settings it knows."""
    _kept.append(1)
    return os.getpid(), len(_kept), [name for name in os.environ if name.startswith("HOOKLAKE")]


def refused() -> None:
    """Finds something wrong."""
    raise Refused(Issue(subject="/a", description="is wrong"))


def broken() -> None:
    """Has a mistake."""
    raise LookupError("nothing")


def endless(begun: Path | None = None) -> None:
    """Never ends, and says when it begins."""
    if begun is not None:
        begun.touch()
    while True:
        pass


def there(path: Path) -> bool:
    return path.exists()


async def test_it_keeps_what_it_knows() -> None:
    """One process for all pieces, which knows none of our settings; what is wrong is raised here, and it goes on."""
    beside = Beside(of="the judge")
    try:
        first, second = await beside.work("a", "it", counted), await beside.work("b", "it", counted)
        with pytest.raises(Refused, match="/a: is wrong"):
            await beside.work("a", "it", refused)
        with pytest.raises(RuntimeError, match="LookupError: nothing"):
            await beside.work("a", "it", broken)
        third = await beside.work("a", "it", counted)
    finally:
        await beside.close()

    assert [each[1] for each in (first, second, third)] == [1, 2, 3]
    assert {each[0] for each in (first, second, third)} == {first[0]}
    assert first[0] != os.getpid()
    assert first[2] == []
    assert not there(Path(f"/proc/{first[0]}"))


async def test_what_takes_too_long_is_given_up(tmp_path: Path) -> None:
    """With the process, in whose place another one begins; so too where who asked goes, and where nobody asks any more."""
    beside = Beside(of="the judge", processor=0.2)
    slow = Beside(of="the judge", idle=0.0)
    try:
        with pytest.raises(Overdue, match=r"more than 0\.2 s of a processor"):
            await beside.work("z", "it", endless)
        process, asked, _ = await beside.work("a", "it", counted)
        begun = tmp_path / "begun"
        gone = asyncio.create_task(beside.work("a", "it", endless, begun))
        while not there(begun):  # noqa: ASYNC110  another process sets no event
            await asyncio.sleep(0.01)
        gone.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gone
        other, again, _ = await beside.work("a", "it", counted)
        idle, _, _ = await slow.work("a", "it", counted)
        assert slow._process is not None
        await slow._process.wait()
        last, _, _ = await slow.work("a", "it", counted)
    finally:
        await beside.close()
        await slow.close()

    assert (asked, again) == (1, 1)
    assert len({process, other}) == 2
    assert idle != last


async def test_who_held_up_others_waits() -> None:
    """What ran into its deadline is not tried again for a minute, and nothing of that caller's for some seconds, also where it
    waits in the line already; others are served, after one deadline."""
    now = [0.0]
    beside = Beside(of="the judge", processor=0.1)
    beside._overdue = OverdueWork("the judge", steady=lambda: now[0])
    try:
        asked = [beside.work("a", number, endless) for number in range(20)]
        answers = await asyncio.gather(*asked, beside.work("b", 0, counted), return_exceptions=True)
        now[0] = overdue.REST
        other = await beside.work("a", 99, counted)
        with pytest.raises(TooSoon, match="nothing like it is begun for 50 seconds") as found:
            await beside.work("a", 0, counted)
        now[0] = overdue.REMEMBERED
        again = await beside.work("a", 0, counted)
    finally:
        await beside.close()

    assert [type(each) for each in answers] == [Overdue, *[TooSoon] * 19, tuple]
    assert found.value.seconds == overdue.REMEMBERED - overdue.REST
    assert (other[1], again[1]) == (2, 3)


def test_what_is_remembered_is_bounded() -> None:
    """The oldest go first."""
    remembered = OverdueWork("the judge", steady=lambda: 0.0)
    for number in range(overdue.MOST):
        remembered.note(number, "it")
    assert len(remembered._until) == overdue.MOST
    remembered.check(0, "it")
    with pytest.raises(TooSoon):
        remembered.check(overdue.MOST - 1, "other")


async def test_callers_take_turns() -> None:
    """Who asks for too much at once is told so, and keeps nobody else waiting behind it."""
    beside = Beside(of="the judge", waiting=2)
    try:
        asked = [asyncio.create_task(beside.work("a", "it", counted)) for _ in range(5)]
        other = asyncio.create_task(beside.work("b", "it", counted))
        answers = await asyncio.gather(*asked, other, return_exceptions=True)
    finally:
        await beside.close()

    assert [type(each) for each in answers] == [tuple, tuple, tuple, TooSoon, TooSoon, tuple]
    assert isinstance(answers[2], tuple)
    assert isinstance(answers[5], tuple)
    assert answers[5][1] < answers[2][1]
