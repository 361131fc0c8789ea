-- Webhooks whose parked rows wait for nothing, and no job is under way for them.
-- From webhook to webhook, one step each: parked rows are never scanned as a whole. Those of a deleted webhook were in
-- somebody's hands, or not committed, when the others were cancelled.
WITH RECURSIVE parked (webhook) AS (
    (SELECT webhook FROM deliveries WHERE state = 'parked' ORDER BY webhook LIMIT 1)
    UNION ALL
    SELECT x.webhook FROM parked p, LATERAL (
        SELECT webhook FROM deliveries WHERE state = 'parked' AND webhook > p.webhook ORDER BY webhook LIMIT 1
    ) AS x
)
SELECT w.id, w.deleted_at IS NOT NULL AS deleted FROM parked p JOIN webhooks w ON w.id = p.webhook
WHERE ({sendable} OR w.deleted_at IS NOT NULL) AND NOT EXISTS (
    SELECT 1 FROM jobs j WHERE j.webhook = w.id AND j.kind = CASE WHEN w.deleted_at IS NULL THEN 'wake' ELSE 'cancel' END
)
