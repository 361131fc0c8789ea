-- Webhooks that batch no more, or are deleted, and have collected events of a day.
-- Rows of publications that saw the webhook batching, or there, while that was being changed.
{walk}
SELECT w.id, w.deleted_at IS NOT NULL AS deleted FROM gathered g JOIN webhooks w ON w.id = g.webhook CROSS JOIN LATERAL (
    SELECT 1 FROM {deliveries} d WHERE d.webhook = w.id AND d.state = 'collecting' AND d.due_at IS NOT NULL LIMIT 1
) AS found
WHERE (w.deleted_at IS NULL AND NOT w.batching)
    OR (w.deleted_at IS NOT NULL AND NOT EXISTS (SELECT 1 FROM jobs j WHERE j.webhook = w.id AND j.kind = 'cancel'))
