"""So many of one asker's requests at once."""

import asyncio

import pytest

from service.limits.at_once import AtOnce


async def test_so_many_have_a_place_and_others_wait_for_nobody_elses() -> None:
    """Three places of one asker are taken by the first three of ten; another asker has its own, and nobody is remembered."""
    places, inside, most = AtOnce(3), [0], [0]
    go = asyncio.Event()

    async def one(whose: str) -> str:
        async with places.place(whose):
            inside[0] += whose == "many"
            most[0] = max(most[0], inside[0])
            if whose == "many":
                await go.wait()
            inside[0] -= whose == "many"
        return whose

    many = [asyncio.create_task(one("many")) for _ in range(10)]
    while inside[0] < 3:  # noqa: ASYNC110 -- no event is set there
        await asyncio.sleep(0)
    assert await one("another") == "another"
    assert (inside[0], len(places)) == (3, 1)
    go.set()
    await asyncio.gather(*many)

    assert (most[0], len(places)) == (3, 0)


async def test_who_goes_away_gives_its_place_back() -> None:
    """Whoever is cancelled, with a place or waiting for one, holds nobody up."""
    places = AtOnce(1)

    async def stays() -> None:
        async with places.place("x"):
            await asyncio.Event().wait()

    tasks = [asyncio.create_task(stays()) for _ in range(2)]
    await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)

    with pytest.raises(ZeroDivisionError):
        async with places.place("x"):
            raise ZeroDivisionError
    assert len(places) == 0
