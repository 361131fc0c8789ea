"""The doors that most flow tests of delivery begin with."""

import pytest

from subscriptions.ground.database import Database
from tests.clock import Clock
from tests.delivery.craft import Craft


@pytest.fixture
def craft(database: Database, clock: Clock) -> Craft:
    return Craft(database, clock)
