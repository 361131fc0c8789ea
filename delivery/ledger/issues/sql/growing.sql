-- Webhooks that may be sent to and for which more and more waits: it is no small number, the oldest of it has waited for long,
-- and a while ago there was a fifth less of it, or, where it is more than samples count, its oldest was younger. One that is an
-- issue already stays one until less waits than a while ago. Where nobody counted a while ago there is nothing to compare with.
SELECT b.webhook, b.waiting, b.more, b.oldest FROM backlogs b JOIN webhooks w ON w.id = b.webhook AND {open}
LEFT JOIN LATERAL (
    SELECT r.waiting, r.oldest FROM rollups r
    WHERE r.webhook = b.webhook AND r.workspace_id = '' AND r.grain = 1 AND r.start BETWEEN $since AND $until
    ORDER BY r.start DESC LIMIT 1
) AS before ON true
CROSS JOIN LATERAL (
    SELECT before.waiting > 0 OR EXISTS (
        SELECT FROM rollups r WHERE r.webhook = '{nobody}' AND r.workspace_id = '' AND r.grain = 1
            AND r.start BETWEEN $since AND $until AND r.sampled_at IS NOT NULL
    ) AS counted
) AS earlier
WHERE b.waiting >= $least AND b.oldest < $aged AND (
    (earlier.counted AND b.waiting * 5 >= coalesce(before.waiting, 0) * 6)
    OR (earlier.counted AND b.more AND extract(epoch FROM b.sampled_at - b.oldest) >= coalesce(before.oldest, 0) + $older)
    OR (b.waiting >= coalesce(before.waiting, 0) AND EXISTS (
        SELECT FROM issues i WHERE i.webhook = b.webhook AND i.kind = $kind AND i.resolved_at IS NULL
    ))
)
