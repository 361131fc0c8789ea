-- Ends what has collected of a day for halted webhooks longer than it is kept.
{walk}, next AS (
    SELECT d.event, d.webhook, d.round FROM gathered g JOIN webhooks w ON w.id = g.webhook CROSS JOIN LATERAL (
        SELECT event, webhook, round FROM {deliveries} WHERE webhook = w.id AND state = 'collecting' AND due_at < $before
        ORDER BY due_at LIMIT $chunk FOR UPDATE SKIP LOCKED
    ) AS d WHERE {halted} AND w.deleted_at IS NULL LIMIT $chunk
)
UPDATE {deliveries} d SET state = 'expired', due_at = NULL, ended_at = $now,
    reason = 'kept for its webhook until the retention time'
FROM next n WHERE d.event = n.event AND d.webhook = n.webhook AND d.round = n.round
RETURNING d.event
