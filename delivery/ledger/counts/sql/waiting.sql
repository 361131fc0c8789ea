-- What of one day waits for each webhook: index entries are walked from webhook to webhook, and counted no further than
-- `$budget` is worth for all of them together. What collects for its batch waits by design; what is in somebody's hands, or whose
-- ticket is on its way, does not wait.
WITH RECURSIVE owing (webhook) AS (
    (SELECT webhook FROM {deliveries} WHERE state = 'owed' ORDER BY webhook LIMIT 1)
    UNION ALL
    SELECT x.webhook FROM owing o, LATERAL (
        SELECT webhook FROM {deliveries} WHERE state = 'owed' AND webhook > o.webhook ORDER BY webhook LIMIT 1
    ) AS x
), parking (webhook) AS (
    (SELECT webhook FROM {deliveries} WHERE state = 'parked' ORDER BY webhook LIMIT 1)
    UNION ALL
    SELECT x.webhook FROM parking p, LATERAL (
        SELECT webhook FROM {deliveries} WHERE state = 'parked' AND webhook > p.webhook ORDER BY webhook LIMIT 1
    ) AS x
), held AS MATERIALIZED (
    (SELECT webhook, 'owed' AS state FROM owing LIMIT $webhooks) UNION ALL (SELECT webhook, 'parked' FROM parking LIMIT $webhooks)
), far AS (
    SELECT greatest(20, least($at_most, $budget / greatest(count(*), 1))) AS each FROM held
)
SELECT b.webhook, sum(c.n)::int AS waiting, bool_or(c.n >= far.each) AS more, min(c.oldest) AS oldest
FROM held b CROSS JOIN far CROSS JOIN LATERAL (
    SELECT count(*) AS n, min(event::text) AS oldest FROM (
        SELECT d.event FROM {deliveries} d WHERE b.state = 'owed' AND d.webhook = b.webhook AND d.state = 'owed' AND {unleased}
            AND (d.attempts > 0 OR d.due_at <= $now OR d.due_at > $ticketed)
        ORDER BY d.webhook, least(d.attempts, 1), d.due_at LIMIT (SELECT each FROM far)
    ) AS found
    UNION ALL
    SELECT count(*), min(event::text) FROM (
        SELECT d.event FROM {deliveries} d WHERE b.state = 'parked' AND d.webhook = b.webhook AND d.state = 'parked'
        ORDER BY d.webhook, d.event LIMIT (SELECT each FROM far)
    ) AS found
) AS c
WHERE c.n > 0 GROUP BY b.webhook
