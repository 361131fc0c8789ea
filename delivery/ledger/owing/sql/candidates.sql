-- Who subscribed to each topic, and how what is owed to them begins: the first so many webhooks behind one.
SELECT t.workspace_id, t.type, c.webhook, c.way, c.event_filter
FROM unnest($workspace_ids::text[], $types::text[]) AS t (workspace_id, type), LATERAL (
    SELECT s.webhook, s.event_filter, CASE WHEN w.batching THEN 'collect' ELSE {way} END AS way
    FROM subscriptions s JOIN webhooks w ON w.id = s.webhook
    WHERE s.workspace_id = t.workspace_id AND s.event_type = t.type AND w.deleted_at IS NULL AND s.webhook > $after
    ORDER BY s.webhook LIMIT $at_most
) AS c
