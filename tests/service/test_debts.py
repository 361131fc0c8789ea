"""What a workspace may be owed: counted beside publications, and what a publisher is told when it is too much."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from delivery.publishing.debts import Debts
from delivery.settings import DeliverySettings
from service.services import Services
from subscriptions.access.clients import Role
from subscriptions.ground.database import Database, Raw
from subscriptions.ground.errors import TooSoon
from tests.clock import Clock
from tests.delivery.craft import WORKSPACE as ITS
from tests.delivery.craft import Craft
from tests.service.callers import WORKSPACE, Callers
from tests.service.test_publish_quota import OCCURRENCE, OCCURRENCES

MOST = 100
TYPE = "com.hpe.greenlake.subscriptions.v1.expiring-subscriptions"


@pytest.fixture
def delivery_settings() -> DeliverySettings:
    """Few deliveries."""
    return DeliverySettings(allow_destinations=("127.0.0.0/8",), allow_http=True, owed_per_workspace=MOST)


async def test_owed_too_much(database: Database, clock: Clock) -> None:
    """A workspace that is owed as many as it may be, in whatever states, is refused until some have ended; another is not."""
    there = Craft(database, clock)
    webhook = await there.hook()
    await there.owe(webhook, 40)
    await there.owe(webhook, 40, state="parked")
    await there.owe(webhook, 20, state="collecting", due_at=clock())
    now = [0.0]
    debts = Debts(database, most=MOST, steady=lambda: now[0])

    debts.admit([ITS])
    debts.grew({ITS: 1, "another": 1})
    await debts.counted()
    with pytest.raises(TooSoon, match="owed 100 deliveries"):
        debts.admit([ITS])
    debts.admit(["another"])
    await there.sql("UPDATE deliveries SET state = 'delivered', ended_at = $1, due_at = NULL", clock())
    now[0] += 1.0
    # Whoever asks has it counted again.
    with pytest.raises(TooSoon):
        debts.admit([ITS])
    await debts.counted()
    debts.admit([ITS])


@pytest.mark.parametrize(("written", "counts"), [(20_000, 1), (30_000, 2), (60_000, 3)])
async def test_hardly_ever_counted(database: Database, written: int, counts: int) -> None:
    """A workspace that is far from its limit is counted once for a quarter of what is left, not for each publication."""
    door = Asked(database)
    now = [0.0]
    debts = Debts(door, most=100_000, steady=lambda: now[0])

    for _ in range(written // 100):
        now[0] += 1.0
        debts.grew({ITS: 100})
        await debts.counted()

    assert door.times == counts


class Asked(Database):
    """Counts how often it is asked."""

    def __init__(self, door: Database) -> None:
        self._door = door
        self.times = 0

    @asynccontextmanager
    async def raw(self) -> AsyncIterator[Raw]:
        self.times += 1
        async with self._door.raw() as connection:
            yield connection


async def test_a_publisher_is_told(api: httpx.AsyncClient, callers: Callers, services: Services, clock: Clock) -> None:
    """429 with Retry-After, in words, and nothing of it is kept."""
    headers = await callers.headers(Role.PUBLISHER)
    there = Craft(services.database, clock)
    await there.owe(await there.hook(workspace=WORKSPACE, subscribed=None), MOST)
    assert services.debts is not None

    first = await api.post(OCCURRENCES, json=OCCURRENCE, headers=headers)
    await services.debts.counted()
    refused = await api.post(OCCURRENCES, json=OCCURRENCE, headers=headers)

    assert (first.status_code, refused.status_code) == (202, 429)
    assert refused.headers["retry-after"] == "10"
    assert "owed 100 deliveries" in refused.json()["message"]
    assert await there.value("SELECT count(*) FROM events WHERE workspace_id = $1 AND type = $2", WORKSPACE, TYPE) == 1
