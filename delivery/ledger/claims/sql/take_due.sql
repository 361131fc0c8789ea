-- Claims due rows of a day, at most `$wanted`: workspaces in turn, then their webhooks, each within its share.
-- 1. Count workspaces with due queues, and queues per workspace, to cut the wanted rows into fair portions. Where there are
--    more queues than wanted rows, each workspace's first queue comes before anybody's second, and workspaces take turns by a
--    hash that changes with each drain.
-- 2. Lock each webhook's oldest first attempts up to the queue's portion and the webhook's free share, then its retries, up to
--    what is left of both, or to what is kept for them. Where that is more than what is left, as many first attempts are let
--    go again.
-- 3. Set lost attempts aside (given up, or made to wait), and take the rest as a ticket would.
{walk}, met AS (
    {open_walked}
), ready AS (
    SELECT *, count(*) OVER (PARTITION BY retry, workspace_id) AS siblings,
        row_number() OVER (PARTITION BY retry, workspace_id ORDER BY n) AS turn
    FROM (SELECT * FROM met UNION ALL {open_oldest}) AS q
), portions AS (
    SELECT webhook, retry, share, least(share, ceil($wanted::float8 / workspaces / siblings)::int) AS portion
    FROM ready JOIN (SELECT retry, count(DISTINCT workspace_id) AS workspaces FROM ready GROUP BY retry) AS w USING (retry)
    ORDER BY turn, hashtextextended(workspace_id, uuid_hash_extended($start::uuid, 0))
), firsts AS (
    SELECT x.*, p.share FROM portions p, LATERAL ({due_of} LIMIT p.portion FOR UPDATE SKIP LOCKED) AS x
    WHERE p.retry = 0 LIMIT $wanted
), retries AS (
    SELECT x.* FROM portions p LEFT JOIN (SELECT webhook, count(*) AS n FROM firsts GROUP BY webhook) AS f USING (webhook),
        LATERAL ({due_of} LIMIT least(p.portion, greatest(p.share - coalesce(f.n, 0), floor(p.share * {retries} + $chance)))
            FOR UPDATE SKIP LOCKED) AS x
    WHERE p.retry = 1 LIMIT greatest($wanted - (SELECT count(*) FROM firsts), $kept_for_retries)
), locked AS (
    SELECT * FROM retries
    UNION ALL (
        SELECT f.event, f.webhook, f.round, f.due_at, f.lapsed, f.lost
        FROM (SELECT *, row_number() OVER (PARTITION BY webhook ORDER BY due_at) AS n FROM firsts) AS f
        LEFT JOIN (SELECT webhook, count(*) AS n FROM retries GROUP BY webhook) AS r USING (webhook)
        WHERE f.n <= f.share - coalesce(r.n, 0) LIMIT $wanted - (SELECT count(*) FROM retries)
    )
), {aside}
UPDATE {deliveries} AS d SET
{take}, lost = d.lost + CASE WHEN k.lapsed THEN 1 ELSE 0 END
FROM locked k JOIN webhooks w ON w.id = k.webhook
CROSS JOIN LATERAL (SELECT body, type FROM {events} WHERE key = k.event OFFSET 0) AS e
WHERE d.event = k.event AND d.webhook = k.webhook AND d.round = k.round AND (NOT k.lapsed OR k.lost + 1 < {lost_waits})
{claimed}
