"""Lives of deliveries, drawn at random and the same each time; `python -m tests.delivery.life` draws others for hours."""

import logging
from collections.abc import Iterator

import pytest

from tests.delivery.life import exploring

#: A minute of lives in the long form is worth more than any one of these: they hold the machine itself to what is there.
LIVES, STEPS, SECONDS = 8, 60, 15.0


@pytest.fixture
def unlogged() -> Iterator[None]:
    """A line for each of thousands of tries would only be kept for a failure that says all in its steps."""
    logging.disable()
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.usefixtures("unlogged")
@pytest.mark.parametrize("seed", [1])
async def test_no_order_of_things_breaks_a_promise(database_url: str, seed: int) -> None:
    """Whatever happens in whatever order: no row in two hands, no promise of a halt broken, no success lost, nothing stuck."""
    async with exploring.door(database_url) as database:
        explored = await exploring.explore(database, seed=seed, steps=STEPS, lives=LIVES, seconds=SECONDS)

    assert explored.lives > 0
