-- Issues of a workspace or of all, the worst kinds first and of each kind the newest, from behind the last of the page before.
SELECT i.*, w.name AS webhook_name, w.status AS webhook_status, w.failures AS webhook_failures
FROM issues i LEFT JOIN webhooks w ON w.id = i.webhook
WHERE ($workspace_id::text IS NULL OR i.workspace_id = $workspace_id) AND ($id::uuid IS NULL OR i.id = $id)
    AND ($webhook::uuid IS NULL OR i.webhook = $webhook)
    AND ($states::text[] = '{}' OR i.state = ANY ($states)) AND ($kinds::text[] = '{}' OR i.kind = ANY ($kinds))
    AND ($after_rank::int IS NULL OR i.rank > $after_rank OR (i.rank = $after_rank AND i.id < $after_id::uuid))
ORDER BY i.rank, i.id DESC LIMIT $limit
