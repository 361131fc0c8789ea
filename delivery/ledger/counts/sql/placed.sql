-- The items once for each rollup that they belong to: of a webhook, its workspace and all, by each grain; part of `fold.sql`.
SELECT s.webhook, s.workspace_id, g.grain, date_trunc(g.unit, i.minute), i.kind, i.bucket, sum(i.n),
    sum(i.succeeded), sum(i.delivered), sum(i.given_up), sum(i.c2), sum(i.c3), sum(i.c4), sum(i.c5), sum(i.c0)
FROM items i LEFT JOIN webhooks w ON w.id = i.webhook
CROSS JOIN LATERAL (VALUES (i.webhook, ''), ('{nobody}', w.workspace_id), ('{nobody}', '')) AS s (webhook, workspace_id)
CROSS JOIN (VALUES {grains}) AS g (grain, unit)
WHERE s.workspace_id IS NOT NULL GROUP BY 1, 2, 3, 4, 5, 6
UNION ALL
SELECT '{nobody}', s.workspace_id, g.grain, date_trunc(g.unit, p.minute), 'accepted', 0, sum(p.events), 0, 0, 0, 0, 0, 0, 0, 0
FROM published p CROSS JOIN LATERAL (VALUES (p.workspace_id), ('')) AS s (workspace_id)
CROSS JOIN (VALUES {grains}) AS g (grain, unit) GROUP BY 2, 3, 4
