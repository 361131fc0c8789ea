-- Walks the webhooks that have gathered rows in a day: one step each, however many rows one has; the beginning of three.
WITH RECURSIVE gathered (webhook) AS (
    (SELECT d.webhook FROM {deliveries} d WHERE {gathered} ORDER BY d.webhook LIMIT 1)
    UNION ALL
    SELECT x.webhook FROM gathered g, LATERAL (
        SELECT d.webhook FROM {deliveries} d WHERE {gathered} AND d.webhook > g.webhook ORDER BY d.webhook LIMIT 1
    ) AS x
)
