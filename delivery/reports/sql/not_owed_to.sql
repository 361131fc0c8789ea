-- The webhooks of a workspace that an event was not owed to, with what they subscribe to of its type; subscribers first.
SELECT w.id, w.name, w.status, w.created_at AS registered_at, s.id AS subscription, s.event_filter, s.version, s.version_filter,
    s.created_at, s.updated_at, s.generation
FROM webhooks w LEFT JOIN subscriptions s ON s.webhook = w.id AND s.event_type = $type AND s.workspace_id = $workspace
WHERE w.workspace_id = $workspace AND w.deleted_at IS NULL
    AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.event = $event AND d.webhook = w.id)
ORDER BY s.id IS NULL, w.created_at, w.id LIMIT $limit
