"""The door to PostgreSQL when a connection dies in the middle: what is raised, and what is lent next."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest
from msgspec import structs
from sqlalchemy import make_url, text

from deploy.stores import free_port
from subscriptions.ground.audience import Audience, NobodyWaits
from subscriptions.ground.database import Database, asked_by
from subscriptions.ground.errors import Overloaded, Unavailable
from subscriptions.ground.outage import Outage
from subscriptions.ground.settings import GroundSettings
from tests.conftest import VAULT_KEYS


class Lingering:
    """A way to a server on which connections stay open after the server has closed them, as a stopped or slow one leaves them."""

    def __init__(self, port: int) -> None:
        self.port = 0
        #: Set when the server closed a connection, and all it had said was handed on.
        self.said = asyncio.Event()
        self._behind = port
        self._tasks: set[asyncio.Task[None]] = set()

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carries bytes both ways."""
        there, back = await asyncio.open_connection("127.0.0.1", self._behind)
        tasks = [asyncio.create_task(self._carry(reader, back)), asyncio.create_task(self._carry(there, writer))]
        self._tasks.update(tasks)
        with suppress(asyncio.CancelledError, OSError):
            await tasks[1]
            self.said.set()
            await asyncio.Event().wait()
        for end in (writer, back):
            end.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()


@asynccontextmanager
async def lingering(port: int, *, at: int = 0) -> AsyncIterator[Lingering]:
    way = Lingering(port)
    handlers: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        handlers.add(task)
        await way.connected(reader, writer)

    server = await asyncio.start_server(handle, "127.0.0.1", at)
    way.port = server.sockets[0].getsockname()[1]
    yield way
    server.close()
    for task in handlers:
        task.cancel()
    await asyncio.gather(*handlers, return_exceptions=True)


async def _raw(door: Database) -> int:
    async with door.raw() as connection:
        return int(await connection.fetchval("SELECT pg_backend_pid()"))


async def _raw_transaction(door: Database) -> int:
    async with door.raw() as connection, connection.transaction():
        return int(await connection.fetchval("SELECT pg_backend_pid()"))


async def _transaction(door: Database) -> int:
    async with door.transaction() as connection:
        return int((await connection.execute(text("SELECT pg_backend_pid()"))).scalar_one())


@pytest.mark.parametrize(
    "use", [_raw, _raw_transaction, _transaction], ids=["raw", "transaction on raw", "transaction"]
)
async def test_given_notice(database: Database, database_url: str, use: Callable[[Database], Awaitable[int]]) -> None:
    """A connection that was given notice but is not closed yet is Unavailable, once: it is not lent again."""
    url = make_url(database_url)
    assert url.port is not None
    async with lingering(url.port) as way:
        there = url.set(port=way.port).render_as_string(hide_password=False)
        door = Database(GroundSettings(database_url=there, vault_keys=VAULT_KEYS, database_connections=1))
        pid = await use(door)
        async with database.raw() as other:
            await other.execute("SELECT pg_terminate_backend($1)", pid)
        await way.said.wait()
        # The notice is read in the next turn of the loop.
        for _ in range(5):
            await asyncio.sleep(0)

        with pytest.raises(Unavailable, match="PostgreSQL"):
            await use(door)
        again = await use(door)
    await door.close()

    assert again != pid


async def _raw_sleep(door: Database) -> None:
    async with door.raw() as connection:
        await connection.fetchval("SELECT pg_sleep(60)")


async def _raw_transaction_sleep(door: Database) -> None:
    async with door.raw() as connection, connection.transaction():
        await connection.fetchval("SELECT pg_sleep(60)")


async def _transaction_sleep(door: Database) -> None:
    async with door.transaction() as connection:
        await connection.execute(text("SELECT pg_sleep(60)"))


@pytest.mark.parametrize("use", [_raw_sleep, _raw_transaction_sleep, _transaction_sleep])
async def test_who_waits_longer_than_patience_is_told(
    database_url: str, use: Callable[[Database], Awaitable[None]]
) -> None:
    """Who waits longer than callers are patient is told Unavailable, and the connection that did not answer is lent no more."""
    settings = GroundSettings(database_url=database_url, vault_keys=VAULT_KEYS, database_connections=1)
    # So long that a machine with much to do is not taken for one that came to nothing.
    door = Database(settings, patience=1.0)
    pid = await _raw(door)

    async with asyncio.timeout(30):
        with pytest.raises(Unavailable, match="no answer in time"):
            await use(door)
    again = await _raw(door)
    await door.close()

    assert again != pid


async def test_a_standby(database_url: str) -> None:
    """A database that only reads is Unavailable to who writes; it is asked again over another connection."""
    door = Database(GroundSettings(database_url=database_url, vault_keys=VAULT_KEYS, database_connections=1))
    pid = await _raw(door)

    async def write() -> None:
        async with door.raw() as connection:
            await connection.execute("SET default_transaction_read_only = on")
            await connection.execute("INSERT INTO workers (name, slots, free, seen_at) VALUES ('one', 1, 1, now())")

    with pytest.raises(Unavailable, match="read-only"):
        await write()
    again = await _raw(door)
    await door.close()

    assert again != pid


async def test_an_outage_is_told_once(database_url: str, caplog: pytest.LogCaptureFixture) -> None:
    """A process's door tells once that the database is away, and once that it is back."""
    url = make_url(database_url)
    port = free_port()
    there = url.set(port=port).render_as_string(hide_password=False)
    caplog.set_level("INFO")
    door = Database(GroundSettings(database_url=there, vault_keys=VAULT_KEYS), Outage("database"))
    for _ in range(20):
        with pytest.raises(Unavailable):
            await door.ready()

    assert url.port is not None
    async with lingering(url.port, at=port), asyncio.timeout(30):
        while len(caplog.records) < 2:
            await door.ready()
    await door.close()

    assert [record.getMessage().split()[0] for record in caplog.records] == ["database.away", "database.back"]


async def test_standstill_in_a_transaction(database: Database, database_url: str) -> None:
    """A process that stands still in a transaction loses it, and its locks, after the wait; going on, it is told Unavailable."""
    door = Database(GroundSettings(database_url=database_url, vault_keys=VAULT_KEYS, database_wait=0.3))
    async with database.raw() as connection:
        await connection.execute("INSERT INTO workers (name, slots, free, seen_at) VALUES ('one', 1, 1, now())")

    async def stand_still() -> None:
        async with door.raw() as still, still.transaction():
            await still.execute("UPDATE workers SET free = 2")
            async with database.raw() as other:
                await other.execute("UPDATE workers SET free = 3", timeout=10)
            await still.execute("UPDATE workers SET free = 4")

    with pytest.raises(Unavailable, match="PostgreSQL"):
        await stand_still()
    async with database.raw() as connection:
        free = await connection.fetchval("SELECT free FROM workers")
    await door.close()

    assert free == 3


async def test_who_waits_for_one_that_is_away() -> None:
    """While the server says nothing, who waited for a turn in vain is told that, and not that its requests are many."""
    silent = await asyncio.get_running_loop().create_server(asyncio.Protocol, "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    settings = GroundSettings(
        database_url=f"postgresql://a:b@127.0.0.1:{port}/c", vault_keys=VAULT_KEYS, database_connections=2
    )
    database = Database(settings, patience=0.1)
    with asked_by("a client"):
        with pytest.raises(Unavailable):
            await database.ready()
        said = await asyncio.gather(*(database.ready() for _ in range(3)), return_exceptions=True)
    await database.close()
    silent.close()

    assert [type(each) for each in said] == [Unavailable] * 3


async def test_nothing_is_asked_for_who_has_gone(database: Database) -> None:
    """Where whoever asked has gone nothing is read any more; what changes something is not begun, or goes on to its end."""
    audience = Audience()
    with asked_by("a writer", audience, reads=False):
        await database.ready()
        audience.gone = True
        await database.ready()
    for reads in (True, False):
        with asked_by("a client", audience, reads=reads), pytest.raises(NobodyWaits):
            await database.ready()


@pytest.fixture
def configured(database_url: str) -> GroundSettings:
    """Settings of a door to this test's database."""
    return GroundSettings(database_url=database_url, vault_keys=VAULT_KEYS)


def worked(seconds: float) -> None:
    """Keeps the loop from all else for as long as this thread needs to have worked so many seconds."""
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass


async def test_a_busy_process_is_not_an_outage(configured: GroundSettings) -> None:
    """A transaction that came to no end because the process worked at something else is held against nobody but it; one that
    nobody answered is PostgreSQL's."""
    outage = Outage("database")
    database = Database(configured, outage, patience=0.2)
    await database.ready()

    async def busy() -> None:
        async with database.raw() as connection:
            await connection.fetchval("SELECT 1")
            worked(0.3)
            await asyncio.get_running_loop().create_future()

    async def silent() -> None:
        async with database.raw() as connection:
            await connection.fetchval("SELECT pg_sleep(9)")

    with pytest.raises(Overloaded, match="for want of time"):
        await busy()
    told = outage.away
    with pytest.raises(Unavailable, match="no answer in time") as away:
        await silent()
    await database.close()

    assert (told, outage.away, type(away.value)) == (False, True, Unavailable)


@pytest.mark.parametrize("asks", [True, False])
async def test_a_process_that_stood_still(configured: GroundSettings, asks: bool) -> None:
    """A transaction that PostgreSQL ended because nothing was asked in it is no outage, and is told in our words."""
    outage = Outage("database")
    database = Database(structs.replace(configured, database_wait=0.2), outage)
    other = Database(configured)

    async def stands_still() -> None:
        async with database.raw() as connection, connection.transaction(), other.raw() as witness:
            pid = await connection.fetchval("SELECT pg_backend_pid()")
            while await witness.fetchval("SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $1)", pid):
                pass
            if asks:
                await connection.fetchval("SELECT 1")

    with pytest.raises(Overloaded, match="it stood still in a transaction"):
        await stands_still()
    await database.close()
    await other.close()

    assert not outage.away
