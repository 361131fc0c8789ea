"""Whoever parks rows looks again after the commit: the webhook may have been activated, or deleted, meanwhile (protocol.md 6.5).

The wake that an activation brings looks before such rows can be seen, and the slow sweep comes only once a minute.
"""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from delivery.tickets import Job, JobKind
from subscriptions.ground.database import Raw

# A job that nobody has begun will see the rows: they were committed before this statement began. A probe that is under way
# looks again itself.
LOOK = """
WITH woken AS (
    INSERT INTO jobs (id, kind, webhook, due_at, fence)
    SELECT gen_random_uuid(), k.kind, w.id, $2, 0
    FROM webhooks w CROSS JOIN LATERAL (SELECT CASE WHEN w.deleted_at IS NULL THEN 'wake' ELSE 'cancel' END AS kind) AS k
    WHERE w.id = ANY($1::uuid[]) AND (w.status IN ('ACTIVE', 'WARNING') OR w.deleted_at IS NOT NULL)
        AND NOT EXISTS (SELECT FROM jobs j WHERE j.webhook = w.id AND j.kind = k.kind AND j.leased_until IS NULL)
    RETURNING id
), probed AS (
    UPDATE challenges SET due_at = $2
    WHERE webhook = ANY($1::uuid[]) AND purpose = 'earned' AND due_at > $2 AND leased_until IS NULL
    RETURNING webhook, fence
)
SELECT 'job' AS kind, id AS key, 0 AS fence FROM woken UNION ALL SELECT 'challenge', webhook, fence FROM probed
"""


async def look_again(connection: Raw, webhooks: Collection[UUID], *, now: datetime) -> list[Job]:
    """Has the rows started, or cancelled, that were parked under webhooks which are not halted any more, or probed with.

    To be called after the commit of the rows; the jobs need not be announced, for they are due. Whoever activates after
    this look commits after the rows, and wakes them.
    """
    if not webhooks:
        return []
    rows = await connection.fetch(LOOK, list(webhooks), now)
    return [Job(kind=JobKind(row["kind"]), key=row["key"], fence=row["fence"]) for row in rows]
