"""Turns at a few places: who gets one, who waits, and who is told to ask later."""

import asyncio
from collections.abc import Hashable

import pytest

from subscriptions.ground.audience import Audience, NobodyWaits
from subscriptions.ground.errors import Busy, TooSoon
from subscriptions.ground.turns import Turns


async def queued(turns: Turns, *callers: Hashable) -> list[asyncio.Task[None]]:
    """Tasks that ask one after the other, as far as they come without anything given back."""
    tasks = [asyncio.create_task(turns.take(each, None)) for each in callers]
    for _ in range(3):
        await asyncio.sleep(0)
    return tasks


async def test_a_share_and_the_rest() -> None:
    """One caller has its share and waits beyond it while places are free; others get those, and no more than there are."""
    turns = Turns(5, 2)

    tasks = await queued(turns, *"aaa", *"bbb", *"ccc")

    assert [task.done() for task in tasks] == [True, True, False, True, True, False, True, False, False]
    for task in tasks:
        task.cancel()


async def test_in_turn() -> None:
    """Who has waited longest for a turn is next, however many requests another one has sent before; each has its oldest first."""
    turns, order = Turns(1, 1), []

    async def asked(caller: str, number: int) -> None:
        await turns.take(caller, None)
        order.append(f"{caller}{number}")
        await asyncio.sleep(0)
        turns.give(caller)

    await asyncio.gather(*(asked("a", n) for n in range(4)), asked("b", 0), asked("c", 0), asked("b", 1))

    assert order == ["a0", "a1", "b0", "c0", "a2", "b1", "a3"]
    assert len(turns) == 0


async def test_who_waits_in_vain() -> None:
    """A caller whose own requests are many is told so, one that others keep out is told that; nothing is left of either."""
    turns = Turns(2, 1, waiting=2)
    await turns.take("a", None)
    waits = await queued(turns, "a", "a")

    with pytest.raises(TooSoon, match="wait for the database already") as crowd:
        await turns.take("a", None)
    for wait in waits:
        wait.cancel()
    await asyncio.gather(*waits, return_exceptions=True)
    with pytest.raises(TooSoon, match="this client's requests are many") as late:
        await turns.take("a", 0.01)
    await turns.take("b", None)
    with pytest.raises(Busy, match="of other clients"):
        await turns.take("c", 0.01)

    assert (crowd.value.limit, late.value.limit, len(turns)) == (2, 1, 2)
    turns.give("a")
    await turns.take("c", None)


async def test_given_up_in_the_moment_of_its_turn() -> None:
    """A place that comes together with the end of a wait, before it or after it, is not lost: the next has it."""
    for first in ("given", "ended"):
        turns = Turns(1, 1)
        await turns.take("a", None)
        ending, next_one = await queued(turns, "b", "c")
        if first == "given":
            turns.give("a")
            ending.cancel()
        else:
            ending.cancel()
            turns.give("a")

        await asyncio.gather(ending, return_exceptions=True)
        await asyncio.wait_for(next_one, 10)

        assert ending.cancelled()
        turns.give("c")
        assert len(turns) == 0


async def test_who_has_gone_has_no_turn() -> None:
    """A request whose asker has gone leaves the queue: it takes no place, and is not counted against what its caller may send."""
    turns, gone = Turns(1, 1, waiting=2), Audience()
    await turns.take("a", None)
    waits = [asyncio.create_task(turns.take("b", None, gone)) for _ in range(2)]
    await asyncio.sleep(0)

    gone.gone = True
    [stays] = await queued(turns, "b")
    turns.give("a")
    ended = await asyncio.gather(*waits, stays, return_exceptions=True)

    assert [type(each) for each in ended] == [NobodyWaits, NobodyWaits, type(None)]
    turns.give("b")
    assert len(turns) == 0
