-- Walks the webhooks that a replay has something waiting for: one step each, however much that is.
-- `probed`: whether one in ERROR has something that its probe can try.
WITH RECURSIVE hooks (webhook, n) AS (
    (SELECT webhook, 1 FROM replay_items WHERE replay = $replay AND stage = 0 ORDER BY webhook LIMIT 1)
    UNION ALL
    SELECT x.webhook, h.n + 1 FROM hooks h, LATERAL (
        SELECT webhook FROM replay_items WHERE replay = $replay AND stage = 0 AND webhook > h.webhook ORDER BY webhook LIMIT 1
    ) AS x WHERE h.n < $most
)
SELECT w.id AS webhook, w.status, w.deleted_at IS NOT NULL AS deleted, w.batching, coalesce(w.endpoint_rate_limit, 0) AS rate,
    (SELECT count(*) FROM replay_items i WHERE i.replay = $replay AND i.stage = 1 AND i.webhook = w.id) AS open,
    w.status = 'ERROR' AND EXISTS (SELECT FROM deliveries d WHERE d.webhook = w.id AND d.state = 'parked') AS probed
FROM hooks h JOIN webhooks w ON w.id = h.webhook
