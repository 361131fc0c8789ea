"""How the server runs the hot statements beside a hundred thousand finished deliveries: by index, and in one day only."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import asyncpg
import pytest

from delivery.ledger import claims, drains, errands, records, sweeps, tallies
from delivery.ledger.days import on_day
from subscriptions import events, partitions, tables
from subscriptions.database import Database, Raw
from subscriptions.settings import Settings
from tests.conftest import VAULT_KEYS
from tests.delivery.craft import Craft
from tests.clock import Clock

NAME = "hooklake_plans"
TABLES = ("events", "deliveries", "attempts")
NOW = datetime.now(UTC).replace(hour=12)
DAYS = [(NOW - timedelta(days=n)).date() for n in range(5)]
TODAY = DAYS[0]
#: Webhooks, each of which every event was delivered to, and events a day: 100,000 finished deliveries in all.
HOOKS, EVENTS = 20, 1000

# Keys as uuid7 has them: milliseconds, version, variant, and a number in place of chance.
SEED_EVENTS = """
INSERT INTO events (key, id, source, type, workspace_id, body)
SELECT (lpad(to_hex($1::bigint + n), 12, '0') || '70008' || lpad(to_hex(n), 15, '0'))::uuid, n::text, '//here', 'some.type', 'w', '{}'
FROM generate_series(1, $2::int) AS n
"""
SEED_DELIVERIES = """
INSERT INTO deliveries (event, webhook, round, state, fence, attempts, lost, status, reason, ended_at)
SELECT e.key, w.id, 0, 'delivered', 1, 1, 0, 200, '200 OK', $3 FROM events e, webhooks w WHERE e.key >= $1 AND e.key < $2
"""
SEED_ATTEMPTS = """
INSERT INTO attempts (webhook, event, round, fence, started_at, milliseconds, success, status, reason, request_headers)
SELECT webhook, event, 0, 1, $3, 10, true, 200, '200 OK', '[]' FROM deliveries WHERE event >= $1 AND event < $2
"""


@pytest.fixture(scope="module")
def grown_url(database_url: str) -> Iterator[str]:
    """A database of its own on the same server: five days of finished deliveries, and statistics of them."""
    asyncio.run(_statement(database_url, f"CREATE DATABASE {NAME}"))
    url = urlsplit(database_url)._replace(path=f"/{NAME}").geturl()
    asyncio.run(_grow(url))
    yield url
    asyncio.run(_statement(database_url, f"DROP DATABASE {NAME}"))


@pytest.fixture
async def grown(grown_url: str) -> AsyncIterator[Raw]:
    """A connection to it, as the processes open theirs."""
    door = Database(Settings(database_url=grown_url, vault_keys=VAULT_KEYS))
    async with door.raw() as connection:
        yield connection
    await door.close()


async def _statement(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(statement)
    await connection.close()


async def _grow(url: str) -> None:
    door = Database(Settings(database_url=url, vault_keys=VAULT_KEYS, database_wait=30))
    async with door.transaction() as connection:
        await connection.run_sync(tables.metadata.create_all)
    craft = Craft(door, Clock())
    hooks = await craft.hooks(HOOKS, subscribed="some.type")
    async with door.raw() as connection:
        await partitions.make(connection, TABLES, [*DAYS, *(TODAY + timedelta(days=n) for n in range(1, 8))])
        for day in DAYS:
            first, past = partitions.bounds(day)
            await connection.execute(SEED_EVENTS, (first.int >> 80) + 3_600_000, EVENTS)
            await connection.execute(SEED_DELIVERIES, first, past, NOW)
            await connection.execute(SEED_ATTEMPTS, first, past, NOW)
        # What a busy moment owes: a few hundred rows of today, and retries of yesterday.
        await connection.execute(
            "UPDATE deliveries SET state = 'owed', due_at = $1, ended_at = NULL WHERE event IN "
            "(SELECT key FROM events WHERE id::int % 40 = 0 AND key >= $2)",
            NOW,
            partitions.bounds(DAYS[1])[0],
        )
        await connection.execute("UPDATE deliveries SET state = 'parked' WHERE webhook = $1 AND state = 'owed'", hooks[0])
        for table in (*TABLES, "webhooks", "subscriptions", "spreads", "jobs", "challenges", "receipts"):
            await connection.execute(f"ANALYZE {table}")
    await door.close()


async def custom(connection: Raw, statement: str, arguments: Sequence[Any]) -> str:
    """The plan for these arguments."""
    rows = await connection.fetch(f"EXPLAIN {statement}", *arguments)
    return "\n".join(row[0] for row in rows)


async def generic(connection: Raw, statement: str, arguments: Sequence[Any]) -> str:
    """The plan that the server keeps once a connection has sent the statement a few times."""
    async with connection.transaction():
        await connection.execute("SET LOCAL plan_cache_mode = force_generic_plan")
        await connection.execute(f"PREPARE planned AS {statement}")
        nothing = f"({', '.join(['NULL'] * len(arguments))})" if arguments else ""
        rows = await connection.fetch(f"EXPLAIN EXECUTE planned{nothing}")
        await connection.execute("DEALLOCATE planned")
    return "\n".join(row[0] for row in rows)
