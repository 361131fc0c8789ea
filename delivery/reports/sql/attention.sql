-- The worst open issue of each webhook, or of none, and how many others each has; the worst first, then what was seen last.
-- Of a webhook that is sent to and has had a success since, failures pass by themselves: what else is open comes before them.
SELECT * FROM (
    SELECT DISTINCT ON (i.webhook, CASE WHEN i.webhook = '{no_webhook}' THEN i.id END) i.*, w.name AS webhook_name,
        w.status AS webhook_status, w.failures AS webhook_failures,
        count(*) OVER (PARTITION BY i.webhook, CASE WHEN i.webhook = '{no_webhook}' THEN i.id END) - 1 AS others
    FROM issues i LEFT JOIN webhooks w ON w.id = i.webhook
    WHERE i.state = 'open' AND ($workspace_id::text IS NULL OR i.workspace_id = $workspace_id)
        AND ($webhook::uuid IS NULL OR i.webhook = $webhook)
    ORDER BY i.webhook, CASE WHEN i.webhook = '{no_webhook}' THEN i.id END,
        coalesce(i.kind = ANY ('{passing}') AND w.status = ANY ('{sendable}') AND w.failures = 0, false), i.rank,
        i.last_at DESC, i.id
) AS i
ORDER BY i.rank, i.last_at DESC, i.id LIMIT $limit
