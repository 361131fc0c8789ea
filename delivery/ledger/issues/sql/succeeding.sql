-- Resolves issues of failed attempts whose webhook has succeeded since the last of them, once that is a while ago, and those of
-- webhooks that have been deleted. A success is known by a count of failures that it has cleared, or by a minute's rollup.
UPDATE issues AS i SET state = 'resolved', resolved_at = $now, until = NULL, untold = 'resolved'
FROM webhooks w
WHERE i.resolved_at IS NULL AND i.kind = ANY ($kinds) AND w.id = i.webhook AND (
    w.deleted_at IS NOT NULL OR (
        i.last_at < $before AND {sendable} AND (w.failures = 0 OR EXISTS (
            SELECT FROM rollups r WHERE r.webhook = i.webhook AND r.workspace_id = '' AND r.grain = 1 AND r.start > i.last_at
                AND r.succeeded > 0
        ))
    )
)
