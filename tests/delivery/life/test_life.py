"""Lives of deliveries, drawn at random and the same each time; `make life` draws others for as long as one likes."""

import logging
from collections.abc import Iterator

import pytest

from tests.delivery.life import exploring

#: So many that every rule was acted by and every situation arose: this run holds the machine itself to what is there.
SEED, LIVES, STEPS = 2, 40, 60


@pytest.fixture
def unlogged() -> Iterator[None]:
    """A line for each of thousands of attempts would only be kept for a failure that says all in its steps."""
    logging.disable()
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.usefixtures("unlogged")
async def test_no_order_of_things_breaks_a_promise(database_url: str) -> None:
    """Whatever happens in whatever order: no row in two hands, no promise of a halt broken, no success lost, nothing stuck."""
    async with exploring.door(database_url) as database:
        explored = await exploring.explore(database, seed=SEED, steps=STEPS, lives=LIVES)

    assert (explored.lives, explored.unseen) == (LIVES, [])
