"""The doors that most flow tests of delivery begin with."""

from collections.abc import AsyncIterator

import pytest

from subscriptions.ground.database import Database
from tests.clock import Clock
from tests.delivery.craft import Craft


@pytest.fixture
async def craft(database: Database, clock: Clock) -> AsyncIterator[Craft]:
    async with Craft(database, clock) as craft:
        yield craft
