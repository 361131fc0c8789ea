-- The items of each webhook, of each workspace and of all, and the events that were accepted; part of `fold.sql`.
SELECT webhook, '', kind, bucket, n, succeeded, delivered, given_up, c2, c3, c4, c5, c0 FROM items
UNION ALL
SELECT '{nobody}', coalesce(w.workspace_id, ''), i.kind, i.bucket, sum(i.n), sum(i.succeeded), sum(i.delivered),
    sum(i.given_up), sum(i.c2), sum(i.c3), sum(i.c4), sum(i.c5), sum(i.c0)
FROM items i JOIN webhooks w ON w.id = i.webhook GROUP BY GROUPING SETS ((w.workspace_id, i.kind, i.bucket), (i.kind, i.bucket))
UNION ALL
SELECT '{nobody}', coalesce(workspace_id, ''), 3, 0, sum(events), 0, 0, 0, 0, 0, 0, 0, 0
FROM published GROUP BY GROUPING SETS ((workspace_id), ()) HAVING count(*) > 0
