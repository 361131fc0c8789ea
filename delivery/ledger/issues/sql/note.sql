-- Puts what was seen to the issues that are not resolved: to those that there are, and as new ones that are open. What is of a
-- webhook that has been deleted is left out.
INSERT INTO issues AS i (id, workspace_id, webhook, kind, cause, rank, state, reason, status, attempts, given_up,
    first_at, last_at, events, acted_by, said, untold)
SELECT o.id, coalesce(w.workspace_id, ''), o.webhook, o.kind, o.cause, o.rank, 'open', o.reason, o.status, o.attempts, o.given_up,
    o.first_at, o.last_at, string_to_array(o.events, ',')::uuid[], '', '', 'opened'
FROM (
    SELECT id, webhook, kind, cause, rank, reason, status, attempts, given_up, first_at, last_at, events
    FROM unnest($id::uuid[], $webhook::uuid[], $kind::text[], $cause::text[], $rank::smallint[], $reason::text[],
        $status::smallint[], $attempts::bigint[], $given_up::bigint[], $first_at::timestamptz[], $last_at::timestamptz[],
        $events::text[])
    AS u (id, webhook, kind, cause, rank, reason, status, attempts, given_up, first_at, last_at, events)
) AS o LEFT JOIN webhooks w ON w.id = o.webhook
WHERE o.webhook = '{no_webhook}' OR (w.id IS NOT NULL AND w.deleted_at IS NULL)
ORDER BY o.webhook, o.kind, o.cause
ON CONFLICT (webhook, kind, cause) WHERE resolved_at IS NULL DO UPDATE SET reason = excluded.reason, status = excluded.status,
    attempts = i.attempts + excluded.attempts, given_up = i.given_up + excluded.given_up,
    first_at = least(i.first_at, excluded.first_at), last_at = greatest(i.last_at, excluded.last_at),
    events = ARRAY(SELECT DISTINCT e FROM unnest(i.events || excluded.events) AS e ORDER BY e DESC LIMIT {affected})
