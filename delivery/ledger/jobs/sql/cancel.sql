-- Cancels rows that wait for a deleted webhook, those of one state: it stands here, so that its index is walked.
WITH next AS (
    SELECT d.event, d.webhook, d.round FROM deliveries d WHERE d.webhook = $webhook AND {waiting} AND {unleased}
    LIMIT $chunk FOR UPDATE SKIP LOCKED
)
UPDATE deliveries d SET state = 'cancelled', due_at = NULL, leased_until = NULL, ended_at = $now,
    reason = 'the webhook was deleted'
FROM next n WHERE d.event = n.event AND d.webhook = n.webhook AND d.round = n.round
RETURNING d.event
