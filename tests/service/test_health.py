"""Whether a process says rightly that it can serve."""

from collections.abc import AsyncIterator

import httpx
import pytest

from delivery.settings import Settings as Delivery
from delivery.upkeep import Upkeep
from service.doors import Doors
from service.pulse import Pulse
from subscriptions import schema
from subscriptions.clock import DatabaseClock
from subscriptions.database import Database
from subscriptions.settings import Settings
from tests.conftest import VAULT_KEYS


@pytest.fixture
async def revisions(doors: Doors) -> AsyncIterator[Doors]:
    """Doors whose database was never migrated by revisions, before the test and after it."""
    drop = "DROP TABLE IF EXISTS alembic_version"
    async with doors.database.raw() as connection:
        await connection.execute(drop)
    yield doors
    async with doors.database.raw() as connection:
        await connection.execute(drop)


async def test_live(api: httpx.AsyncClient) -> None:
    """A process that answers lives."""
    response = await api.get("/health/live")

    assert response.status_code == 200


@pytest.mark.parametrize(("revision", "status"), [("", 503), ("0000", 503), (schema.REVISION, 200), ("9999", 200)])
async def test_ready(api: httpx.AsyncClient, revisions: Doors, revision: str, status: int) -> None:
    """A process is ready on a database of its own revision or a newer one; else it says what is missing."""
    if revision:
        async with revisions.database.raw() as connection:
            await connection.execute("CREATE TABLE alembic_version (version_num text)")
            await connection.execute("INSERT INTO alembic_version VALUES ($1)", revision)

    response = await api.get("/health/ready")

    assert response.status_code == status
    assert ("migrate" in response.text) == (status == 503)


@pytest.mark.parametrize("place", ["postgresql://a:b@127.0.0.1:1/c", "{url}_of_nobody"])
async def test_database_away(database_url: str, place: str) -> None:
    """Where its database is away or does not exist a process is not ready, and says why."""
    nowhere = Database(Settings(database_url=place.format(url=database_url), vault_keys=VAULT_KEYS))
    clock = DatabaseClock()
    pulse = Pulse(nowhere, clock, Upkeep(nowhere, clock, Delivery(), lambda _nudges: None))

    missing = await pulse.missing()
    await nowhere.close()

    assert missing is not None
    assert missing.startswith("PostgreSQL is not available")
