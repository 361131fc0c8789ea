"""Sessions under databases, poolers and environments that have ideas of their own."""

import asyncio
import shutil
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import FrameType

import asyncpg
import pytest
from sqlalchemy import make_url, text

from subscriptions.ground import sessions
from subscriptions.ground.database import Database, Raw
from subscriptions.ground.database_url import parse
from subscriptions.ground.errors import Contended, Misconfigured, Unavailable
from subscriptions.ground.settings import GroundSettings
from tests.conftest import VAULT_KEYS, make_tables
from tests.pgbouncer import PROGRAM, PgBouncer

#: What the owner of a database may have set for it, each against what our statements assume.
OWN = {
    "default_transaction_isolation": "repeatable read",
    "timezone": "Asia/Kathmandu",
    "search_path": "elsewhere",
    "standard_conforming_strings": "off",
    "datestyle": "SQL, DMY",
    "statement_timeout": "7s",
    "lock_timeout": "7s",
    "idle_session_timeout": "7s",
    "synchronous_commit": "off",
}
SHOWN: tuple[str, ...] = (
    "transaction_isolation",
    "timezone",
    "search_path",
    "standard_conforming_strings",
    "datestyle",
)
SHOWN += (
    "statement_timeout",
    "lock_timeout",
    "idle_in_transaction_session_timeout",
    "plan_cache_mode",
    "enable_seqscan",
)
EXPECTED = ("read committed", "UTC", "public", "on", "ISO, MDY", "0", "1s", "5s", "force_generic_plan", "off")

needs_pgbouncer = pytest.mark.skipif(PROGRAM is None, reason="needs pgbouncer (apt-get install pgbouncer)")


def door(url: str, *, connections: int = 2, pooling: str = "none", wait: float = 5.0) -> Database:
    settings = {"database_url": url, "vault_keys": VAULT_KEYS, "database_connections": connections}
    return Database(GroundSettings(**settings, database_pooling=pooling, database_wait=wait))  # type: ignore[arg-type]


@pytest.fixture
async def opinionated(database_url: str) -> AsyncIterator[str]:
    """A database of its own, with defaults of its own."""
    connection = await asyncpg.connect(database_url)
    await connection.execute("CREATE DATABASE opinionated")
    for name, value in OWN.items():
        await connection.execute(f"ALTER DATABASE opinionated SET {name} = '{value}'")
    yield make_url(database_url).set(database="opinionated").render_as_string(hide_password=False)
    await connection.execute("DROP DATABASE opinionated WITH (FORCE)")
    await connection.close()


@pytest.fixture
def directory() -> Iterator[Path]:
    """Not under pytest's directories: they are shut to other users."""
    made = Path(tempfile.mkdtemp(prefix="hl-"))
    yield made
    shutil.rmtree(made)


async def _shown(door: Database) -> list[tuple[str, ...]]:
    """As a statement by itself, a transaction of asyncpg's and one of SQLAlchemy's see it."""
    asked = "SELECT " + ", ".join(f"current_setting('{name}')" for name in SHOWN)
    async with door.raw() as connection:
        found = [tuple(row.values()) for row in await connection.fetch(asked)]
        async with connection.transaction():
            found += [tuple(row.values()) for row in await connection.fetch(asked)]
    async with door.transaction() as composed:
        found.append(tuple((await composed.execute(text(asked))).one()))
    return found


@pytest.mark.parametrize(
    "pooling", ["none", *(pytest.param(mode, marks=needs_pgbouncer) for mode in ("session", "transaction"))]
)
async def test_a_database_with_defaults_of_its_own(opinionated: str, directory: Path, pooling: str) -> None:
    """Every transaction runs under what our statements assume, through a pooler too, whatever the database's defaults are."""
    with ExitStack() as stack:
        url = opinionated
        if pooling != "none":
            url = stack.enter_context(PgBouncer(directory / "pooler", opinionated, mode=pooling)).url
        own = door(url, pooling=pooling)
        found = await _shown(own)
        async with own.raw() as connection:
            durable = await connection.fetchval("SHOW synchronous_commit")
        await own.close()

    assert found == [EXPECTED] * 3
    assert durable == "on"


async def test_what_a_session_costs(database_url: str) -> None:
    """What is set is set when a session begins: statements and transactions after that are no more than they say."""
    own = door(database_url, connections=1)
    async with own.raw() as connection:
        asked: list[str] = []
        connection.add_query_logger(lambda query: asked.append(query.query))
        await connection.fetchval("SELECT 1")
        async with connection.transaction():
            await connection.execute("SELECT 2")
    await own.close()

    assert asked == ["SELECT 1", "BEGIN;", "SELECT 2", "COMMIT;"]


async def test_a_value_in_an_array_costs_no_call(database: Database) -> None:
    """A thousand values are given to PostgreSQL with as many calls in Python as one is: records are written in arrays."""
    calls = 0

    def count(_frame: FrameType, what: str, _argument: object) -> None:
        nonlocal calls
        calls += what == "call"

    async def took(values: int) -> int:
        nonlocal calls
        given = list(range(values))
        async with database.raw() as connection:
            await connection.fetchval("SELECT cardinality($1::int[])", given)
            calls = 0
            sys.setprofile(count)
            try:
                assert await connection.fetchval("SELECT cardinality($1::int[])", given) == values
            finally:
                sys.setprofile(None)
        return calls

    assert await took(1000) < await took(1) + 100


@needs_pgbouncer
async def test_a_pooler_in_transaction_mode(opinionated: str, directory: Path) -> None:
    """Many sessions share few connections: statements, transactions and their errors stay with whoever began them."""
    await make_tables(opinionated)

    async def fail(connection: Raw, name: str) -> None:
        async with connection.transaction():
            await connection.execute("UPDATE workers SET slots = -1 WHERE name = $1", name)
            await connection.execute("INSERT INTO workers (name, slots, free, seen_at) VALUES ($1, 0, 0, now())", name)

    async def use(own: Database, number: int) -> list[int]:
        name = f"worker {number}"
        async with own.raw() as connection:
            await connection.execute(
                "INSERT INTO workers (name, slots, free, seen_at) VALUES ($1, $2, 0, now())", name, number
            )
            with pytest.raises(asyncpg.UniqueViolationError):
                await fail(connection, name)
            found = [await connection.fetchval("SELECT slots FROM workers WHERE name = $1", name) for _ in range(5)]
        async with own.transaction() as composed:
            asked = await composed.execute(
                text("SELECT slots + :more FROM workers WHERE name = :name"), {"name": name, "more": 0}
            )
            found.append(asked.scalar_one())
        return found

    with PgBouncer(directory / "pooler", opinionated, mode="transaction", connections=2) as pooler:
        services = [door(pooler.url, connections=4, pooling="transaction") for _ in range(2)]
        found = await asyncio.gather(*(use(services[number % 2], number) for number in range(40)))
        for each in services:
            await each.close()

    assert found == [[number] * 6 for number in range(40)]


@needs_pgbouncer
@pytest.mark.parametrize("more", ["", f"ignore_startup_parameters = {', '.join(sessions.settings(1, 'public'))}\n"])
async def test_a_pooler_that_nobody_named(database_url: str, directory: Path, more: str) -> None:
    """A pooler that refuses what a session is to be set to, or keeps it back, is told by the setting that names it."""
    with PgBouncer(directory / "pooler", database_url, mode="transaction", more=more) as pooler:
        own = door(pooler.url)

        with pytest.raises(Unavailable, match="set HOOKLAKE_DATABASE_POOLING"):
            await own.ready()
        await own.close()


@pytest.mark.parametrize(
    "variable", ["PGSSLMODE=verify-full", "PGTARGETSESSIONATTRS=standby", "PGSSLCERT=/nowhere", "PGSERVICE=x"]
)
async def test_the_environment_of_libpq(database_url: str, monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    """What psql is told by its environment is not told us: the URL says all."""
    name, _, value = variable.partition("=")
    monkeypatch.setenv(name, value)
    own = door(database_url)

    await own.ready()
    await own.close()


async def test_several_hosts(database_url: str) -> None:
    """Of several hosts the first that takes a session is taken; one that says nothing takes its part of the wait, not all."""
    url = make_url(database_url)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        hosts = f"127.0.0.1:1,127.0.0.1:{silent.getsockname()[1]},127.0.0.1:{url.port}"
        login = f"{url.username}:{url.password}"
        own = door(f"postgresql://{login}@{hosts}/{url.database}?target_session_attrs=read-write", wait=1.5)

        await own.ready()
        await own.close()


async def test_tls_where_there_is_none(database_url: str) -> None:
    """A server without TLS is not spoken to where TLS is asked for."""
    own = door(database_url + "?sslmode=require")

    with pytest.raises(Unavailable, match="SSL"):
        await own.ready()
    await own.close()


def test_what_a_url_says() -> None:
    """PostgreSQL's own spellings: hosts with ports, IPv6, sockets, encoded words, and parameters in place of parts."""
    plain = parse("postgresql://me:p%40ss@[::1]:6543,other/name?options=-csearch_path%3Dmine&sslmode=disable")
    named = parse("postgres:///?host=/run/postgresql,b&port=5433&user=me&dbname=x&target_session_attrs=primary")

    assert (plain.hosts, plain.password, plain.search_path, plain.tls) == (
        (("::1", 6543), ("other", 5432)),
        "p@ss",
        "mine",
        None,
    )
    assert (named.hosts, named.user, named.database) == ((("/run/postgresql", 5433), ("b", 5433)), "me", "x")
    assert (named.target, named.mode) == ("primary", "prefer")
    assert parse("postgresql://h/d?sslmode=verify-full").tls.check_hostname  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("somewhere", "is not of the form"),
        ("postgresql://h:x/d", "is not of the form"),
        ("postgresql:///d", "names no host"),
        ("mysql://h/d", "names mysql"),
        ("postgresql://h/d?service=x", "has 'service', which Hooklake does not take; it takes host"),
        ("postgresql://h/d?sslmode=often", "has sslmode=often; Hooklake takes disable or allow"),
        ("postgresql://h/d?target_session_attrs=standby", "Hooklake takes any or primary or read-write there"),
        ("postgresql://h/d?channel_binding=require", "has channel_binding=require; Hooklake takes disable or prefer"),
        ("postgresql://h/d?sslmode=verify-full&sslrootcert=/nowhere.pem", "sslrootcert=/nowhere.pem cannot be read"),
        ("postgresql://h/d?options=-cwork_mem%3D1GB", "Hooklake takes -csearch_path=<schema> there"),
    ],
)
def test_what_a_url_cannot_say(url: str, told: str) -> None:
    """What is not taken is told in one sentence."""
    with pytest.raises(Misconfigured, match=told):
        parse(url)


async def test_transactions_that_clash(database: Database, database_url: str) -> None:
    """A statement by itself that lost a deadlock is made again; within a transaction it is Contended, and nothing was changed."""
    own = door(database_url, connections=4)
    async with database.raw() as connection:
        for name in "ab":
            await connection.execute("INSERT INTO workers (name, slots, free, seen_at) VALUES ($1, 0, 0, now())", name)

    async def both(first: str, second: str, met: asyncio.Barrier) -> None:
        async with own.raw() as connection, connection.transaction():
            await connection.execute("SET LOCAL lock_timeout = 0; SET LOCAL deadlock_timeout = '10ms'")
            await connection.execute("UPDATE workers SET slots = slots + 1 WHERE name = $1", first)
            await met.wait()
            await connection.execute("UPDATE workers SET slots = slots + 1 WHERE name = $1", second)

    met = asyncio.Barrier(2)
    came_to = await asyncio.gather(both("a", "b", met), both("b", "a", met), return_exceptions=True)
    async with database.raw() as connection:
        slots = await connection.fetch("SELECT slots FROM workers")
    await own.close()

    assert [type(each) for each in came_to if each] == [Contended]
    assert [row["slots"] for row in slots] == [1, 1]
