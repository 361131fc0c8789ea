-- Those of some queues that may be taken from, and how much of each; part of take_due, twice.
-- What is told of the shares of an epoch that is over says nothing.
SELECT q.*, w.workspace_id, s.share
    FROM ({queues} OFFSET 0) AS q JOIN webhooks w ON w.id = q.webhook CROSS JOIN LATERAL (
        SELECT CASE WHEN coalesce((told ->> 1)::int, w.epoch) = w.epoch THEN coalesce((told ->> 0)::int, $share) ELSE $share END
            AS share
        FROM (SELECT $shares::jsonb -> q.webhook::text AS told) AS t
    ) AS s
    WHERE s.share > 0 AND NOT ({paced})
