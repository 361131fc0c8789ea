-- Makes parked rows of a webhook that may be sent to owed, in order of arrival.
-- A row that races with this statement is found by the slow sweep.
WITH next AS (
    SELECT d.event, d.webhook, d.round FROM deliveries d JOIN webhooks w ON w.id = d.webhook
    WHERE d.webhook = $webhook AND d.state = 'parked' AND {open}
    ORDER BY d.event LIMIT $chunk FOR UPDATE OF d SKIP LOCKED
), ranked AS (
    SELECT *, row_number() OVER (ORDER BY event) AS rank FROM next
)
UPDATE deliveries d SET state = 'owed', due_at = $now::timestamptz + n.rank * interval '1 microsecond' FROM ranked n
WHERE d.event = n.event AND d.webhook = n.webhook AND d.round = n.round
