"""Sweeps: how much is due, who could take it, and what races or a dead process left behind (protocol.md 3.2, 3.4).

The sweep never lists rows; it counts, up to what could be taken. When to ask is left to `workers/schedule.py`.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from delivery.ledger.predicates import PREDICATES
from subscriptions.ground.database import Raw
from subscriptions.ground.statements import statement

#: A worker that has not said how many slots it has free for this long is taken for dead.
WORKER_SILENCE = 5.0

PROCESSES = """
SELECT kind, slots, in_use, ahead, foreign_tickets, $1 - seen_at AS silent, $1 - swept_at AS swept
FROM workers ORDER BY kind, name
"""

TAKERS = "SELECT least(count(*), sum(free)) FROM workers WHERE kind = 'worker' AND seen_at > $1"

LEFT_UNCHALLENGED = """
SELECT w.id, w.epoch, w.status FROM webhooks w LEFT JOIN challenges c ON c.webhook = w.id
WHERE w.status IN ('PENDING', 'ERROR') AND w.deleted_at IS NULL AND coalesce(c.purpose, 'heartbeat') = 'heartbeat'
"""

LEFT_CALM = """
SELECT id, epoch FROM webhooks WHERE status = 'WARNING' AND deleted_at IS NULL
    AND last_failure_at < CASE WHEN failures = 0 THEN $2::timestamptz ELSE $1 END
"""


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """What `due.sql` is given."""

    now: datetime
    at_most: int


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What `seen.sql` is given, as `ProcessReport` has it."""

    name: str
    slots: int
    free: int
    in_use: int
    now: datetime
    kind: str
    ahead: float
    swept_at: datetime | None
    foreign: int


class Heartbeats(msgspec.Struct, frozen=True, kw_only=True):
    """What `left_unbeaten.sql` is given."""

    now: datetime
    #: Seconds.
    interval: float


class ExpireParked(msgspec.Struct, frozen=True, kw_only=True):
    """What `expire_parked.sql` is given."""

    #: The first event that stays.
    before: UUID
    now: datetime
    chunk: int


class LeftParked(msgspec.Struct, frozen=True, kw_only=True):
    """What `left_parked.sql` is given: nothing."""


DUE = statement(__package__, "due", Due, PREDICATES)
SEEN = statement(__package__, "seen", Seen)
LEFT_PARKED = statement(__package__, "left_parked", LeftParked, PREDICATES)
LEFT_UNBEATEN = statement(__package__, "left_unbeaten", Heartbeats, PREDICATES)
EXPIRE = statement(__package__, "expire_parked", ExpireParked)


@asynccontextmanager
async def alone(connection: Raw, lock: int) -> AsyncIterator[bool]:
    """A transaction that holds the advisory lock; false where another process holds it."""
    async with connection.transaction():
        yield bool(await connection.fetchval("SELECT pg_try_advisory_xact_lock($1)", lock))


async def count_due(connection: Raw, *, now: datetime, at_most: int) -> int:
    """How many deliveries are due and in nobody's hands, counted up to `at_most`."""
    return int(await DUE.fetchval(connection, Due(now=now, at_most=at_most)))


async def database_now(connection: Raw) -> datetime:
    """The database's time."""
    now: datetime = await connection.fetchval("SELECT clock_timestamp()")
    return now


@dataclass(frozen=True, kw_only=True)
class ProcessReport:
    """What a process says of itself; slots and sweeps are a worker's."""

    name: str
    #: `worker`, `beat` or `api`.
    kind: str
    slots: int = 0
    #: What a sweep may send it: nothing while it drains.
    free: int = 0
    #: Slots that attempts hold, and outcomes that are not recorded yet.
    in_use: int = 0
    #: Seconds that its machine's clock is ahead of the database's; 0 within a second.
    ahead: float
    #: When it made a sweep last.
    swept_at: datetime | None = None
    #: Tickets it took that named no delivery of this database.
    foreign: int = 0


async def seen(connection: Raw, said: ProcessReport, *, now: datetime) -> None:
    """A process says that it lives."""
    given = Seen(
        name=said.name,
        slots=said.slots,
        free=said.free,
        in_use=said.in_use,
        now=now,
        kind=said.kind,
        ahead=said.ahead,
        swept_at=said.swept_at,
        foreign=said.foreign,
    )
    await SEEN.execute(connection, given)


@dataclass(frozen=True, kw_only=True)
class ProcessState:
    """A process as it last spoke of itself."""

    kind: str
    slots: int
    in_use: int
    ahead: float
    #: Seconds since it spoke, and since the last sweep that it made.
    silent: float
    swept: float | None
    #: Tickets it took that named no delivery of this database.
    foreign: int


async def processes(connection: Raw, *, now: datetime) -> list[ProcessState]:
    """All that said anything within the last hour."""
    rows = await connection.fetch(PROCESSES, now)
    return [
        ProcessState(
            kind=row["kind"],
            slots=row["slots"],
            in_use=row["in_use"],
            ahead=row["ahead"],
            foreign=row["foreign_tickets"],
            silent=max(0.0, row["silent"].total_seconds()),
            swept=None if row["swept"] is None else max(0.0, row["swept"].total_seconds()),
        )
        for row in rows
    ]


async def unseen(connection: Raw, name: str) -> None:
    """A worker that ends says so."""
    await connection.execute("DELETE FROM workers WHERE name = $1", name)


async def takers(connection: Raw, *, now: datetime) -> int:
    """How many live workers there are, and no more than they have free slots together."""
    since = now - timedelta(seconds=WORKER_SILENCE)
    return int(await connection.fetchval(TAKERS, since) or 0)


async def forget_silent(connection: Raw, *, now: datetime) -> None:
    """Takes the rows of dead workers out, an hour after their last word."""
    await connection.execute("DELETE FROM workers WHERE seen_at < $1", now - timedelta(hours=1))


async def left_parked(connection: Raw) -> list[tuple[UUID, bool]]:
    """(webhook, whether it is deleted) of those whose parked rows wait for nothing, and no job is under way for them."""
    return [(row["id"], row["deleted"]) for row in await LEFT_PARKED.fetch(connection, LeftParked())]


@dataclass(frozen=True, kw_only=True, slots=True)
class UnchallengedWebhook:
    """A webhook that waits for a challenge or a probe that no row stands for."""

    webhook: UUID
    epoch: int
    status: str


async def left_unchallenged(connection: Raw) -> list[UnchallengedWebhook]:
    """PENDING and ERROR webhooks without a challenge row."""
    rows = await connection.fetch(LEFT_UNCHALLENGED)
    return [UnchallengedWebhook(webhook=row["id"], epoch=row["epoch"], status=row["status"]) for row in rows]


async def put_heartbeats(connection: Raw, *, now: datetime, interval: float) -> None:
    """Gives sendable webhooks that no row stands for a heartbeat within the interval (seconds)."""
    await LEFT_UNBEATEN.execute(connection, Heartbeats(now=now, interval=interval))


async def left_calm(connection: Raw, *, before: datetime, since_well: datetime) -> list[tuple[UUID, int]]:
    """(webhook, epoch) of those in WARNING whose last failure is from `before`, or with a success since from `since_well`."""
    return [(row["id"], row["epoch"]) for row in await connection.fetch(LEFT_CALM, before, since_well)]


async def expire_parked(connection: Raw, *, before: UUID, now: datetime, chunk: int) -> int:
    """Ends parked rows of events older than the retention time, and answers how many."""
    done = await EXPIRE.execute(connection, ExpireParked(before=before, now=now, chunk=chunk))
    return int(done.rpartition(" ")[2])
