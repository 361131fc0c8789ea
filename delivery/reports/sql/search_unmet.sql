-- Those that ended without being delivered, newest first, by their own index; a source of search_deliveries.
SELECT d.event, d.webhook, d.round FROM deliveries d
WHERE {unmet}
    AND d.event <= $event AND d.event >= $floor
    AND (d.event, d.webhook, d.round) < ($event::uuid, $webhook::uuid, $round::smallint)
ORDER BY d.event DESC, d.webhook DESC, d.round DESC LIMIT $chunk
