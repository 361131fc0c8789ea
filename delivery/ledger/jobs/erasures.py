"""Erasure: what events carried leaves at once, on request; what they were, when and to whom they went stays (protocol.md 9).

Who may ask is left to the entrance, going on in chunks to `upkeep/jobs.py`, what leaves by age to `ledger/upkeep/retention.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg

from delivery.ledger.days import by_day, on_day
from delivery.ledger.jobs.job_rows import ClaimedJob
from delivery.ledger.owing.batches import BATCH
from delivery.ledger.owing.deliveries import START
from delivery.ledger.predicates import unleased
from subscriptions.ground import event_keys, partitions
from subscriptions.ground.database import Raw

#: Seconds after the end of a lease at which its attempt has been recorded, or never will be.
RECORDED = 60.0
#: Events that one transaction of a workspace's erasure looks at, and that one statement erases: each may have thousands of
#: deliveries.
PAGE, FEW = 500, 50
#: Deadlocks in a row that end an erasure: claims and records lock rows in other orders.
DEADLOCKS = 5
#: A batch closed so long (seconds) before an erasure may have become visible only after it had begun; no clock lags further.
CLOSING = 60.0

# After this none of the deliveries is begun any more. What a claim holds is left: its attempt is under way, and its record says
# what became of it; the claim after that finds no payload. The state is hidden from the planner, as in
# `ledger/claims/sql/by_ticket.sql`.
STOP = f"""
UPDATE {{deliveries}} AS d SET state = 'expired', due_at = NULL, leased_until = NULL, fence = d.fence + 1, ended_at = $2,
    reason = 'its payload was erased'
WHERE d.event = ANY($1::uuid[]) AND (
    d.state || '' IN ('parked', 'collecting', 'bundled')
    OR (d.state || '' = 'owed' AND {unleased("d", "$2")})
)
"""

BLANK = "UPDATE {events} SET body = NULL WHERE key = ANY($1::uuid[]) AND body IS NOT NULL"

# By the deliveries, for the attempts' key begins with the webhook.
FORGET = """
UPDATE {attempts} AS a SET request_headers = '[]', response_headers = NULL, response_body = NULL
FROM {deliveries} AS d
WHERE d.event = ANY($1::uuid[]) AND a.webhook = d.webhook AND a.event = d.event AND a.round = d.round
"""

# Attempts under way bring their answers when they end.
COME_BACK = """
INSERT INTO jobs (id, kind, event, due_at, fence)
SELECT gen_random_uuid(), 'erase', d.event, max(d.leased_until) + $2::float8 * interval '1 second', 0 FROM {deliveries} AS d
WHERE d.event = ANY($1::uuid[]) AND d.state || '' = 'owed' AND d.leased_until > $3 GROUP BY d.event
"""

WEBHOOKS = "SELECT DISTINCT webhook FROM {deliveries} WHERE event = ANY($1::uuid[])"

# A batch closes after its events came in.
PARCELS = """
SELECT id FROM parcels WHERE webhook = ANY($1::uuid[]) AND id >= $2 AND members && $3::uuid[] ORDER BY id FOR UPDATE
"""

# Its other events are owed still: it goes on without those that were erased.
CUT = """
WITH cut AS (
    UPDATE parcels SET members = ARRAY(
        SELECT k.event FROM unnest(members) WITH ORDINALITY AS k (event, place) WHERE k.event <> ALL($2::uuid[]) ORDER BY k.place
    ) WHERE id = $1 RETURNING members
)
UPDATE events SET body = (
    SELECT '['::bytea || string_agg(e.body, ','::bytea ORDER BY k.place) || ']'::bytea
    FROM cut, unnest(cut.members) WITH ORDINALITY AS k (event, place) JOIN events e ON e.key = k.event
) WHERE key = $1 AND body IS NOT NULL AND EXISTS (SELECT 1 FROM cut)
RETURNING body IS NULL AS empty
"""

WORKSPACE_JOB = "INSERT INTO jobs (id, kind, workspace_id, due_at, fence) VALUES ($1, 'erase', $2, $3, 0)"

# In the order of the keys, so that an erasure can go on where it was.
NEXT = """
WITH page AS (
    SELECT key, workspace_id = $1 AND body IS NOT NULL AS wanted FROM {events} WHERE key > $2 AND key < $3 ORDER BY key LIMIT $4
)
SELECT count(*) AS count, ARRAY(SELECT key FROM page WHERE wanted) AS wanted,
    (SELECT key FROM page ORDER BY key DESC LIMIT 1) AS last
FROM page
"""

MOVE = "UPDATE jobs SET event = $3, leased_until = $4 WHERE id = $1 AND fence = $2"


@dataclass(frozen=True, kw_only=True)
class ErasedChunk:
    """What a chunk came to."""

    #: Events that had a payload.
    events: int
    #: Nothing is left, or the job is another claim's by now.
    over: bool


async def owner(connection: Raw, key: UUID) -> str | None:
    """The workspace of the event of this key; None where there is none: a batch is no event."""
    found: str | None = await connection.fetchval(
        "SELECT workspace_id FROM events WHERE key = $1 AND type <> $2", key, BATCH
    )
    return found


async def erase(connection: Raw, keys: Sequence[UUID], *, now: datetime, since: UUID | None = None) -> None:
    """Empties events, the answers to them and the batches with them; what waits of them ends `expired`. May be said again.

    Batches are looked for from `since` on, or from shortly before the events on. After the commit no attempt of them begins;
    for those under way a job comes back. One transaction, which the caller may have opened.
    """
    for _ in range(DEADLOCKS - 1):
        try:
            return await _erase(connection, keys, now, since)
        except asyncpg.DeadlockDetectedError:
            if connection.is_in_transaction():
                raise
        except asyncpg.UndefinedTableError:  # dropped by age since
            return None
    return await _erase(connection, keys, now, since)


async def again(connection: Raw, event: UUID, *, now: datetime) -> None:
    """Comes back to an event; of a batch that lives on without some of its events only answers are erased."""
    row = await connection.fetchrow("SELECT type, body IS NULL AS gone FROM events WHERE key = $1", event)
    if row is None:
        return
    if row["type"] == BATCH and not row["gone"]:
        async with connection.transaction():
            await _forget(connection, [event], now)
    else:
        await erase(connection, [event], now=now)


async def put_workspace(connection: Raw, job: UUID, workspace_id: str, *, now: datetime) -> None:
    """Writes down the erasure of all that the workspace has published up to now."""
    await connection.execute(WORKSPACE_JOB, job, workspace_id, now)


async def proceed(connection: Raw, carried: ClaimedJob, *, now: datetime, lease: float) -> ErasedChunk:
    """The next page of a workspace's erasure: what is erased and where to go on are one transaction."""
    row = await connection.fetchrow("SELECT event, due_at FROM jobs WHERE id = $1 AND fence = $2", *_claim(carried))
    if row is None:
        return ErasedChunk(events=0, over=True)
    asked = row["due_at"]
    wanted, last = await _page(connection, carried.row["workspace_id"], row["event"], event_keys.floor(asked))
    if last is None:
        return ErasedChunk(events=0, over=True)
    async with connection.transaction():
        moved = await connection.execute(MOVE, *_claim(carried), last, now + timedelta(seconds=lease))
        if moved.endswith(" 0"):
            return ErasedChunk(events=0, over=True)
        # The batches of before are among the events that are walked through.
        since = event_keys.floor(asked - timedelta(seconds=CLOSING))
        for few in range(0, len(wanted), FEW):
            await erase(connection, wanted[few : few + FEW], now=now, since=since)
    return ErasedChunk(events=len(wanted), over=False)


def _claim(carried: ClaimedJob) -> tuple[UUID, int]:
    return carried.key, carried.fence


async def _page(
    connection: Raw, workspace_id: str, after: UUID | None, before: UUID
) -> tuple[Sequence[UUID], UUID | None]:
    """The workspace's events among the next ones, and the last of these; None at the end."""
    for day in await partitions.kept(connection, "events"):
        first, past = partitions.bounds(day)
        begin = max(after or START, UUID(int=first.int - 1))
        if begin >= past or first >= before:
            continue
        row = await connection.fetchrow(on_day(NEXT, day), workspace_id, begin, before, PAGE)
        if row is not None and row["count"]:
            return row["wanted"], row["last"]
    return (), None


async def _erase(connection: Raw, keys: Sequence[UUID], now: datetime, since: UUID | None) -> None:
    async with connection.transaction():
        # A chunk of a spread that is being written is waited for; there is none after it.
        await connection.execute("DELETE FROM spreads WHERE event = ANY($1::uuid[])", keys)
        webhooks: set[UUID] = set()
        for day, of_day in by_day(sorted(keys), lambda key: key).items():
            await connection.execute(on_day(STOP, day), of_day, now)
            await connection.execute(on_day(BLANK, day), of_day)
            webhooks.update(row["webhook"] for row in await connection.fetch(on_day(WEBHOOKS, day), of_day))
        await _forget(connection, keys, now)
        if webhooks:
            # A batch may be closed in the millisecond in which its event came in, or by a clock that lags behind.
            early = event_keys.time_of(min(keys)) - timedelta(seconds=CLOSING)
            await _cut(connection, keys, webhooks, since or event_keys.floor(early), now)


async def _forget(connection: Raw, keys: Sequence[UUID], now: datetime) -> None:
    for day, of_day in by_day(sorted(keys), lambda key: key).items():
        await connection.execute(on_day(FORGET, day), of_day)
        await connection.execute(on_day(COME_BACK, day), of_day, RECORDED, now)


async def _cut(connection: Raw, keys: Sequence[UUID], webhooks: set[UUID], since: UUID, now: datetime) -> None:
    """Batches that contain the events go on without them, or end with the last of them."""
    for parcel in await connection.fetch(PARCELS, list(webhooks), since, list(keys)):
        empty = await connection.fetchval(CUT, parcel["id"], list(keys))
        if empty:
            await _erase(connection, [parcel["id"]], now, parcel["id"])
        else:
            await _forget(connection, [parcel["id"]], now)
