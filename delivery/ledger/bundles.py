"""Batches: what collects for a webhook is closed into a parcel, once, and its members end as the parcel ends.

A parcel is an event row (the body) and a delivery row, so that it is claimed, fenced, retried and recorded as any other;
`parcels` knows the members. When to close is left to `jobs.py` and the sweep.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from delivery.lifecycle import State
from delivery.tickets import Ticket
from subscriptions import events
from subscriptions.database import Raw

#: The type of the event row that carries a batch; no event has it, since types have dots.
BATCH = "batch"
#: Events of one parcel (greenlake.md 3).
MEMBERS = 10

HOLD = "SELECT workspace_id, batching FROM webhooks WHERE id = $1 AND deleted_at IS NULL FOR UPDATE"

COLLECTED = """
SELECT d.event, d.due_at, e.body FROM deliveries d
CROSS JOIN LATERAL (SELECT body FROM events WHERE key = d.event OFFSET 0) AS e
WHERE d.webhook = $1 AND d.state = 'collecting' ORDER BY d.due_at, d.event LIMIT $2 FOR UPDATE OF d
"""

CLOSE = """
WITH written AS (
    INSERT INTO events (key, id, source, type, workspace_id, body) VALUES ($1, $1::text, '', $6, $3, $4)
), bundled AS (
    UPDATE deliveries SET state = 'bundled', due_at = NULL
    WHERE webhook = $2 AND event = ANY($5::uuid[]) AND round = 0 AND state = 'collecting'
), known AS (
    INSERT INTO parcels (id, webhook, members) VALUES ($1, $2, $5)
)
INSERT INTO deliveries (event, webhook, round, state, due_at, fence, attempts, lost) VALUES ($1, $2, 0, 'owed', $7, 0, 0, 0)
"""

RIPE = """
SELECT w.id FROM webhooks w CROSS JOIN LATERAL (
    SELECT 1 FROM deliveries d WHERE d.webhook = w.id AND d.state = 'collecting' AND d.due_at <= $1 LIMIT 1
) AS ripe WHERE w.batching AND w.deleted_at IS NULL LIMIT $2
"""

# Rows that were collected while batching was being switched off.
LEFT = """
SELECT w.id FROM webhooks w CROSS JOIN LATERAL (
    SELECT 1 FROM deliveries d WHERE d.webhook = w.id AND d.state = 'collecting' LIMIT 1
) AS found WHERE NOT w.batching AND w.deleted_at IS NULL
"""

# The newest round of the parcel says how its members ended; a late success overrides.
SETTLE = """
WITH ended AS (
    SELECT p.id, p.webhook, p.members, d.state, d.status, d.reason, d.ended_at, d.attempts
    FROM parcels p CROSS JOIN LATERAL (
        SELECT state, status, reason, ended_at, attempts FROM deliveries
        WHERE event = p.id AND webhook = p.webhook ORDER BY state = 'delivered' DESC, round DESC LIMIT 1
    ) AS d
    WHERE p.id = ANY($1::uuid[]) AND d.state IN ('delivered', 'failed', 'cancelled', 'expired')
), members AS (
    UPDATE deliveries m SET state = e.state, status = e.status, reason = e.reason, ended_at = e.ended_at, attempts = e.attempts
    FROM ended e CROSS JOIN LATERAL unnest(e.members) AS k (event)
    WHERE m.event = k.event AND m.webhook = e.webhook AND m.round = 0
        AND (m.state = 'bundled' OR (m.state = 'failed' AND e.state = 'delivered'))
)
UPDATE parcels p SET settled = true FROM ended e WHERE p.id = e.id
"""

UNSETTLED = "SELECT id FROM parcels WHERE NOT settled ORDER BY id LIMIT $1"


async def close(connection: Raw, webhook: UUID, *, now: datetime, due_at: datetime) -> Ticket | None:
    """Closes one parcel, if ten events have collected, the oldest one's time has come, or the webhook batches no more.

    Under the webhook's row lock, in the caller's transaction: two closers never share a member. Answers the parcel's
    ticket (its row being due at `due_at`), or None where nothing is to be closed.
    """
    holder = await connection.fetchrow(HOLD, webhook)
    if holder is None:
        return None
    rows = await connection.fetch(COLLECTED, webhook, MEMBERS)
    if not rows or (holder["batching"] and len(rows) < MEMBERS and rows[0]["due_at"] > now):
        return None
    erased = [row["event"] for row in rows if row["body"] is None]
    if erased:
        await connection.execute(EXPIRE, webhook, erased, now)
    rows = [row for row in rows if row["body"] is not None]
    if not rows:
        return await close(connection, webhook, now=now, due_at=due_at)
    key = events.event_key(now)
    body = b"[" + b",".join(row["body"] for row in rows) + b"]"
    members = [row["event"] for row in rows]
    await connection.execute(CLOSE, key, webhook, holder["workspace_id"], body, members, BATCH, due_at)
    return Ticket(key, webhook, 0, 0)


EXPIRE = f"""
UPDATE deliveries SET state = '{State.EXPIRED}', due_at = NULL, ended_at = $3, reason = 'its payload was erased'
WHERE webhook = $1 AND event = ANY($2::uuid[]) AND round = 0 AND state = 'collecting'
"""


async def ripe(connection: Raw, *, now: datetime, at_most: int) -> list[UUID]:
    """Webhooks whose oldest collected event has waited long enough."""
    return [row["id"] for row in await connection.fetch(RIPE, now, at_most)]


async def left(connection: Raw) -> list[UUID]:
    """Webhooks that batch no more, and still have collected events."""
    return [row["id"] for row in await connection.fetch(LEFT)]


async def settle(connection: Raw, parcels: Sequence[UUID]) -> None:
    """Ends the members of parcels that have ended; may be said again."""
    await connection.execute(SETTLE, list(parcels))


async def unsettled(connection: Raw, *, at_most: int) -> list[UUID]:
    """Parcels whose members have not ended yet, oldest first."""
    return [row["id"] for row in await connection.fetch(UNSETTLED, at_most)]
