"""Retention: whole days leave at once, when nothing of them is unfinished (protocol.md 1.9), or their payloads alone.

How long records are kept is a setting; when to look is left to the clock, what is erased on request to `ledger/jobs/erasures.py`.
"""

from collections.abc import Sequence
from datetime import date, datetime

import asyncpg

from delivery.ledger.days import on_day
from delivery.ledger.predicates import GATHERED, unleased
from delivery.ledger.records import batch_members
from subscriptions.ground import partitions
from subscriptions.ground.database import Raw

#: How long taking a day's tables out may wait for their locks, all of them together, before it is left for another time.
#: Whoever publishes waits behind it; shorter than the server's `deadlock_timeout`, so that nobody else is the one to give up.
WAIT = "250ms"
#: Seconds that writing a day anew may take; its readers and writers go on meanwhile.
REWRITE = 1800.0

# Each state by its own index, for a finished day has next to nothing in them. By order and limit, for an EXISTS may be
# answered by reading the whole day where the server misjudges it.
UNFINISHED = f"""
SELECT (SELECT 1 FROM {{deliveries}} WHERE state = 'owed' ORDER BY due_at LIMIT 1) IS NOT NULL
    OR (SELECT 1 FROM {{deliveries}} WHERE state = 'parked' ORDER BY webhook LIMIT 1) IS NOT NULL
    OR (SELECT 1 FROM {{deliveries}} d WHERE {GATHERED} ORDER BY webhook LIMIT 1) IS NOT NULL
    OR EXISTS (SELECT 1 FROM parcels WHERE NOT settled AND id >= $1 AND id < $2)
    OR EXISTS (SELECT 1 FROM spreads WHERE event >= $1 AND event < $2)
    OR EXISTS (SELECT 1 FROM jobs WHERE event >= $1 AND event < $2)
"""

#: What holds payloads: a day's rows without them, and the constraint which says that it is done, and keeps it so: a record
#: that comes later than that is written bare.
STRIPPED = {
    "events": ("key, id, source, type, workspace_id, NULL::bytea", "body IS NULL"),
    "attempts": (
        "webhook, event, round, fence, started_at, milliseconds, success, status, reason, '[]'::bytea, NULL::bytea, NULL::bytea",
        "request_headers = '[]' AND response_headers IS NULL AND response_body IS NULL",
    ),
}

WANTED = """
SELECT EXISTS (SELECT 1 FROM pg_class c WHERE c.oid = to_regclass($1)
    AND NOT EXISTS (SELECT 1 FROM pg_constraint k WHERE k.conrelid = c.oid AND k.conname = 'stripped'))
"""

# What is bundled ends with its parcel.
LET_GO = f"""
WITH next AS (
    SELECT d.event, d.webhook, d.round FROM {{deliveries}} d
    WHERE d.state IN ('owed', 'parked', 'collecting') AND {unleased("d", "$1")}
    LIMIT $2 FOR UPDATE SKIP LOCKED
)
UPDATE {{deliveries}} d SET state = 'expired', due_at = NULL, leased_until = NULL, fence = d.fence + 1, ended_at = $1,
    reason = 'its records were kept until the retention time'
FROM next n WHERE d.event = n.event AND d.webhook = n.webhook AND d.round = n.round
RETURNING d.event
"""


async def days(connection: Raw, tables: Sequence[str], *, until: date) -> list[date]:
    """The days up to `until` that any of the tables still keeps, oldest first."""
    found: set[date] = set()
    for table in tables:
        found.update(await partitions.kept(connection, table))
    return sorted(day for day in found if day <= until)


async def drop(connection: Raw, tables: Sequence[str], day: date) -> bool:
    """Drops the day from all tables together; false where something of it is unfinished, or in use at the moment."""
    present = await _present(connection, tables, day)
    if await _unfinished(connection, present, day):
        return False
    try:
        async with connection.transaction():
            await _take(connection, present, day)
            if await _unfinished(connection, present, day):
                return False
            for table in present:
                await connection.execute(f'DROP TABLE "{partitions.name_of(table, day)}"')
    except asyncpg.QueryCanceledError:
        return False
    return True


async def strip(connection: Raw, day: date) -> bool:
    """Writes the day's events and attempts anew without their payloads, which gives the disk back as well.

    False where that was done before, or something of the day is unfinished or in use at the moment. Reading goes on
    meanwhile; only the exchange of the tables, a moment at the end, takes the locks that a drop takes.
    """
    if await _unfinished(connection, await _present(connection, ["deliveries"], day), day):
        return False
    return any([await _rewrite(connection, table, day) for table in STRIPPED])


async def let_go(connection: Raw, day: date, *, now: datetime, chunk: int) -> int:
    """Ends what still waits of a day, whatever for, that its records may leave; answers how many rows.

    Batches take their members along; what is in somebody's hands is left to the next time.
    """
    rows = await connection.fetch(on_day(LET_GO, day), now, chunk)
    await batch_members.settle(connection, [row["event"] for row in rows])
    return len(rows)


async def _rewrite(connection: Raw, table: str, day: date) -> bool:
    name, (columns, rule) = partitions.name_of(table, day), STRIPPED[table]
    if not await connection.fetchval(WANTED, name):
        return False
    try:
        async with connection.transaction():
            # Of writers there are only late records and erasures: they wait.
            await _lock(connection, f'"{name}" IN SHARE ROW EXCLUSIVE MODE')
            # Another process may have had the lock before.
            if not await connection.fetchval(WANTED, name):
                return False
            await partitions.twin(connection, table, day, f"CONSTRAINT stripped CHECK ({rule})")
            copy = f'INSERT INTO "{partitions.twin_of(table, day)}" SELECT {columns} FROM "{name}"'
            await connection.execute(copy, timeout=REWRITE)
            await _take(connection, [table], day)
            await partitions.exchange(connection, table, day)
    except asyncpg.QueryCanceledError:
        return False
    return True


async def _unfinished(connection: Raw, tables: Sequence[str], day: date) -> bool:
    if "deliveries" not in tables:
        return False
    return bool(await connection.fetchval(on_day(UNFINISHED, day), *partitions.bounds(day)))


async def _take(connection: Raw, tables: Sequence[str], day: date) -> None:
    """Parents first, as everybody takes them: a partition cannot leave without its parent's lock."""
    parents = [f'ONLY "{table}"' for table in tables]
    names = [f'"{partitions.name_of(table, day)}"' for table in tables]
    await _lock(connection, f"{', '.join(parents + names)} IN ACCESS EXCLUSIVE MODE")


async def _lock(connection: Raw, what: str) -> None:
    """Raises QueryCanceledError where that takes too long."""
    await connection.execute(f"SET LOCAL statement_timeout = '{WAIT}'")
    await connection.execute(f"LOCK TABLE {what}")
    await connection.execute("SET LOCAL statement_timeout = DEFAULT")


async def _present(connection: Raw, tables: Sequence[str], day: date) -> list[str]:
    names = [partitions.name_of(table, day) for table in tables]
    rows = await connection.fetch(
        "SELECT to_regclass(name) IS NOT NULL AS there FROM unnest($1::text[]) AS name", names
    )
    return [table for table, row in zip(tables, rows, strict=True) if row["there"]]
