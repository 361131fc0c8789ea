-- Of one day and each webhook the delivery that has been due longest and is in nobody's hands, where that is late; and of what
-- collects for a batch the first that should have been closed.
WITH RECURSIVE owing (webhook) AS (
    (SELECT webhook FROM {deliveries} WHERE state = 'owed' ORDER BY webhook LIMIT 1)
    UNION ALL
    SELECT x.webhook FROM owing o, LATERAL (
        SELECT webhook FROM {deliveries} WHERE state = 'owed' AND webhook > o.webhook ORDER BY webhook LIMIT 1
    ) AS x
)
SELECT o.webhook, f.event, f.due_at FROM (SELECT webhook FROM owing LIMIT $webhooks) AS o CROSS JOIN (VALUES (0), (1)) AS lane (n)
CROSS JOIN LATERAL (
    SELECT d.event, d.due_at FROM {deliveries} d
    WHERE d.webhook = o.webhook AND d.state = 'owed' AND least(d.attempts, 1) = lane.n AND d.due_at < $late
        AND (d.leased_until < $late) IS NOT FALSE
    ORDER BY d.due_at LIMIT 1
) AS f
UNION ALL
SELECT w.id, f.event, f.due_at FROM webhooks w CROSS JOIN LATERAL (
    SELECT d.event, d.due_at FROM {deliveries} d WHERE d.webhook = w.id AND d.state = 'collecting' AND d.due_at < $late
    ORDER BY d.due_at LIMIT 1
) AS f
WHERE w.batching AND w.deleted_at IS NULL AND NOT ({halted})
