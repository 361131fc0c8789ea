-- Webhooks whose oldest collected event of a day has waited long enough.
{walk}
SELECT w.id FROM gathered g JOIN webhooks w ON w.id = g.webhook CROSS JOIN LATERAL (
    SELECT 1 FROM {deliveries} d WHERE d.webhook = w.id AND d.state = 'collecting' AND d.due_at <= $now LIMIT 1
) AS ripe WHERE w.batching AND NOT ({halted}) AND w.deleted_at IS NULL LIMIT $at_most
