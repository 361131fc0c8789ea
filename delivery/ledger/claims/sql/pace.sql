-- Claims due rows of webhooks that grant a rate, each with its send time; what lies further ahead becomes due at its own.
-- 1. Lock the paced webhooks with due rows: one process at a time gives a webhook's send times. Those that were missed are not
--    made up for: the first one is now at the earliest.
-- 2. Rank each one's oldest due rows; the rank says the send time.
-- 3. Those within the next seconds, and within the share and the free slots, are taken, their lease counted from the send time.
--    The others become due at theirs. `next_at` moves by what was taken.
WITH granted AS (
    SELECT w.id, w.endpoint_rate_limit AS rate, greatest(coalesce(w.next_at, $now), $now) AS base,
        coalesce(s.share, $share) AS share
    FROM webhooks w LEFT JOIN unnest($shared::uuid[], $shares::int[], $epochs::int[]) AS s (webhook, share, epoch)
        ON s.webhook = w.id AND coalesce(s.epoch, w.epoch) = w.epoch
    CROSS JOIN LATERAL (
        SELECT 1 FROM (VALUES (w.id, 0), (w.id, 1)) AS p (webhook, retry), LATERAL ({due_of} LIMIT 1) AS x LIMIT 1
    ) AS due
    WHERE w.endpoint_rate_limit > 0 AND {open}
    ORDER BY w.next_at NULLS FIRST LIMIT {most} FOR UPDATE OF w SKIP LOCKED
), locked AS (
    SELECT g.share, x.*, g.base + x.rank * interval '1 minute' / g.rate AS send_at FROM granted g, LATERAL (
        SELECT r.*, row_number() OVER (ORDER BY r.due_at) - 1 AS rank FROM (
            SELECT x.* FROM (VALUES (g.id, 0), (g.id, 1)) AS p (webhook, retry),
                LATERAL ({due_of} LIMIT {moved} FOR UPDATE SKIP LOCKED) AS x ORDER BY x.due_at LIMIT {moved}
        ) AS r
    ) AS x
), {aside}, begun AS (
    SELECT * FROM (
        SELECT *, row_number() OVER (ORDER BY send_at) AS n FROM locked
        WHERE send_at <= $now::timestamptz + $ahead::float8 * interval '1 second' AND rank < share
            AND (NOT lapsed OR lost + 1 < {lost_waits})
    ) AS within WHERE n <= $wanted
), moved AS (
    UPDATE webhooks w SET next_at = g.base + b.taken * interval '1 minute' / g.rate
    FROM granted g JOIN (SELECT webhook, max(rank) + 1 AS taken FROM begun GROUP BY webhook) AS b ON b.webhook = g.id
    WHERE w.id = g.id
), put_off AS (
    UPDATE {deliveries} d SET due_at = k.send_at, leased_until = NULL, fence = d.fence + 1,
        lost = d.lost + CASE WHEN k.lapsed THEN 1 ELSE 0 END
    FROM locked k WHERE d.event = k.event AND d.webhook = k.webhook AND d.round = k.round
        AND k.send_at > $now AND (NOT k.lapsed OR k.lost + 1 < {lost_waits})
        AND NOT EXISTS (SELECT 1 FROM begun b WHERE b.event = k.event AND b.webhook = k.webhook AND b.round = k.round)
)
UPDATE {deliveries} AS d SET
{take}, lost = d.lost + CASE WHEN k.lapsed THEN 1 ELSE 0 END
FROM begun k JOIN webhooks w ON w.id = k.webhook
CROSS JOIN LATERAL (SELECT body, type FROM {events} WHERE key = k.event OFFSET 0) AS e
WHERE d.event = k.event AND d.webhook = k.webhook AND d.round = k.round
{claimed}
