"""Pace: due rows of webhooks that grant a rate are claimed with a slot each, evenly spaced (protocol.md 4.7).

Where there is no rate, `drains.py` claims. The rate itself is written by `ledger/webhooks/rate_limits.py`.
"""

from datetime import date, datetime, timedelta

import asyncpg

from delivery.ledger.claims.claiming import RETURNED, TAKE, Claim, claim_of
from delivery.ledger.claims.drains import ASIDE, LANES, LOST_WAITS, OF_LANE, DrainRoom
from delivery.ledger.days import on_day
from subscriptions.ground.database import Raw

#: Seconds ahead of which slots are given to claims; further rows become due when theirs comes.
AHEAD = 5.0
#: Rows of one webhook that one statement moves to their slots.
MOVED = 1000

# 1. Lock the paced webhooks with due rows: one process at a time gives a webhook's slots. Slots that were missed are not
#    made up for: the first one is now at the earliest.
# 2. Rank each one's oldest due rows; the rank says the slot.
# 3. Those within the next seconds, and within the share and the free slots, are taken, their lease counted from the slot.
#    The others become due at theirs. `next_at` moves by what was taken.
PACE = f"""
WITH granted AS (
    SELECT w.id, w.endpoint_rate_limit AS rate, greatest(coalesce(w.next_at, $1), $1) AS base, coalesce(s.share, $5) AS share
    FROM webhooks w LEFT JOIN unnest($6::uuid[], $7::int[], $8::int[]) AS s (webhook, share, epoch)
        ON s.webhook = w.id AND coalesce(s.epoch, w.epoch) = w.epoch
    CROSS JOIN LATERAL (
        SELECT 1 FROM (VALUES (w.id, 0), (w.id, 1)) AS p (webhook, retry), LATERAL ({OF_LANE} LIMIT 1) AS x LIMIT 1
    ) AS due
    WHERE w.endpoint_rate_limit > 0 AND w.status IN ('ACTIVE', 'WARNING') AND w.deleted_at IS NULL
    ORDER BY w.next_at NULLS FIRST LIMIT {LANES} FOR UPDATE OF w SKIP LOCKED
), locked AS (
    SELECT g.share, x.*, g.base + x.rank * interval '1 minute' / g.rate AS slot FROM granted g, LATERAL (
        SELECT r.*, row_number() OVER (ORDER BY r.due_at) - 1 AS rank FROM (
            SELECT x.* FROM (VALUES (g.id, 0), (g.id, 1)) AS p (webhook, retry),
                LATERAL ({OF_LANE} LIMIT {MOVED} FOR UPDATE SKIP LOCKED) AS x ORDER BY x.due_at LIMIT {MOVED}
        ) AS r
    ) AS x
){ASIDE}, begun AS (
    SELECT * FROM (
        SELECT *, row_number() OVER (ORDER BY slot) AS n FROM locked
        WHERE slot <= $1::timestamptz + $3::float8 * interval '1 second' AND rank < share
            AND (NOT lapsed OR lost + 1 < {LOST_WAITS})
    ) AS within WHERE n <= $4
), moved AS (
    UPDATE webhooks w SET next_at = g.base + b.taken * interval '1 minute' / g.rate
    FROM granted g JOIN (SELECT webhook, max(rank) + 1 AS taken FROM begun GROUP BY webhook) AS b ON b.webhook = g.id
    WHERE w.id = g.id
), put_off AS (
    UPDATE {{deliveries}} d SET due_at = k.slot, leased_until = NULL, fence = d.fence + 1,
        lost = d.lost + CASE WHEN k.lapsed THEN 1 ELSE 0 END
    FROM locked k WHERE d.event = k.event AND d.webhook = k.webhook AND d.round = k.round
        AND k.slot > $1 AND (NOT k.lapsed OR k.lost + 1 < {LOST_WAITS})
        AND NOT EXISTS (SELECT 1 FROM begun b WHERE b.event = k.event AND b.webhook = k.webhook AND b.round = k.round)
)
UPDATE {{deliveries}} AS d SET {TAKE.replace("$2::timestamptz", "$2::timestamptz + (k.slot - $1)")},
    lost = d.lost + CASE WHEN k.lapsed THEN 1 ELSE 0 END
FROM begun k JOIN webhooks w ON w.id = k.webhook
CROSS JOIN LATERAL (SELECT body, type FROM {{events}} WHERE key = k.event OFFSET 0) AS e
WHERE d.event = k.event AND d.webhook = k.webhook AND d.round = k.round
{RETURNED.format(slot="k.slot")}
"""


async def claim(connection: Raw, room: DrainRoom, *, day: date, now: datetime, lease: float) -> Claim:
    """Claims due rows of paced webhooks whose slot is near; each carries its slot, from which its lease counts."""
    try:
        rows = await connection.fetch(
            on_day(PACE, day),
            now,
            now + timedelta(seconds=lease),
            AHEAD,
            room.wanted,
            room.share,
            list(room.shares.keys()),
            [share for share, _ in room.shares.values()],
            [epoch for _, epoch in room.shares.values()],
        )
    except asyncpg.UndefinedTableError:  # dropped by age since
        rows = []
    return claim_of(rows)
