"""Partitions of the growing tables: one a day, bounded by uuid7 prefixes, made ahead of time and dropped by age.

Which tables are partitioned is the caller's to say: each room names its own.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from subscriptions.ground import event_keys
from subscriptions.ground.database import Raw

#: Any two makers take turns, whichever process they are in.
MAKERS = 0x6C616B65
#: Deliveries are updated in place twice or more: room on the page keeps those updates off the indexes.
OPTIONS = {
    "events": "autovacuum_vacuum_insert_scale_factor = 0.5",
    "parcels": "fillfactor = 80",
    "attempts": "autovacuum_vacuum_insert_scale_factor = 0.5",
    "deliveries": "fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0",
}
#: The uuid7 that says the day.
KEYS = {"events": "key", "parcels": "id", "attempts": "event", "deliveries": "event"}


def name_of(table: str, day: date) -> str:
    """The table's partition of the day: `deliveries_20261122`."""
    return f"{table}_{day:%Y%m%d}"


def day_of(key: UUID) -> date:
    """The day whose partition holds the key."""
    return event_keys.time_of(key).date()


def bounds(day: date) -> tuple[UUID, UUID]:
    """The first uuid7 of the day and the first of the next."""
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return event_keys.floor(start), event_keys.floor(start + timedelta(days=1))


async def make(connection: Raw, tables: Sequence[str], days: Sequence[date]) -> None:
    """Makes what is missing; safe to run from many processes at once."""
    wanted = [(table, day) for day in days for table in tables]
    present = await _present(connection, [name_of(table, day) for table, day in wanted])
    if len(present) == len(wanted):
        return
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock($1)", MAKERS)
        present = await _present(connection, [name_of(table, day) for table, day in wanted])
        for table, day in wanted:
            name = name_of(table, day)
            if name in present:
                continue
            first, past = bounds(day)
            # Made apart and attached: `PARTITION OF` would lock the parent against every reader and writer.
            await connection.execute(
                f'CREATE TABLE "{name}" (LIKE "{table}" INCLUDING DEFAULTS INCLUDING CONSTRAINTS) WITH ({OPTIONS[table]})'
            )
            await connection.execute(
                f"ALTER TABLE \"{table}\" ATTACH PARTITION \"{name}\" FOR VALUES FROM ('{first}') TO ('{past}')"
            )


def twin_of(table: str, day: date) -> str:
    """The table that is to take a partition's place."""
    return name_of(table, day) + "_twin"


async def twin(connection: Raw, table: str, day: date, constraint: str) -> None:
    """Makes an empty twin of the partition, under a further constraint; in the caller's transaction, up to `exchange`."""
    first, past = bounds(day)
    # The bounds as a check: attaching would read the whole table for them, under the parent's lock.
    await connection.execute(
        f'CREATE TABLE "{twin_of(table, day)}" (LIKE "{name_of(table, day)}" INCLUDING ALL, {constraint}, '
        f"CONSTRAINT bounds CHECK ({KEYS[table]} >= '{first}' AND {KEYS[table]} < '{past}')) WITH ({OPTIONS[table]})"
    )


async def exchange(connection: Raw, table: str, day: date) -> None:
    """The twin takes the partition's place, which is gone then."""
    (first, past), name, twin = bounds(day), name_of(table, day), twin_of(table, day)
    await connection.execute(f'DROP TABLE "{name}"')
    await connection.execute(f'ALTER TABLE "{twin}" RENAME TO "{name}"')
    await connection.execute(
        f"ALTER TABLE \"{table}\" ATTACH PARTITION \"{name}\" FOR VALUES FROM ('{first}') TO ('{past}')"
    )
    await connection.execute(f'ALTER TABLE "{name}" DROP CONSTRAINT bounds')


async def ahead(connection: Raw, tables: Sequence[str], now: datetime, days: int = 7) -> None:
    """Makes the partitions from yesterday's to those of a week ahead (protocol.md 1.8)."""
    today = now.date()
    await make(connection, tables, [today + timedelta(days=offset) for offset in range(-1, days + 1)])


async def kept(connection: Raw, table: str) -> list[date]:
    """The days that have a partition of the table, oldest first."""
    names = await connection.fetch(
        "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = $1::regclass",
        table,
    )
    return sorted(datetime.strptime(row["relname"][-8:], "%Y%m%d").replace(tzinfo=UTC).date() for row in names)


async def _present(connection: Raw, names: Sequence[str]) -> set[str]:
    # Where our tables are: another schema may hold a Hooklake of its own.
    rows = await connection.fetch(
        "SELECT relname FROM pg_class WHERE relname = ANY($1::text[]) "
        "AND relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())",
        list(names),
    )
    return {row["relname"] for row in rows}
