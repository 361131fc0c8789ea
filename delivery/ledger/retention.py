"""Retention: whole days leave at once, when nothing of them is unfinished (protocol.md, Partitions).

How long records are kept is a setting; when to look is left to the clock.
"""

from collections.abc import Sequence
from datetime import date

import asyncpg

from subscriptions import partitions
from subscriptions.database import Raw

#: Seconds that a drop waits for the partition's lock before it leaves the day for another time.
WAIT = "2s"

UNFINISHED = """
SELECT EXISTS (SELECT 1 FROM "{deliveries}" WHERE state IN ('owed', 'parked', 'collecting', 'bundled'))
    OR EXISTS (SELECT 1 FROM parcels WHERE NOT settled AND id >= $1 AND id < $2)
    OR EXISTS (SELECT 1 FROM spreads WHERE event >= $1 AND event < $2)
    OR EXISTS (SELECT 1 FROM jobs WHERE event >= $1 AND event < $2)
"""


async def days(connection: Raw, tables: Sequence[str], *, until: date) -> list[date]:
    """The days up to `until` that any of the tables still keeps, oldest first."""
    found: set[date] = set()
    for table in tables:
        found.update(await partitions.kept(connection, table))
    return sorted(day for day in found if day <= until)


async def drop(connection: Raw, tables: Sequence[str], day: date) -> bool:
    """Drops the day from all tables together; false where something of it is unfinished, or in use at the moment."""
    names = {table: partitions.name_of(table, day) for table in tables}
    first, past = partitions.bounds(day)
    try:
        async with connection.transaction():
            await connection.execute(f"SET LOCAL lock_timeout = '{WAIT}'")
            present = [t for t in tables if await connection.fetchval("SELECT to_regclass($1) IS NOT NULL", names[t])]
            for table in present:
                await connection.execute(f'LOCK TABLE "{names[table]}" IN ACCESS EXCLUSIVE MODE')
            if "deliveries" in present:
                unfinished = UNFINISHED.format(deliveries=names["deliveries"])
                if await connection.fetchval(unfinished, first, past):
                    return False
            for table in present:
                await connection.execute(f'DROP TABLE "{names[table]}"')
    except asyncpg.LockNotAvailableError:
        return False
    return True
