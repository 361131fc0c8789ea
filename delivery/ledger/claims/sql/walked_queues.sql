-- The queues with due rows that the walk came across; part of take_due.
-- Asked one by one, for one may have most of what is due, and first attempts apart from retries, but for those of which the
-- webhook's first row in the index says that there are none.
SELECT p.webhook, p.retry, q.n FROM walked q, LATERAL (VALUES (q.webhook, 0), (q.webhook, 1)) AS p (webhook, retry),
            LATERAL ({due_of} LIMIT 1) AS x
        WHERE q.retry < p.retry OR q.retry = p.retry AND q.due_at <= $now LIMIT $queues
