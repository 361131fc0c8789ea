-- Those of a `page` of deliveries that a filter means: the newest round of each, of webhooks that are there; part of both finds.
-- What is owed is meant only while it waits to be tried again: what was not tried so far is sent without a replay.
matching AS (
    SELECT p.event, p.webhook, p.first_try_at FROM page p
    JOIN webhooks w ON w.id = p.webhook AND w.workspace_id = $workspace_id AND w.deleted_at IS NULL
    WHERE (cardinality($webhooks::uuid[]) = 0 OR p.webhook = ANY($webhooks::uuid[]))
        AND p.state = ANY($states::text[]) AND (p.state <> 'owed' OR p.attempts > 0)
        AND (cardinality($classes::int[]) = 0 OR coalesce(p.status / 100, 0) = ANY($classes::int[]))
        AND ($ended_since::timestamptz IS NULL OR p.ended_at >= $ended_since)
        AND ($reason::text = '' OR position(lower($reason) IN lower(p.reason)) > 0)
        AND NOT EXISTS (
            SELECT FROM {deliveries} n WHERE n.event = p.event AND n.webhook = p.webhook AND n.round > p.round
        )
        AND (cardinality($types::text[]) = 0 OR EXISTS (
            SELECT FROM {events} e WHERE e.key = p.event AND e.type = ANY($types::text[]) OFFSET 0
        ))
)
