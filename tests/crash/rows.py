"""What the database says after a storm: rows that are not finished, and rows that are stuck (protocol.md 10.1).

Whether what was finished also arrived is left to `tally.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg

from delivery.ledger.counts.rollups import NOBODY

#: `$1`: seconds that a row may be overdue. One row per unfinished row: what it is, its key, its state, and whether it is stuck.
UNFINISHED = """
WITH patience AS (SELECT clock_timestamp() - $1::float8 * interval '1 second' AS since)
SELECT 'delivery' AS kind, d.event::text || ' to ' || w.name AS key,
    format('%s due %s leased until %s fence %s attempts %s lost %s: %s (webhook %s)', d.state, d.due_at, d.leased_until,
        d.fence, d.attempts, d.lost, d.reason, w.status) AS state,
    CASE d.state
        WHEN 'owed' THEN greatest(d.due_at, d.leased_until) < since OR (d.due_at IS NULL AND d.leased_until IS NULL)
        WHEN 'parked' THEN w.status IN ('ACTIVE', 'WARNING') OR w.deleted_at IS NOT NULL
        WHEN 'collecting' THEN d.due_at IS NULL OR (d.due_at < since AND w.status IN ('ACTIVE', 'WARNING'))
        -- Its parcel is a delivery too; it has to be there, and unfinished.
        ELSE NOT EXISTS (
            SELECT FROM parcels p JOIN deliveries c ON c.event = p.id AND c.webhook = p.webhook
            WHERE p.webhook = d.webhook AND d.event = ANY (p.members) AND c.state IN ('owed', 'parked'))
    END AS stuck
FROM deliveries d JOIN webhooks w ON w.id = d.webhook, patience
WHERE d.state IN ('owed', 'parked', 'collecting', 'bundled')
UNION ALL
SELECT 'parcel', p.id::text, 'its members did not end with it', true
FROM parcels p JOIN deliveries c ON c.event = p.id AND c.webhook = p.webhook
WHERE NOT p.settled AND c.state NOT IN ('owed', 'parked')
UNION ALL
SELECT 'spread', event::text, format('due %s leased until %s fence %s', due_at, leased_until, fence),
    greatest(due_at, leased_until) < since FROM spreads, patience
UNION ALL
SELECT 'challenge', webhook::text, format('%s due %s leased until %s tries %s', purpose, due_at, leased_until, tries),
    greatest(due_at, leased_until) < since FROM challenges, patience WHERE purpose <> 'heartbeat' OR due_at < since
UNION ALL
SELECT 'job', id::text, format('%s due %s leased until %s', kind, due_at, leased_until),
    greatest(due_at, leased_until) < since FROM jobs, patience
UNION ALL
SELECT 'replay', id::text, format('%s due %s leased until %s: %s', state, due_at, leased_until, progress),
    greatest(due_at, leased_until) < since FROM replays, patience WHERE due_at IS NOT NULL
UNION ALL
SELECT 'webhook', w.name, 'PENDING without a challenge', true FROM webhooks w
WHERE w.status = 'PENDING' AND w.deleted_at IS NULL AND NOT EXISTS (SELECT FROM challenges c WHERE c.webhook = w.id)
"""

#: Deliveries that ended otherwise than delivered: in a storm everything is taken in the end.
FAILED = """
SELECT d.event::text || ' to ' || w.name AS key,
    format('%s after %s attempts, lost %s: %s', d.state, d.attempts, d.lost, d.reason) AS state
FROM deliveries d JOIN webhooks w ON w.id = d.webhook WHERE d.state IN ('failed', 'cancelled', 'expired')
"""


#: What was counted, folded or not, beside what there is to be counted: attempts of deliveries, and events that were published.
COUNTED = """
SELECT (SELECT coalesce(sum(attempts), 0) FROM rollups WHERE grain = 1440 AND webhook = $1 AND workspace_id = '')
        + (SELECT coalesce(sum(cardinality(webhooks)), 0) FROM outcome_counts) AS attempts,
    (SELECT count(*) FROM attempts WHERE round >= 0) AS kept,
    (SELECT coalesce(sum(accepted), 0) FROM rollups WHERE grain = 1440 AND webhook = $1 AND workspace_id = '')
        + (SELECT coalesce(sum(events), 0) FROM accepted_counts) AS accepted,
    (SELECT count(*) FROM events e WHERE NOT EXISTS (SELECT FROM parcels p WHERE p.id = e.key)
        AND NOT EXISTS (SELECT FROM attempts a WHERE a.event = e.key AND a.round < 0)) AS published
"""

#: Attempts that were recorded as having had no answer in time.
TIMED_OUT = """
SELECT a.event::text AS id, w.name AS hook FROM attempts a JOIN webhooks w ON w.id = a.webhook
WHERE a.status IS NULL AND a.reason LIKE 'time-out:%'
"""


@dataclass(frozen=True, kw_only=True)
class Row:
    """A row that has not ended."""

    #: `delivery`, `parcel`, `spread`, `challenge`, `job`, `replay` or `webhook`.
    kind: str
    key: str
    #: Where it stands, in words.
    state: str
    #: Neither due at a later time nor waiting for a webhook that may not be sent to.
    stuck: bool

    def __str__(self) -> str:
        return f"{self.kind} {self.key}: {self.state}"


async def unfinished(url: str, *, overdue: float) -> list[Row]:
    """All of them; one that has been due for less than `overdue` seconds is not stuck yet. Raises asyncpg's errors."""
    return [Row(**row) for row in await _asked(url, UNFINISHED, overdue)]


async def given_up(url: str) -> list[str]:
    """The deliveries that ended otherwise than delivered, a line each."""
    return [f"{row['key']}: {row['state']}" for row in await _asked(url, FAILED)]


async def timed_out(url: str) -> set[tuple[str, str]]:
    """(`webhook-id`, name of the webhook) of attempts that ended at the deadline: whoever answered later is asked again."""
    return {(row["id"], row["hook"]) for row in await _asked(url, TIMED_OUT)}


async def miscounted(url: str) -> list[str]:
    """What was counted less or more often than once, a line each (protocol.md 5.8)."""
    [row] = await _asked(url, COUNTED, NOBODY)
    pairs = (("attempts", row["attempts"], row["kept"]), ("events", row["accepted"], row["published"]))
    return [f"{counted:,} of {kept:,} {what}" for what, counted, kept in pairs if counted != kept]


async def _asked(url: str, statement: str, *values: object) -> Sequence[asyncpg.Record]:
    connection = await asyncpg.connect(url, ssl=False, timeout=10)
    try:
        found: Sequence[asyncpg.Record] = await connection.fetch(statement, *values, timeout=60)
        return found
    finally:
        await connection.close(timeout=5)
