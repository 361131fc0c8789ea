"""What has collected is found day by day: webhooks whose batch is ripe, what races left behind, and what waited too long.

Closing is left to `batches.py`. The rules are protocol.md 7.2, 6.8.
"""

from collections.abc import Sequence
from contextlib import suppress
from datetime import date, datetime
from typing import Any
from uuid import UUID

import asyncpg

from delivery.ledger.days import on_day
from subscriptions.ground import partitions
from subscriptions.ground.database import Raw
from subscriptions.ground.statements import Row

# Which days hold gathered rows: one step into one index each. By order and limit, for an EXISTS may be answered by reading
# the whole day where the server misjudges it.
DAYS = """
SELECT '{day}'::date AS day WHERE (
    SELECT webhook FROM {deliveries} WHERE state IN ('collecting', 'bundled') ORDER BY webhook LIMIT 1
) IS NOT NULL
"""

# From webhook to webhook, one step each, however many rows a webhook has.
WALK = """
WITH RECURSIVE gathered (webhook) AS (
    (SELECT webhook FROM {deliveries} WHERE state IN ('collecting', 'bundled') ORDER BY webhook LIMIT 1)
    UNION ALL
    SELECT x.webhook FROM gathered g, LATERAL (
        SELECT webhook FROM {deliveries} WHERE state IN ('collecting', 'bundled') AND webhook > g.webhook
        ORDER BY webhook LIMIT 1
    ) AS x
)"""

RIPE = f"""{WALK}
SELECT w.id FROM gathered g JOIN webhooks w ON w.id = g.webhook CROSS JOIN LATERAL (
    SELECT 1 FROM {{deliveries}} d WHERE d.webhook = w.id AND d.state = 'collecting' AND d.due_at <= $1 LIMIT 1
) AS ripe WHERE w.batching AND w.status NOT IN ('PENDING', 'DISABLED') AND w.deleted_at IS NULL LIMIT $2
"""

# Rows of publications that saw the webhook batching, or there, while that was being changed.
LEFT = f"""{WALK}
SELECT w.id, w.deleted_at IS NOT NULL AS deleted FROM gathered g JOIN webhooks w ON w.id = g.webhook CROSS JOIN LATERAL (
    SELECT 1 FROM {{deliveries}} d WHERE d.webhook = w.id AND d.state = 'collecting' AND d.due_at IS NOT NULL LIMIT 1
) AS found
WHERE (w.deleted_at IS NULL AND NOT w.batching)
    OR (w.deleted_at IS NOT NULL AND NOT EXISTS (SELECT 1 FROM jobs j WHERE j.webhook = w.id AND j.kind = 'cancel'))
"""

EXPIRE = f"""{WALK}, next AS (
    SELECT d.event, d.webhook, d.round FROM gathered g JOIN webhooks w ON w.id = g.webhook CROSS JOIN LATERAL (
        SELECT event, webhook, round FROM {{deliveries}} WHERE webhook = w.id AND state = 'collecting' AND due_at < $1
        ORDER BY due_at LIMIT $3 FOR UPDATE SKIP LOCKED
    ) AS d WHERE w.status IN ('PENDING', 'DISABLED') AND w.deleted_at IS NULL LIMIT $3
)
UPDATE {{deliveries}} d SET state = 'expired', due_at = NULL, ended_at = $2,
    reason = 'kept for its webhook until the retention time'
FROM next n WHERE d.event = n.event AND d.webhook = n.webhook AND d.round = n.round
RETURNING d.event
"""


async def ripe(connection: Raw, *, now: datetime, at_most: int) -> list[UUID]:
    """Webhooks whose oldest collected event has waited long enough."""
    found: dict[UUID, None] = {}
    for day in await _days(connection):
        found.update((row["id"], None) for row in await _of(connection, RIPE, day, now, at_most))
    return list(found)[:at_most]


async def left(connection: Raw) -> list[tuple[UUID, bool]]:
    """(webhook, whether it is deleted) of those that batch no more, and still have collected events."""
    found: dict[UUID, bool] = {}
    for day in await _days(connection):
        found.update((row["id"], row["deleted"]) for row in await _of(connection, LEFT, day))
    return list(found.items())


async def expire(connection: Raw, *, before: datetime, now: datetime, chunk: int) -> int:
    """Ends what has collected for halted webhooks and was to close before then; answers how many.

    It is asked by the end of the events' minute, by which they are kept longer.
    """
    changed = 0
    for day in await _days(connection):
        changed += len(await _of(connection, EXPIRE, day, before, now, chunk))
    return changed


async def _days(connection: Raw) -> list[date]:
    days = await partitions.kept(connection, "deliveries")
    looks = " UNION ALL ".join(on_day(DAYS.replace("{day}", str(day)), day) for day in days)
    return sorted(row["day"] for row in await connection.fetch(looks)) if looks else []


async def _of(connection: Raw, statement: str, day: date, *arguments: Any) -> Sequence[Row]:
    with suppress(asyncpg.UndefinedTableError):  # dropped by age since
        rows: list[Row] = await connection.fetch(on_day(statement, day), *arguments)
        return rows
    return ()
