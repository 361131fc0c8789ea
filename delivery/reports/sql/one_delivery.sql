-- One delivery with its event, its webhook, the question that its webhook waits for, and how many events it has as a batch.
SELECT d.*, e.id, e.source, e.type, e.body, w.workspace_id, w.name AS webhook_name, w.destination, w.status AS webhook_status,
    w.state_reason, w.endpoint_rate_limit AS rate, w.last_failure_at, w.deleted_at, w.content_mode, c.due_at AS question_at,
    (SELECT members FROM parcels WHERE id = d.event AND e.type = '{batch}') AS members,
    EXISTS (SELECT 1 FROM workers k WHERE k.kind = 'worker' AND k.seen_at > $workers_since) AS workers
FROM deliveries d JOIN events e ON e.key = d.event JOIN webhooks w ON w.id = d.webhook
LEFT JOIN challenges c ON c.webhook = w.id AND c.purpose <> 'heartbeat'
WHERE d.event = $event AND d.webhook = $webhook AND d.round = $round
    AND ($workspace::text IS NULL OR w.workspace_id = $workspace AND w.deleted_at IS NULL)
