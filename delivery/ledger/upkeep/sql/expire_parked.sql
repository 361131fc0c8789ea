-- Ends parked rows of events that are older than the retention time.
WITH next AS (
    SELECT d.event, d.webhook, d.round FROM webhooks w, LATERAL (
        SELECT event, webhook, round FROM deliveries
        WHERE webhook = w.id AND state = 'parked' AND event < $before ORDER BY event LIMIT $chunk FOR UPDATE SKIP LOCKED
    ) AS d WHERE w.status IN ('PENDING', 'ERROR', 'DISABLED') LIMIT $chunk
)
UPDATE deliveries d SET state = 'expired', ended_at = $now, reason = 'kept for its webhook until the retention time'
FROM next n WHERE d.event = n.event AND d.webhook = n.webhook AND d.round = n.round
