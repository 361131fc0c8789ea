-- One step of a search for deliveries: reads rows of a source, answers those that are wanted, how many were read, and the last.
-- Rows are looked up one by one (OFFSET 0), or all of a table might be read for a few. What a batch carries is found with its
-- batch, unless it is asked for by name.
WITH place AS MATERIALIZED (
    {source}
), met AS (
    SELECT p.*, d.state, d.due_at, d.attempts, d.status, d.reason, d.first_try_at, d.ended_at, w.name, w.workspace_id
    FROM place p CROSS JOIN LATERAL (
        SELECT * FROM deliveries WHERE event = p.event AND webhook = p.webhook AND round = p.round OFFSET 0
    ) AS d JOIN webhooks w ON w.id = p.webhook
    WHERE ($workspace::text IS NULL OR w.workspace_id = $workspace AND w.deleted_at IS NULL)
        AND (cardinality($webhooks::uuid[]) = 0 OR p.webhook = ANY($webhooks))
        AND (cardinality($events::uuid[]) = 0 OR p.event = ANY($events))
        AND (cardinality($ids::text[]) = 0 OR p.event || '.' || p.webhook || '.' || p.round = ANY($ids))
        AND (cardinality($states::text[]) = 0 OR d.state = ANY($states))
        AND (cardinality($classes::int[]) = 0 OR d.attempts > 0 AND coalesce(d.status / 100, 0) = ANY($classes))
        AND (cardinality($statuses::int[]) = 0 OR d.status = ANY($statuses))
        AND ($reason::text = '' OR position(lower($reason) IN lower(d.reason)) > 0)
        AND ($ended_since::timestamptz IS NULL OR d.ended_at >= $ended_since)
        AND ($tried::bool OR d.state NOT IN ('delivered', 'owed'))
        AND ($members::bool OR d.first_try_at IS NOT NULL OR d.state NOT IN ('bundled', 'delivered', 'failed'))
), wanted AS (
    SELECT m.*, e.id, e.source, e.type, e.erased,
        (SELECT cardinality(members) FROM parcels WHERE id = m.event AND e.type = '{batch}') AS members
    FROM met m CROSS JOIN LATERAL (
        SELECT id, source, type, body, body IS NULL AS erased,
            CASE WHEN $opens::bool THEN position('{data}'::bytea IN coalesce(body, '')) ELSE 0 END AS data_at
        FROM events WHERE key = m.event OFFSET 0
    ) AS e
    WHERE (cardinality($types::text[]) = 0 OR e.type = ANY($types))
        AND ($id::text = '' OR e.id = $id) AND ($origin::text = '' OR e.source = $origin)
        AND (cardinality($texts::bytea[]) = 0 OR EXISTS (
            SELECT FROM unnest($texts) AS t
            WHERE position(t IN CASE WHEN e.type = '{batch}' THEN e.body
                WHEN e.data_at > 0 THEN substring(e.body FROM e.data_at) END) > 0
        ))
        AND {tagged}
    ORDER BY m.event DESC, m.webhook DESC, m.round DESC LIMIT $wanted
)
SELECT w.*, r.read, r.last FROM (
    SELECT count(*) AS read,
        (SELECT event || '.' || webhook || '.' || round FROM place ORDER BY event, webhook, round LIMIT 1) AS last FROM place
) AS r LEFT JOIN wanted w ON true
ORDER BY w.event DESC, w.webhook DESC, w.round DESC
