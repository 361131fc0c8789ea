"""Whether a process says rightly that it can serve."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

import httpx
import pytest

from delivery.settings import DeliverySettings
from delivery.upkeep.sweeping import Upkeep
from deploy.stores import free_port
from service.app import build
from service.health.carriers import Carriers
from service.health.readiness import Readiness
from service.services import Services
from subscriptions.access.clients import Role
from subscriptions.ground import schema
from subscriptions.ground.clock import DatabaseClock
from subscriptions.ground.database import Database, Raw
from subscriptions.ground.settings import GroundSettings
from tests.clock import Clock
from tests.conftest import VAULT_KEYS
from tests.service.callers import Callers
from tests.service.conftest import ask_broker
from workers import app as broker
from workers.announcer import Announcer
from workers.settings import WorkerSettings


@pytest.fixture
async def revisions(services: Services) -> AsyncIterator[Services]:
    """Doors whose database was never migrated by revisions, before the test and after it."""
    drop = "DROP TABLE IF EXISTS alembic_version"
    async with services.database.raw() as connection:
        await connection.execute(drop)
    yield services
    async with services.database.raw() as connection:
        await connection.execute(drop)


async def test_a_process_that_answers_lives(api: httpx.AsyncClient) -> None:
    """A process that answers lives."""
    response = await api.get("/health/live")

    assert response.status_code == 200


@pytest.mark.parametrize(("revision", "status"), [("", 503), ("0000", 503), (schema.REVISION, 200), ("9999", 200)])
async def test_ready_is_on_this_revision_or_a_newer_one(
    api: httpx.AsyncClient, revisions: Services, revision: str, status: int
) -> None:
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
    nowhere = Database(GroundSettings(database_url=place.format(url=database_url), vault_keys=VAULT_KEYS))
    clock = DatabaseClock()
    readiness = Readiness(nowhere, clock, Upkeep(nowhere, clock, DeliverySettings(), lambda _nudges: None))

    missing = await readiness.missing()
    await nowhere.close()

    assert missing is not None
    assert missing.startswith("PostgreSQL is not available")


class Asked(Database):
    """Counts how often a connection is asked for."""

    times = 0

    @asynccontextmanager
    async def raw(self) -> AsyncIterator[Raw]:
        """As ever."""
        self.times += 1
        async with super().raw() as connection:
            yield connection


async def test_one_look_a_second(database_url: str, revisions: Services) -> None:
    """However many ask whether a process is ready, the database is asked once a second; what it says then, each is told."""
    async with revisions.database.raw() as connection:
        await connection.execute("CREATE TABLE alembic_version (version_num text)")
        await connection.execute("INSERT INTO alembic_version VALUES ($1)", schema.REVISION)
    database, clock, now = (
        Asked(GroundSettings(database_url=database_url, vault_keys=VAULT_KEYS)),
        DatabaseClock(),
        [0.0],
    )
    upkeep = Upkeep(database, clock, DeliverySettings(), lambda _nudges: None)
    readiness = Readiness(database, clock, upkeep, steady=lambda: now[0])

    async def asked() -> tuple[set[str | None], int]:
        answers = await asyncio.gather(*(readiness.missing() for _ in range(300)))
        return set(answers), database.times

    found = [await asked()]
    async with revisions.database.raw() as connection:
        await connection.execute("UPDATE alembic_version SET version_num = '0000'")
    for now[0] in (0.9, 1.0):
        found.append(await asked())
    async with revisions.database.raw() as connection:
        await connection.execute("UPDATE alembic_version SET version_num = $1", schema.REVISION)
    now[0] = 2.0
    found.append(await asked())
    await database.close()

    outdated = f"the database is at revision 0000 and has to be at {schema.REVISION}: run `migrate`"
    assert found == [({None}, 1), ({None}, 1), ({outdated}, 2), ({None}, 3)]


async def test_health_tells_who_carries_deliveries(api: httpx.AsyncClient, services: Services) -> None:
    """Whether deliveries are carried: by whom, how long ago somebody looked for what is due, whose clock differs, what waits."""
    nobody = await api.get("/health/workers")
    upkeep = Upkeep(services.database, _ahead(services), DeliverySettings(), lambda _nudges: None)
    await upkeep.sweep(0)
    await upkeep.report("a host:1", slots=500, free=480, in_use=20, foreign=7)
    await upkeep.report("a host:2", slots=500, free=0, in_use=30)
    await upkeep.present("a host:3", "beat")
    async with services.database.raw() as connection:
        await connection.execute("UPDATE workers SET ahead = 0 WHERE name <> 'a host:3'")
    carriers = Carriers(upkeep, ask_broker)

    response = await _asked(api, services, carriers)

    body = response.json()
    assert (nobody.status_code, response.status_code) == (503, 200)
    assert len(nobody.json()["missing"]) == 3
    assert nobody.json()["missing"][2] == "nobody has looked for what is due yet"
    assert (body["status"], body["missing"]) == ("working", [])
    assert (body["workers"], body["beat"]) == ({"live": 2, "slots": 1000, "free": 950}, {"live": 1})
    waits = {"tickets": 0, "drains": 0, "errands": 0, "clock": 0}
    said = {"server": None, "warnings": ["it is nearly full"], "waiting": waits}
    assert body["broker"] == {"answers": True, "foreignTickets": 7} | said
    assert 0 <= body["lastSweepSecondsAgo"] < 30
    assert [each["process"] for each in body["clocks"]] == ["beat"]
    assert 3590 < body["clocks"][0]["aheadSeconds"] < 3610
    assert "a host" not in response.text


async def test_the_brokers_version_is_for_callers(
    api: httpx.AsyncClient, services: Services, callers: Callers, clock: Clock
) -> None:
    """What the broker is and of which version is told to whoever comes with a good token, of any role, and not to anybody."""
    carriers = Carriers(
        Upkeep(services.database, _ahead(services), DeliverySettings(), lambda _nudges: None), ask_broker
    )
    good = await callers.headers(Role.VIEWER)

    told = [
        (await _asked(api, services, carriers, given)).json()["broker"]["server"]
        for given in ({}, good, {"Authorization": "Bearer made.up.one"}, {"Authorization": "Basic eDp5"})
    ]
    clock.advance(3600)
    late = await _asked(api, services, carriers, good)

    assert told == [None, "redis 8.2.1", None, None]
    assert late.json()["broker"]["server"] is None


async def test_broker_away(api: httpx.AsyncClient, services: Services) -> None:
    """A broker that does not answer is said to be away, without where it is; that says nothing of `/health/ready`."""
    settings = WorkerSettings(broker_url=f"redis://127.0.0.1:{free_port()}/0", broker_wait=0.2)
    announcer = Announcer(broker.make(settings), settings)
    carriers = Carriers(
        Upkeep(services.database, _ahead(services), DeliverySettings(), lambda _nudges: None),
        partial(asyncio.to_thread, announcer.report),
    )

    response = await _asked(api, services, carriers)

    assert response.status_code == 503
    assert "the broker does not answer" in response.json()["missing"]
    assert response.json()["broker"] == {
        "answers": False,
        "server": None,
        "warnings": [],
        "waiting": {},
        "foreignTickets": 0,
    }
    assert "127.0.0.1" not in response.text


async def _asked(
    api: httpx.AsyncClient, services: Services, carriers: Carriers, headers: dict[str, str] | None = None
) -> httpx.Response:
    changed = replace(services, carriers=carriers)
    app = build(lambda: nullcontext(changed))
    app.state.services = changed
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=api.base_url) as client:
        return await client.get("/health/workers", headers=headers)


def _ahead(services: Services) -> DatabaseClock:
    """Of a process whose machine's clock is an hour ahead."""
    clock = DatabaseClock(wall=lambda: time.time() + 3600.0)
    clock.follow(datetime.now(UTC))
    return clock
