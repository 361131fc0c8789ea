"""The doors of delivery over a real database, for the carriers to carry."""

import pytest

from subscriptions.database import Database
from tests.clock import Clock
from tests.delivery.craft import Craft


@pytest.fixture
def craft(database: Database, clock: Clock) -> Craft:
    return Craft(database, clock)
