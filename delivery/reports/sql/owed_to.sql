-- The webhooks that an event was owed to, of each its newest round, in order of id from one on.
SELECT DISTINCT ON (d.webhook) d.webhook, d.round, d.state, d.attempts, d.status, d.reason, d.due_at, d.ended_at, d.first_try_at,
    w.name, w.status AS webhook_status, w.deleted_at
FROM deliveries d JOIN webhooks w ON w.id = d.webhook
WHERE d.event = $event AND d.webhook > $after ORDER BY d.webhook, d.round DESC LIMIT $limit
