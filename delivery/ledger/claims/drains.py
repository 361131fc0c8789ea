"""Drains: due rows are claimed without tickets, workspaces in turn, then webhooks, each within its share (protocol.md 3.3).

The claim itself is that of `claiming.py`, plus what a lapsed lease says: that an attempt was lost.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

import asyncpg
import msgspec

from delivery.ledger.claims.claiming import AT_ONCE, PACED, TAKE, Claim, claim_of
from delivery.ledger.days import on_day
from subscriptions.ground import partitions
from subscriptions.ground.database import Raw

#: Lanes with due rows (webhooks, with first attempts or with retries) that one drain walks to, and the steps it takes at
#: most, past those that wait for a later hour; the next one starts where chance puts it.
LANES, STEPS = 256, 1024
#: Due rows, those in flight included, from which a drain walks, and among which it looks for in-flight slots where it does not.
MANY = 500
#: Lost attempts from which a row waits before it is taken again, and at which it is given up.
LOST_WAITS = 3
LOST_ENDS = 20
#: Minutes that it waits at most: twenty lost attempts last about as long as the retries of one that fails (greenlake.md 5.2).
LOST_WAIT = 64
#: The part of what is taken that is kept for retries while first attempts wait.
RETRIES = 0.2

# The first row in the in-flight slots' index of the next webhook: `retry` is 0 where it has any first attempt.
NEXT = """(
        SELECT webhook, least(attempts, 1) AS retry, due_at FROM {{deliveries}} WHERE state = 'owed' AND {beyond}
        ORDER BY webhook, least(attempts, 1), due_at LIMIT 1
    )"""

# Where many rows are due, or in flight, the in-flight slots are walked to: the index from webhook to webhook, one step
# each, however many rows a webhook has, from `$3` to the end, then from the beginning back to it.
WALK = f"""
WITH RECURSIVE many AS MATERIALIZED (
    SELECT count(*) = {MANY} AS yes FROM (SELECT FROM {{deliveries}} WHERE state = 'owed' AND due_at <= $1 LIMIT {MANY}) AS due
), ahead (webhook, retry, due_at, n) AS (
    SELECT x.*, 1 FROM {NEXT.format(beyond="webhook > $3")} AS x WHERE (SELECT yes FROM many)
    UNION ALL
    SELECT x.*, l.n + 1 FROM ahead l, LATERAL {NEXT.format(beyond="webhook > l.webhook")} AS x WHERE l.n < {STEPS}
), behind (webhook, retry, due_at, n) AS (
    SELECT x.*, 1 FROM {NEXT.format(beyond="webhook <= $3")} AS x WHERE (SELECT yes FROM many)
    UNION ALL
    SELECT x.*, l.n + 1 FROM behind l, LATERAL {NEXT.format(beyond="webhook > l.webhook AND webhook <= $3")} AS x
    WHERE l.n < {STEPS}
), walked AS (
    SELECT * FROM ahead UNION ALL SELECT webhook, retry, due_at, n + {STEPS} FROM behind LIMIT {STEPS}
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

# Lanes that may be taken from, and how much of each: what is told of an epoch that is over says nothing.
OPEN = f"""
    SELECT l.*, w.workspace_id, s.share
    FROM ({{lanes}} OFFSET 0) AS l JOIN webhooks w ON w.id = l.webhook CROSS JOIN LATERAL (
        SELECT CASE WHEN coalesce((told ->> 1)::int, w.epoch) = w.epoch THEN coalesce((told ->> 0)::int, $6) ELSE $6 END AS share
        FROM (SELECT $7::jsonb -> l.webhook::text AS told) AS t
    ) AS s
    WHERE s.share > 0 AND NOT {PACED}"""

# Asked webhook's slots by webhook's slots, for one webhook's slots may have most of what is due, and apart for first
# attempts and for retries, but for those of which its first row in the index says that there are none.
MET = f"""
        SELECT p.webhook, p.retry, l.n FROM walked l, LATERAL (VALUES (l.webhook, 0), (l.webhook, 1)) AS p (webhook, retry),
            LATERAL ({OF_LANE} LIMIT 1) AS x
        WHERE l.retry < p.retry OR l.retry = p.retry AND l.due_at <= $1 LIMIT $4"""

# Where few are due, or the walk came across none that may be taken from: the webhooks of those that were due first.
OLDEST = f"""
        SELECT webhook, retry, row_number() OVER (ORDER BY min(due_at)) AS n FROM (
            SELECT webhook, least(attempts, 1) AS retry, due_at FROM {{deliveries}}
            WHERE state = 'owed' AND due_at <= $1 AND (leased_until IS NULL OR leased_until <= $1) ORDER BY due_at LIMIT {MANY}
        ) AS oldest WHERE NOT EXISTS (SELECT FROM met) GROUP BY webhook, retry"""

# 1. Count workspaces with due in-flight slots, and in-flight slots per workspace, to cut the wanted rows into fair
# portions. Where there are more
#    in-flight slots than wanted rows, each workspace's first webhook's slots comes before anybody's second, and
# workspaces take turns by a hash that changes with each drain.
# 2. Lock each webhook's slots's oldest first attempts up to its portion and its free share, then its retries, up to
# what is left of
#    both, or to what is kept for them. Where that is more than what is left, as many first attempts are let go again.
# 3. Set lost attempts aside (given up, or made to wait), and take the rest as a ticket would.
TAKE_DUE = f"""{WALK}, met AS ({OPEN.format(lanes=MET)}
), ready AS (
    SELECT *, count(*) OVER (PARTITION BY retry, workspace_id) AS siblings,
        row_number() OVER (PARTITION BY retry, workspace_id ORDER BY n) AS turn
    FROM (SELECT * FROM met UNION ALL {OPEN.format(lanes=OLDEST)}) AS l
), portions AS (
    SELECT webhook, retry, share, least(share, ceil($5::float8 / workspaces / siblings)::int) AS portion
    FROM ready JOIN (SELECT retry, count(DISTINCT workspace_id) AS workspaces FROM ready GROUP BY retry) AS w USING (retry)
    ORDER BY turn, hashtextextended(workspace_id, uuid_hash_extended($3::uuid, 0))
), firsts AS (
    SELECT x.*, p.share FROM portions p, LATERAL ({OF_LANE} LIMIT p.portion FOR UPDATE SKIP LOCKED) AS x
    WHERE p.retry = 0 LIMIT $5
), retries AS (
    SELECT x.* FROM portions p LEFT JOIN (SELECT webhook, count(*) AS n FROM firsts GROUP BY webhook) AS f USING (webhook),
        LATERAL ({OF_LANE} LIMIT least(p.portion, greatest(p.share - coalesce(f.n, 0), floor(p.share * {RETRIES} + $9)))
            FOR UPDATE SKIP LOCKED) AS x
    WHERE p.retry = 1 LIMIT greatest($5 - (SELECT count(*) FROM firsts), $8)
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


Shares = Mapping[UUID, tuple[int, int | None]]


@dataclass(frozen=True, kw_only=True)
class DrainRoom:
    """What the draining process can take on."""

    #: Free slots: no more rows are claimed.
    wanted: int
    #: How many of them are kept for retries.
    retries: int
    #: Free in-flight share of a webhook that is not in `shares`.
    share: int
    #: Free shares of the webhooks that have attempts in flight, or that time out, and of which epoch (None: of any); 0 leaves the
    #: webhook out.
    shares: Shares
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


async def drain(connection: Raw, room: DrainRoom, *, day: date, now: datetime, lease: float) -> Claim:
    """Claims at most `room.wanted` due rows of the day; where many are due, webhooks take turns from `room.start` on."""
    try:
        rows = await connection.fetch(
            on_day(TAKE_DUE, day),
            now,
            now + timedelta(seconds=lease),
            room.start,
            LANES,
            room.wanted,
            room.share,
            # Looked up by key: beside an array each webhook's slots would be compared with each share.
            msgspec.json.encode(room.shares).decode(),
            room.retries,
            room.chance,
        )
    except asyncpg.UndefinedTableError:  # dropped by age since
        rows = []
    return claim_of(rows)
