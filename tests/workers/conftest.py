"""The doors of delivery over a real database, for the carriers to carry."""

from collections.abc import AsyncIterator

import pytest

from subscriptions.ground.database import Database
from tests.clock import Clock
from tests.delivery.craft import Craft
from tests.workers.carrying import engine_of
from workers.engine import Engine


@pytest.fixture
async def craft(database: Database, clock: Clock) -> AsyncIterator[Craft]:
    async with Craft(database, clock) as craft:
        yield craft


@pytest.fixture
async def engine(craft: Craft) -> AsyncIterator[Engine]:
    running = engine_of(craft)
    yield running
    await running.close(0.0)
