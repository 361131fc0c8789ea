"""Drains: due rows are claimed without tickets, workspaces in turn, then webhooks, each within its share (protocol.md, Sweep).

The claim itself is that of `claims.py`, plus what a lapsed lease says: that a try was lost.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

import asyncpg

from delivery.ledger.claims import AT_ONCE, PACED, TAKE, Claim, claim_of
from delivery.ledger.days import on_day
from subscriptions import partitions
from subscriptions.database import Raw

#: Lanes (webhooks with owed rows) that one drain looks at; the next one starts where chance puts it.
LANES = 256
#: Due rows among which a drain looks for lanes when its walk came across none: most lanes may wait for a later hour.
OLDEST = 2000
#: Lost tries from which a row waits before it is taken again, and at which it is given up.
LOST_WAITS = 3
LOST_ENDS = 20
#: Minutes that it waits at most: twenty lost tries last about as long as the retries of one that fails (greenlake.md D.7).
LOST_WAIT = 64
#: The part of what is taken that is kept for retries while first attempts wait.
RETRIES = 0.2

# The index from webhook to webhook, one step each, however many rows a webhook has: from `$3` to the end, then from the
# beginning back to it.
WALK = """
WITH RECURSIVE ahead (webhook, n) AS (
    (SELECT webhook, 1 FROM {deliveries} WHERE state = 'owed' AND webhook > $3 ORDER BY webhook LIMIT 1)
    UNION ALL
    SELECT x.webhook, l.n + 1 FROM ahead l, LATERAL (
        SELECT webhook FROM {deliveries} WHERE state = 'owed' AND webhook > l.webhook ORDER BY webhook LIMIT 1
    ) AS x WHERE l.n < $4
), behind (webhook, n) AS (
    (SELECT webhook, 1 FROM {deliveries} WHERE state = 'owed' AND webhook <= $3 ORDER BY webhook LIMIT 1)
    UNION ALL
    SELECT x.webhook, l.n + 1 FROM behind l, LATERAL (
        SELECT webhook FROM {deliveries} WHERE state = 'owed' AND webhook > l.webhook AND webhook <= $3 ORDER BY webhook LIMIT 1
    ) AS x WHERE l.n < $4
), lanes (webhook, n) AS (
    SELECT webhook, n FROM ahead UNION ALL SELECT webhook, n + $4 FROM behind LIMIT $4
)"""

FIRST_DUE = f"""
WITH lanes (webhook, n) AS (
    SELECT webhook, row_number() OVER () FROM (
        SELECT webhook FROM {{deliveries}}
        WHERE state = 'owed' AND due_at <= $1 AND (leased_until IS NULL OR leased_until <= $1) ORDER BY due_at LIMIT {OLDEST}
    ) AS due GROUP BY webhook LIMIT $4
)"""

# Rows `k` whose lease lapsed too often are given up, or made to wait.
ASIDE = f""", given_up AS (
    UPDATE {{deliveries}} d SET state = 'failed', lost = d.lost + 1, fence = d.fence + 1, leased_until = NULL, due_at = NULL,
        ended_at = $1,
        reason = 'the process that sent it was lost ' || (d.lost + 1) || ' times'
    FROM locked k WHERE d.event = k.event AND d.webhook = k.webhook AND d.round = k.round
        AND k.lapsed AND k.lost + 1 >= {LOST_ENDS}
    RETURNING d.event, d.webhook, d.round
), noticed AS (
    INSERT INTO jobs (id, kind, webhook, event, round, due_at, fence)
    SELECT gen_random_uuid(), 'notice', webhook, event, round, $1, 0 FROM given_up
), made_to_wait AS (
    UPDATE {{deliveries}} d SET lost = d.lost + 1, fence = d.fence + 1, leased_until = NULL,
        due_at = $1::timestamptz + interval '1 minute' * least(power(2, k.lost + 1 - {LOST_WAITS}), {LOST_WAIT})
    FROM locked k WHERE d.event = k.event AND d.webhook = k.webhook AND d.round = k.round
        AND k.lapsed AND k.lost + 1 >= {LOST_WAITS} AND k.lost + 1 < {LOST_ENDS}
)
"""

# The due rows of webhook `p`, oldest first: its first attempts, or its retries, which are apart in the index.
OF_LANE = """
        SELECT d.event, d.webhook, d.round, d.due_at, d.leased_until IS NOT NULL AS lapsed, d.lost FROM {deliveries} d
        WHERE d.webhook = p.webhook AND d.state = 'owed' AND least(d.attempts, 1) = p.retry AND d.due_at <= $1
            AND (d.leased_until IS NULL OR d.leased_until <= $1)
        ORDER BY d.due_at"""

# 1. Of the lanes keep those with a due row, asked lane by lane, for one lane may have most of them, and apart for first
#    attempts and for retries; count workspaces, and lanes per workspace, to cut the wanted rows into fair portions. Where
#    there are more lanes than wanted rows, each workspace's first lane comes before anybody's second, and workspaces take
#    turns by a hash that changes with each drain.
# 2. Lock each lane's oldest first attempts up to its portion and its free share, then its retries, up to what is left of
#    both, or to what is kept for them. Where that is more than what is left, as many first attempts are let go again.
# 3. Set lost tries aside (given up, or made to wait), and take the rest as a ticket would.
TAKE_DUE = f""", ready AS (
    SELECT l.webhook, w.workspace_id, p.retry, coalesce(s.share, $6) AS share,
        count(*) OVER (PARTITION BY p.retry, w.workspace_id) AS siblings,
        row_number() OVER (PARTITION BY p.retry, w.workspace_id ORDER BY l.n) AS turn
    FROM lanes l JOIN webhooks w ON w.id = l.webhook
    LEFT JOIN unnest($7::uuid[], $8::int[]) AS s (webhook, share) ON s.webhook = l.webhook
    CROSS JOIN LATERAL (VALUES (l.webhook, 0), (l.webhook, 1)) AS p (webhook, retry)
    CROSS JOIN LATERAL ({OF_LANE} LIMIT 1) AS due
    WHERE coalesce(s.share, $6) > 0 AND NOT {PACED}
), portions AS (
    SELECT webhook, retry, share, least(share, ceil($5::float8 / workspaces / siblings)::int) AS portion
    FROM ready JOIN (SELECT retry, count(DISTINCT workspace_id) AS workspaces FROM ready GROUP BY retry) AS w USING (retry)
    ORDER BY turn, hashtextextended(workspace_id, uuid_hash_extended($3::uuid, 0))
), firsts AS (
    SELECT x.*, p.share FROM portions p, LATERAL ({OF_LANE} LIMIT p.portion FOR UPDATE SKIP LOCKED) AS x
    WHERE p.retry = 0 LIMIT $5
), retries AS (
    SELECT x.* FROM portions p LEFT JOIN (SELECT webhook, count(*) AS n FROM firsts GROUP BY webhook) AS f USING (webhook),
        LATERAL ({OF_LANE} LIMIT least(p.portion, greatest(p.share - coalesce(f.n, 0), floor(p.share * {RETRIES} + $10)))
            FOR UPDATE SKIP LOCKED) AS x
    WHERE p.retry = 1 LIMIT greatest($5 - (SELECT count(*) FROM firsts), $9)
), locked AS (
    SELECT * FROM retries
    UNION ALL (
        SELECT f.event, f.webhook, f.round, f.due_at, f.lapsed, f.lost
        FROM (SELECT *, row_number() OVER (PARTITION BY webhook ORDER BY due_at) AS n FROM firsts) AS f
        LEFT JOIN (SELECT webhook, count(*) AS n FROM retries GROUP BY webhook) AS r USING (webhook)
        WHERE f.n <= f.share - coalesce(r.n, 0) LIMIT $5 - (SELECT count(*) FROM retries)
    )
){ASIDE}
UPDATE {{deliveries}} AS d SET {TAKE}, lost = d.lost + CASE WHEN k.lapsed THEN 1 ELSE 0 END
FROM locked k JOIN webhooks w ON w.id = k.webhook
CROSS JOIN LATERAL (SELECT body, type FROM {{events}} WHERE key = k.event OFFSET 0) AS e
WHERE d.event = k.event AND d.webhook = k.webhook AND d.round = k.round AND (NOT k.lapsed OR k.lost + 1 < {LOST_WAITS})
{AT_ONCE}
"""


# Which days have something due that nobody holds: one look into one index each.
DAYS = """SELECT '{day}'::date AS day WHERE EXISTS (
    SELECT 1 FROM {deliveries} WHERE state = 'owed' AND due_at <= $1 AND (leased_until IS NULL OR leased_until <= $1)
)"""


@dataclass(frozen=True, kw_only=True)
class Room:
    """What the draining process can take on."""

    #: Free slots: no more rows are claimed.
    wanted: int
    #: How many of them are kept for retries.
    retries: int
    #: Free in-flight share of a webhook that is not in `shares`.
    share: int
    #: Free shares of the webhooks that have tries in flight, or that time out; 0 leaves the webhook out.
    shares: Mapping[UUID, int]
    #: The webhook id behind which the walk begins.
    start: UUID
    #: Rounds a fifth of a small share up or down: a draw from [0, 1).
    chance: float


async def days_due(connection: Raw, *, now: datetime) -> list[date]:
    """The days that have due rows in nobody's hands, oldest first: their tickets were lost, or their retries go on."""
    days = await partitions.kept(connection, "deliveries")
    looks = " UNION ALL ".join(on_day(DAYS.replace("{day}", str(day)), day) for day in days)
    try:
        return sorted(row["day"] for row in await connection.fetch(looks, now)) if looks else []
    except asyncpg.UndefinedTableError:  # dropped by age since
        return await days_due(connection, now=now)


async def drain(connection: Raw, room: Room, *, day: date, now: datetime, lease: float) -> Claim:
    """Claims at most `room.wanted` due rows of the day, the walk beginning behind `room.start` and going round once."""
    leased = (now, now + timedelta(seconds=lease))
    claim = await _pass(connection, on_day(WALK + TAKE_DUE, day), room, leased)
    if claim.told is not None:
        return claim
    return await _pass(connection, on_day(FIRST_DUE + TAKE_DUE, day), room, leased)


async def _pass(connection: Raw, statement: str, room: Room, leased: tuple[datetime, datetime]) -> Claim:
    try:
        rows = await connection.fetch(
            statement,
            *leased,
            room.start,
            LANES,
            room.wanted,
            room.share,
            list(room.shares.keys()),
            list(room.shares.values()),
            room.retries,
            room.chance,
        )
    except asyncpg.UndefinedTableError:  # dropped by age since
        rows = []
    return claim_of(rows)
