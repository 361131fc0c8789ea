-- One step of a search for events: reads keys from a place on, newest first, answers those that are wanted, how many were
-- read, and the last. Batches are none, and questions to destinations (challenges) are left out unless their type is asked for.
WITH place AS MATERIALIZED (
    SELECT key, id, source, type, workspace_id FROM events WHERE key < $after AND key >= $floor ORDER BY key DESC LIMIT $chunk
), met AS (
    SELECT p.* FROM place p
    WHERE p.type <> '{batch}' AND ($workspace::text IS NULL OR p.workspace_id = $workspace)
        AND (cardinality($types::text[]) = 0 OR p.type = ANY($types))
        AND (cardinality($types) > 0 OR p.type <> '{options}' AND p.type NOT LIKE '%{question}')
        AND ($id::text = '' OR p.id = $id) AND ($origin::text = '' OR p.source = $origin)
), wanted AS (
    SELECT m.*, e.size, (SELECT count(*) FROM (
        SELECT FROM deliveries WHERE event = m.key AND round = 0 LIMIT {counted}
    ) AS x) AS webhooks
    FROM met m CROSS JOIN LATERAL (
        SELECT body, octet_length(body) AS size,
            CASE WHEN $opens::bool THEN position('{data}'::bytea IN coalesce(body, '')) ELSE 0 END AS data_at
        FROM events WHERE key = m.key OFFSET 0
    ) AS e
    WHERE (cardinality($texts::bytea[]) = 0 OR EXISTS (
            SELECT FROM unnest($texts) AS t WHERE e.data_at > 0 AND position(t IN substring(e.body FROM e.data_at)) > 0
        ))
        AND {tagged}
    ORDER BY m.key DESC LIMIT $wanted
)
SELECT w.*, r.read, r.last FROM (
    SELECT count(*) AS read, (SELECT key FROM place ORDER BY key LIMIT 1) AS last FROM place
) AS r LEFT JOIN wanted w ON true
ORDER BY w.key DESC
