-- Keeps a sample of what waits in the place of the one before it, and the most that was seen in this minute, hour and day.
-- When it was taken is kept with the numbers of all, where nothing waits, too: what nobody counted is not nothing.
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
INSERT INTO rollups AS r (webhook, workspace_id, grain, start, waiting, oldest, sampled_at)
SELECT p.webhook, p.workspace_id, g.grain, date_trunc(g.unit, $now), sum(p.waiting), max(p.age), max(p.sampled_at)
FROM (
    SELECT p.webhook, p.workspace_id, s.waiting, s.age, NULL::timestamptz AS sampled_at FROM seen s
    CROSS JOIN LATERAL (VALUES (s.webhook, ''), ('{nobody}', s.workspace_id), ('{nobody}', '')) AS p (webhook, workspace_id)
    UNION ALL SELECT '{nobody}', '', 0, 0, $now
) AS p
CROSS JOIN (VALUES {grains}) AS g (grain, unit)
GROUP BY 1, 2, 3, 4
ON CONFLICT (webhook, workspace_id, grain, start) DO UPDATE SET
    waiting = greatest(r.waiting, excluded.waiting), oldest = greatest(r.oldest, excluded.oldest),
    sampled_at = greatest(r.sampled_at, excluded.sampled_at)
