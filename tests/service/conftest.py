"""The API in one process: real doors over a real database, a told clock, and requests without a socket.

Redis and workers are left to the flows: what would be announced is collected in `announced`.
"""

import functools
from collections.abc import AsyncIterator, Iterator
from datetime import datetime

import httpx
import pytest
from argon2 import PasswordHasher
from starlette.types import ASGIApp

from delivery.assembly import Assembly
from delivery.foundation import WiredFoundation
from delivery.settings import DeliverySettings
from delivery.tickets import BrokerReport, Nudge
from delivery.wire import dialling
from delivery.wire.credentials import Authorised
from delivery.wire.guard import Guard
from delivery.wire.names import Lookup, look_up
from delivery.wire.tls import Contexts
from delivery.wire.transport import Transport, open_transport
from service.api import openapi
from service.app import Configuration, assemble, build
from service.server.connection_limits import ConnectionLimits
from service.services import Services
from service.settings import ServiceSettings
from subscriptions.access.passwords import Passwords
from subscriptions.access.people_store import PeopleStore
from subscriptions.access.sessions import SessionLimits
from subscriptions.events import catalogue
from subscriptions.ground.clock import DatabaseClock
from subscriptions.ground.database import Database
from subscriptions.ground.settings import GroundSettings
from tests import canaries
from tests.clock import Clock
from tests.conftest import VAULT_KEYS
from tests.service.agreed import Agreed
from tests.service.callers import Callers
from tests.service.sockets import Door, Opened

DOCUMENT = openapi.document("http://hooklake")

TYPES = """
INSERT INTO event_types (type, service_manager, api_group, friendly_name, description, generation, created_at, updated_at)
SELECT type, 'HPE GreenLake Platform', api_group, friendly_name, description, 1, $5, $5
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) AS t (type, api_group, friendly_name, description)
"""


@pytest.fixture
def announced() -> list[Nudge]:
    """All nudges that were announced, in order."""
    return []


@pytest.fixture
def entrance() -> ServiceSettings:
    """The entrance's settings; a module that needs others has a fixture of this name."""
    return ServiceSettings(publish_items=20)


@pytest.fixture
def delivery_settings() -> DeliverySettings:
    """The deliveries' settings, likewise."""
    return DeliverySettings(
        allow_destinations=("127.0.0.0/8", "::1", "localhost"), allow_http=True, registrations_per_minute=0
    )


@pytest.fixture
def lookup() -> Lookup:
    """What names resolve to, likewise."""
    return look_up


@pytest.fixture
def configuration(database_url: str, entrance: ServiceSettings, delivery_settings: DeliverySettings) -> Configuration:
    """All settings."""
    return Configuration(
        service=entrance,
        delivery=delivery_settings,
        ground=GroundSettings(database_url=database_url, vault_keys=VAULT_KEYS),
    )


@pytest.fixture(scope="session", autouse=True)
def authorities() -> Iterator[None]:
    """The public authorities are read once: that takes longer than most tests here, and they are the same for all."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dialling, "Contexts", functools.cache(Contexts))
        yield


@pytest.fixture
async def transport(delivery_settings: DeliverySettings, lookup: Lookup) -> AsyncIterator[Transport]:
    """The way out."""
    opened = await open_transport(
        Guard(delivery_settings.allow_destinations, delivery_settings.allow_http), lookup=lookup
    )
    yield opened
    await opened.aclose()


async def ask_broker() -> BrokerReport:
    """What the broker of these tests says of itself."""
    waiting = {"tickets": 0, "drains": 0, "errands": 0, "clock": 0}
    return BrokerReport(product="redis", version="8.2.1", waiting=waiting, warnings=("it is nearly full",))


class QuickAssembly(Assembly):
    """Whose passwords are hashed as well as a test needs."""

    @functools.cached_property
    def people(self) -> PeopleStore:
        ground = self.base.ground
        limits = SessionLimits.of_seconds(ground.session_idle, ground.session_lifetime)
        return PeopleStore(self.database, Passwords(PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)), limits)


class FollowingClock(DatabaseClock):
    """Follows the told clock where others follow the database's, which goes on while a test takes its time."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(wall=lambda: clock.now.timestamp(), steady=lambda: clock.now.timestamp())
        self._told = clock
        self.follow(clock.now)

    def follow(self, database_now: datetime, asked: float | None = None) -> None:
        super().follow(self._told.now)


@pytest.fixture
async def services(
    database: Database, clock: Clock, announced: list[Nudge], configuration: Configuration, transport: Transport
) -> AsyncIterator[Services]:
    """Doors over this test's database, which knows the documented event types; what they run ends with the test."""
    guard = Guard(configuration.delivery.allow_destinations, configuration.delivery.allow_http)
    told = FollowingClock(clock)
    base = WiredFoundation(
        ground=configuration.ground,
        settings=configuration.delivery,
        database=database,
        clock=told,
        announce=announced.extend,
        guard=guard,
        sender=Authorised(transport, told),
    )
    documented = catalogue.DOCUMENTED
    async with database.raw() as connection:
        await connection.execute(
            TYPES,
            [entry.type for entry in documented],
            [entry.api_group for entry in documented],
            [entry.friendly_name for entry in documented],
            [entry.description for entry in documented],
            clock(),
        )
    made = assemble(configuration, QuickAssembly(base), ask_broker)
    yield made
    await made.close()


@pytest.fixture
async def api(services: Services) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the API, without a token of its own; every answer is held against the OpenAPI document."""
    app = build(lambda: pytest.fail("an ASGI transport runs no lifespan"))
    app.state.services = services
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://hooklake") as client:
        client.event_hooks = {"response": [canaries.in_answer, Agreed(DOCUMENT)]}
        yield client


@pytest.fixture
def callers(services: Services) -> Callers:
    """Makes headers: `await callers.headers(Role.PUBLISHER)`."""
    return Callers(services)


@pytest.fixture
async def opened() -> AsyncIterator[Opened]:
    """Opens servers on sockets of their own."""
    servers: list[Door] = []

    async def open_one(limits: ConnectionLimits, app: ASGIApp | None = None) -> Door:
        servers.append(Door(limits, app))
        await servers[-1].open()
        return servers[-1]

    yield open_one
    for server in servers:
        await server.close()
