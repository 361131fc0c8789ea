"""What is stuck, as one statement (protocol.md 10.1): unfinished, and nothing will ever finish it.

How long to wait after the last fault before asking is left to who asks.
"""

from datetime import datetime, timedelta
from typing import Any

from subscriptions.ground.database import Raw

# `$1`: what was due before then, and is in nobody's hands, is due to nobody.
STUCK = """
WITH late AS (SELECT $1::timestamptz AS moment)
SELECT 'delivery' AS kind, d.event::text || '/' || d.webhook || '/' || d.round AS key,
    d.state || ' under ' || coalesce(w.status, 'nobody') || CASE WHEN w.deleted_at IS NOT NULL THEN ', deleted' ELSE '' END
        || coalesce(', due ' || d.due_at, '') AS why
FROM late, deliveries d LEFT JOIN webhooks w ON w.id = d.webhook
WHERE CASE d.state
    WHEN 'owed' THEN d.due_at <= late.moment AND coalesce(d.leased_until <= late.moment, true)
    WHEN 'parked' THEN w.deleted_at IS NOT NULL OR w.status IN ('ACTIVE', 'WARNING')
    WHEN 'collecting' THEN w.deleted_at IS NOT NULL OR NOT w.batching
        OR (d.due_at <= late.moment AND w.status NOT IN ('PENDING', 'DISABLED'))
    WHEN 'bundled' THEN NOT EXISTS (
        SELECT 1 FROM parcels p JOIN deliveries o ON o.event = p.id AND o.webhook = p.webhook
        WHERE p.webhook = d.webhook AND d.event = ANY(p.members) AND o.round = d.round AND o.state IN ('owed', 'parked'))
    ELSE false END
UNION ALL
SELECT 'parcel', p.id::text, 'its members have not followed it' FROM parcels p WHERE NOT p.settled AND NOT EXISTS (
    SELECT 1 FROM deliveries o WHERE o.event = p.id AND o.webhook = p.webhook AND o.state IN ('owed', 'parked'))
UNION ALL
SELECT 'spread', s.event::text, 'due ' || s.due_at FROM late, spreads s
WHERE s.due_at <= late.moment AND coalesce(s.leased_until <= late.moment, true)
UNION ALL
SELECT 'job', j.id::text, j.kind || ' due ' || j.due_at FROM late, jobs j
WHERE j.due_at <= late.moment AND coalesce(j.leased_until <= late.moment, true)
UNION ALL
SELECT 'replay', r.id::text, r.state || ' due ' || r.due_at FROM late, replays r
WHERE r.due_at <= late.moment AND coalesce(r.leased_until <= late.moment, true)
UNION ALL
SELECT 'challenge', c.webhook::text, c.purpose || ' due ' || c.due_at FROM late, challenges c
WHERE c.due_at <= late.moment AND coalesce(c.leased_until <= late.moment, true)
UNION ALL
SELECT 'webhook', w.id::text, w.status || ' without ' || CASE w.status WHEN 'PENDING' THEN 'challenge' ELSE 'probe' END
FROM webhooks w WHERE w.deleted_at IS NULL AND w.status IN ('PENDING', 'ERROR') AND NOT EXISTS (
    SELECT 1 FROM challenges c WHERE c.webhook = w.id AND c.epoch = w.epoch
        AND c.purpose = ANY(CASE w.status WHEN 'PENDING' THEN ARRAY['greet'] ELSE ARRAY['probe', 'earned'] END))
"""


async def stuck(connection: Raw, *, now: datetime, grace: float = 0.0) -> list[str]:
    """One line for each unfinished row that was due `grace` seconds ago or will never be; to be asked in peace."""
    rows: list[Any] = await connection.fetch(STUCK, now - timedelta(seconds=grace))
    return [f"{row['kind']} {row['key']}: {row['why']}" for row in rows]
