"""Sweeps: how much is due, who could take it, and what races or a dead process left behind (protocol.md 3.2, 3.4).

The sweep never lists rows; it counts, up to what could be taken. When to ask is left to `workers/schedule.py`.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from subscriptions.ground.database import Raw

#: A worker that has not said how many slots it has free for this long is taken for dead.
WORKER_SILENCE = 5.0

DUE = """
SELECT count(*) FROM (
    SELECT 1 FROM deliveries WHERE state = 'owed' AND due_at <= $1 AND (leased_until IS NULL OR leased_until <= $1) LIMIT $2
) AS due
"""

SEEN = """
INSERT INTO workers (name, slots, free, seen_at, kind, ahead, swept_at, foreign_tickets) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (name) DO UPDATE SET slots = excluded.slots, free = excluded.free, seen_at = excluded.seen_at,
    ahead = excluded.ahead, foreign_tickets = excluded.foreign_tickets, swept_at = coalesce(excluded.swept_at, workers.swept_at)
"""

PROCESSES = """
SELECT kind, slots, free, ahead, foreign_tickets, $1 - seen_at AS silent, $1 - swept_at AS swept FROM workers ORDER BY kind, name
"""

TAKERS = "SELECT least(count(*), sum(free)) FROM workers WHERE kind = 'worker' AND seen_at > $1"

# From webhook to webhook, one step each: parked rows are never scanned as a whole. Those of a deleted webhook were in
# somebody's hands, or not committed, when the others were cancelled.
LEFT_PARKED = """
WITH RECURSIVE parked (webhook) AS (
    (SELECT webhook FROM deliveries WHERE state = 'parked' ORDER BY webhook LIMIT 1)
    UNION ALL
    SELECT x.webhook FROM parked p, LATERAL (
        SELECT webhook FROM deliveries WHERE state = 'parked' AND webhook > p.webhook ORDER BY webhook LIMIT 1
    ) AS x
)
SELECT w.id, w.deleted_at IS NOT NULL AS deleted FROM parked p JOIN webhooks w ON w.id = p.webhook
WHERE (w.status IN ('ACTIVE', 'WARNING') OR w.deleted_at IS NOT NULL) AND NOT EXISTS (
    SELECT 1 FROM jobs j WHERE j.webhook = w.id AND j.kind = CASE WHEN w.deleted_at IS NULL THEN 'wake' ELSE 'cancel' END
)
"""

LEFT_UNGREETED = """
SELECT w.id, w.epoch, w.status FROM webhooks w LEFT JOIN challenges c ON c.webhook = w.id
WHERE w.status IN ('PENDING', 'ERROR') AND w.deleted_at IS NULL AND coalesce(c.purpose, 'heartbeat') = 'heartbeat'
"""

# Spread over the whole interval by the ids, which are random: after an upgrade all of them lack one.
LEFT_UNBEATEN = """
INSERT INTO challenges (webhook, epoch, purpose, tries, due_at, fence)
SELECT w.id, w.epoch, 'heartbeat', 0,
    $1::timestamptz + $2::float8 * (get_byte(uuid_send(w.id), 0) * 256 + get_byte(uuid_send(w.id), 1)) / 65536
        * interval '1 second', 0
FROM webhooks w
WHERE w.status IN ('ACTIVE', 'WARNING') AND w.deleted_at IS NULL
    AND NOT EXISTS (SELECT 1 FROM challenges c WHERE c.webhook = w.id)
ON CONFLICT DO NOTHING
"""

LEFT_CALM = """
SELECT id, epoch FROM webhooks WHERE status = 'WARNING' AND deleted_at IS NULL
    AND last_failure_at < CASE WHEN failures = 0 THEN $2::timestamptz ELSE $1 END
"""

EXPIRE = """
WITH next AS (
    SELECT d.event, d.webhook, d.round FROM webhooks w, LATERAL (
        SELECT event, webhook, round FROM deliveries
        WHERE webhook = w.id AND state = 'parked' AND event < $1 ORDER BY event LIMIT $3 FOR UPDATE SKIP LOCKED
    ) AS d WHERE w.status IN ('PENDING', 'ERROR', 'DISABLED') LIMIT $3
)
UPDATE deliveries d SET state = 'expired', ended_at = $2, reason = 'kept for its webhook until the retention time'
FROM next n WHERE d.event = n.event AND d.webhook = n.webhook AND d.round = n.round
"""


@asynccontextmanager
async def alone(connection: Raw, lock: int) -> AsyncIterator[bool]:
    """A transaction that holds the advisory lock; false where another process holds it."""
    async with connection.transaction():
        yield bool(await connection.fetchval("SELECT pg_try_advisory_xact_lock($1)", lock))


async def count_due(connection: Raw, *, now: datetime, at_most: int) -> int:
    """How many deliveries are due and in nobody's hands, counted up to `at_most`."""
    return int(await connection.fetchval(DUE, now, at_most))


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
    free: int = 0
    #: Seconds that its machine's clock is ahead of the database's; 0 within a second.
    ahead: float
    #: When it made a sweep last.
    swept_at: datetime | None = None
    #: Tickets it took that named no delivery of this database.
    foreign: int = 0


async def seen(connection: Raw, said: ProcessReport, *, now: datetime) -> None:
    """A process says that it lives."""
    what = (said.kind, said.ahead, said.swept_at, said.foreign)
    await connection.execute(SEEN, said.name, said.slots, said.free, now, *what)


@dataclass(frozen=True, kw_only=True)
class ProcessState:
    """A process as it last spoke of itself."""

    kind: str
    slots: int
    free: int
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
            free=row["free"],
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
    return [(row["id"], row["deleted"]) for row in await connection.fetch(LEFT_PARKED)]


@dataclass(frozen=True, kw_only=True, slots=True)
class UnchallengedWebhook:
    """A webhook that waits for a challenge or a probe that no row stands for."""

    webhook: UUID
    epoch: int
    status: str


async def left_ungreeted(connection: Raw) -> list[UnchallengedWebhook]:
    """PENDING and ERROR webhooks without a challenge row."""
    rows = await connection.fetch(LEFT_UNGREETED)
    return [UnchallengedWebhook(webhook=row["id"], epoch=row["epoch"], status=row["status"]) for row in rows]


async def put_heartbeats(connection: Raw, *, now: datetime, interval: float) -> None:
    """Gives sendable webhooks that no row stands for a heartbeat within the interval (seconds)."""
    await connection.execute(LEFT_UNBEATEN, now, interval)


async def left_calm(connection: Raw, *, before: datetime, since_well: datetime) -> list[tuple[UUID, int]]:
    """(webhook, epoch) of those in WARNING whose last failure is from `before`, or with a success since from `since_well`."""
    return [(row["id"], row["epoch"]) for row in await connection.fetch(LEFT_CALM, before, since_well)]


async def expire_parked(connection: Raw, *, before: UUID, now: datetime, chunk: int) -> int:
    """Ends parked rows of events older than the retention time, and answers how many."""
    done: str = await connection.execute(EXPIRE, before, now, chunk)
    return int(done.rpartition(" ")[2])
