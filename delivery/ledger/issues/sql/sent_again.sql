-- Resolves issues of deliveries that were given up and have all been sent again since, as far as the newest of their webhook
-- tell, and those of webhooks that have been deleted.
UPDATE issues AS i SET state = 'resolved', resolved_at = $now, until = NULL, untold = 'resolved'
FROM webhooks w
WHERE i.resolved_at IS NULL AND i.kind = $kind AND w.id = i.webhook AND (
    w.deleted_at IS NOT NULL OR NOT EXISTS (
        SELECT FROM (
            SELECT d.event, d.webhook, d.round, d.ended_at FROM deliveries d WHERE d.webhook = i.webhook AND d.state = 'failed'
            ORDER BY d.event DESC, d.round DESC LIMIT $at_most
        ) AS f
        WHERE f.ended_at >= i.first_at AND NOT EXISTS (
            SELECT FROM deliveries n WHERE n.event = f.event AND n.webhook = f.webhook AND n.round = f.round + 1
        )
    )
)
