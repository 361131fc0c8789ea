-- Of a page of a day's events, which webhooks are subscribed to it and were never owed it; what is being spread is not lacking.
SELECT e.key AS event, s.webhook,
    CASE WHEN s.version_filter = '' THEN s.event_filter ELSE s.version_filter || E'\n' || s.event_filter END AS event_filter
FROM {events} e
JOIN subscriptions s ON s.workspace_id = e.workspace_id AND s.event_type = e.type
JOIN webhooks w ON w.id = s.webhook AND w.deleted_at IS NULL
WHERE e.key > $after AND e.key <= $until AND e.workspace_id = $workspace_id AND e.body IS NOT NULL
    AND (cardinality($webhooks::uuid[]) = 0 OR s.webhook = ANY($webhooks::uuid[]))
    AND (cardinality($types::text[]) = 0 OR e.type = ANY($types::text[]))
    AND NOT EXISTS (SELECT FROM {deliveries} d WHERE d.event = e.key AND d.webhook = s.webhook)
    AND NOT EXISTS (SELECT FROM spreads x WHERE x.event = e.key)
ORDER BY e.key, s.webhook
