-- Keeps a sample of what waits in the place of the one before it, and the most that was seen in this minute, hour and day.
WITH seen AS (
    SELECT s.*, w.workspace_id, greatest(extract(epoch FROM $now - s.oldest), 0)::bigint AS age
    FROM unnest($webhooks::uuid[], $waiting::int[], $more::bool[], $oldest::timestamptz[]) AS s (webhook, waiting, more, oldest)
    JOIN webhooks w ON w.id = s.webhook AND w.deleted_at IS NULL
), gone AS (
    DELETE FROM backlogs WHERE webhook <> ALL ($webhooks::uuid[])
), kept AS (
    INSERT INTO backlogs AS b (webhook, workspace_id, waiting, more, oldest, sampled_at)
    SELECT webhook, workspace_id, waiting, more, oldest, $now FROM seen
    ON CONFLICT (webhook) DO UPDATE SET waiting = excluded.waiting, more = excluded.more, oldest = excluded.oldest,
        sampled_at = excluded.sampled_at
)
INSERT INTO rollups AS r (webhook, workspace_id, grain, start, waiting, oldest)
SELECT p.webhook, p.workspace_id, g.grain, date_trunc(g.unit, $now), sum(s.waiting), max(s.age)
FROM seen s
CROSS JOIN LATERAL (VALUES (s.webhook, ''), ('{nobody}', s.workspace_id), ('{nobody}', '')) AS p (webhook, workspace_id)
CROSS JOIN (VALUES {grains}) AS g (grain, unit)
GROUP BY 1, 2, 3, 4
ON CONFLICT (webhook, workspace_id, grain, start) DO UPDATE SET
    waiting = greatest(r.waiting, excluded.waiting), oldest = greatest(r.oldest, excluded.oldest)
