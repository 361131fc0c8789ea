-- Who subscribed to each topic, and how what is owed to them begins: the first so many webhooks behind one.
SELECT t.workspace_id, t.type, c.webhook, c.way, c.event_filter
FROM unnest($workspace_ids::text[], $types::text[]) AS t (workspace_id, type), LATERAL (
    SELECT s.webhook, CASE WHEN w.batching THEN 'collect' ELSE {way} END AS way,
        -- The version that is understood, before what else is asked for (`subscriptions/webhooks/matching.py`).
        CASE WHEN s.version_filter = '' THEN s.event_filter ELSE s.version_filter || E'\n' || s.event_filter END AS event_filter
    FROM subscriptions s JOIN webhooks w ON w.id = s.webhook
    WHERE s.workspace_id = t.workspace_id AND s.event_type = t.type AND w.deleted_at IS NULL AND s.webhook > $after
    ORDER BY s.webhook LIMIT $at_most
) AS c
