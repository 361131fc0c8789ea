"""Batches: what collects for a webhook is closed into a parcel, once.

A parcel is an event row (the body) and a delivery row, so that it is claimed, fenced, retried and recorded as any other;
`parcels` knows the members, which end as `ledger/records/batch_members.py` says. Whose time has come is asked in
`ripe_batches.py`.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import msgspec

from delivery.ledger.owing import deliveries
from delivery.ledger.owing.deliveries import Times, Way
from delivery.ledger.predicates import HALTED
from delivery.lifecycle import State
from delivery.tickets import Ticket
from subscriptions.ground import event_keys
from subscriptions.ground.database import Raw
from subscriptions.ground.statements import Row, statement

#: The type of the event row that carries a batch; no event has it (cloudevents.md C9), while any word may be registered.
BATCH = ""
#: Events of one parcel (greenlake.md 3.4).
MEMBERS = 10

# A paused webhook keeps collecting, so that what goes out at last are full batches. Not so one in ERROR: its probe may need
# something to try.
STANDING = f"""
SELECT w.workspace_id, w.batching, {HALTED} AS keeps, {deliveries.WAY} AS way
FROM webhooks w WHERE w.id = $1 AND w.deleted_at IS NULL
"""

HOLD = STANDING + "FOR UPDATE"

# Bundled rows stand in the same index, behind, where nothing is due: `IS NOT NULL` keeps off them.
COLLECTING = "d.webhook = $1 AND d.state = 'collecting' AND d.due_at IS NOT NULL ORDER BY d.due_at, d.event"

LOOK = f"""
SELECT count(*) AS count, min(due_at) AS oldest
FROM (SELECT d.due_at FROM deliveries d WHERE {COLLECTING} LIMIT {MEMBERS}) AS collected
"""

COLLECTED = f"""
SELECT d.event, d.due_at, e.body FROM deliveries d
CROSS JOIN LATERAL (SELECT body FROM events WHERE key = d.event OFFSET 0) AS e
WHERE {COLLECTING} LIMIT {MEMBERS} FOR UPDATE OF d
"""


class Close(msgspec.Struct, frozen=True, kw_only=True):
    """What `close.sql` is given."""

    parcel: UUID
    webhook: UUID
    workspace_id: str
    body: bytes
    members: list[UUID]
    state: State
    due_at: datetime | None


CLOSE = statement(__package__, "close", Close, {"batch": BATCH})

ERASED = f"""
UPDATE deliveries SET state = '{State.EXPIRED}', due_at = NULL, ended_at = $3, reason = 'its payload was erased'
WHERE webhook = $1 AND event = ANY($2::uuid[]) AND round = 0 AND state || '' = 'collecting'
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class ClosedBatch:
    """A parcel that was closed."""

    ticket: Ticket
    #: How its delivery begins: only one to be sent is announced.
    way: Way


async def close(connection: Raw, webhook: UUID, times: Times) -> ClosedBatch | None:
    """Closes one parcel, if ten events have collected, the oldest one's time has come, or the webhook batches no more.

    Under the webhook's row lock, in a transaction of its own: two closers never share a member. None where there is nothing
    to close, which is found without the lock.
    """
    standing = await connection.fetchrow(STANDING, webhook)
    look = await connection.fetchrow(LOOK, webhook)
    if standing is None or look is None or not _ready(standing, look["count"], look["oldest"], times.now):
        return None
    async with connection.transaction():
        standing = await connection.fetchrow(HOLD, webhook)
        rows = [] if standing is None else await _collected(connection, webhook, times.now)
        if standing is None or not rows or not _ready(standing, len(rows), rows[0]["due_at"], times.now):
            return None
        key, way = event_keys.new(times.now), Way(standing["way"])
        body = b"[" + b",".join(row["body"] for row in rows) + b"]"
        given = Close(
            parcel=key,
            webhook=webhook,
            workspace_id=standing["workspace_id"],
            body=body,
            members=[row["event"] for row in rows],
            state=deliveries.STATES[way],
            due_at=times.due(way),
        )
        await CLOSE.execute(connection, given)
    return ClosedBatch(ticket=Ticket(key, webhook, 0, 0), way=way)


def _ready(standing: Row, count: int, oldest: datetime | None, now: datetime) -> bool:
    if oldest is None:
        return False
    return not standing["batching"] or (not standing["keeps"] and (count >= MEMBERS or oldest <= now))


async def _collected(connection: Raw, webhook: UUID, now: datetime) -> list[Row]:
    """The oldest collected rows, locked; those whose payload was erased end here, and others take their places."""
    while True:
        rows: list[Row] = await connection.fetch(COLLECTED, webhook)
        erased = [row["event"] for row in rows if row["body"] is None]
        if not erased:
            return rows
        await connection.execute(ERASED, webhook, erased, now)
