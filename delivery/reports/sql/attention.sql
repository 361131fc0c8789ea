-- The worst open issue of each webhook, or of none, and how many others each has; the worst first, then what was seen last.
SELECT i.*, w.name AS webhook_name FROM (
    SELECT DISTINCT ON (webhook, CASE WHEN webhook = '{no_webhook}' THEN id END) *,
        count(*) OVER (PARTITION BY webhook, CASE WHEN webhook = '{no_webhook}' THEN id END) - 1 AS others
    FROM issues
    WHERE state = 'open' AND ($workspace_id::text IS NULL OR workspace_id = $workspace_id)
        AND ($webhook::uuid IS NULL OR webhook = $webhook)
    ORDER BY webhook, CASE WHEN webhook = '{no_webhook}' THEN id END, rank, last_at DESC, id
) AS i LEFT JOIN webhooks w ON w.id = i.webhook
ORDER BY i.rank, i.last_at DESC, i.id LIMIT $limit
