-- Walks the queues that have due rows: from webhook to webhook in the index, one step each, however many rows one has; part of
-- take_due. A queue is a webhook's first attempts, or its retries.
-- Only where many rows are due, or in flight: from `$start` to the end, then from the beginning back to it. Each step finds the
-- first row of the next webhook: `retry` is 0 where it has any first attempt.
WITH RECURSIVE many AS MATERIALIZED (
    SELECT count(*) = {many} AS yes FROM (SELECT FROM {deliveries} WHERE state = 'owed' AND due_at <= $now LIMIT {many}) AS due
), ahead (webhook, retry, due_at, n) AS (
    SELECT x.*, 1 FROM (
        SELECT webhook, least(attempts, 1) AS retry, due_at FROM {deliveries} WHERE state = 'owed' AND webhook > $start
        ORDER BY webhook, least(attempts, 1), due_at LIMIT 1
    ) AS x WHERE (SELECT yes FROM many)
    UNION ALL
    SELECT x.*, q.n + 1 FROM ahead q, LATERAL (
        SELECT webhook, least(attempts, 1) AS retry, due_at FROM {deliveries} WHERE state = 'owed' AND webhook > q.webhook
        ORDER BY webhook, least(attempts, 1), due_at LIMIT 1
    ) AS x WHERE q.n < {steps}
), behind (webhook, retry, due_at, n) AS (
    SELECT x.*, 1 FROM (
        SELECT webhook, least(attempts, 1) AS retry, due_at FROM {deliveries} WHERE state = 'owed' AND webhook <= $start
        ORDER BY webhook, least(attempts, 1), due_at LIMIT 1
    ) AS x WHERE (SELECT yes FROM many)
    UNION ALL
    SELECT x.*, q.n + 1 FROM behind q, LATERAL (
        SELECT webhook, least(attempts, 1) AS retry, due_at FROM {deliveries}
        WHERE state = 'owed' AND webhook > q.webhook AND webhook <= $start
        ORDER BY webhook, least(attempts, 1), due_at LIMIT 1
    ) AS x WHERE q.n < {steps}
), walked AS (
    SELECT * FROM ahead UNION ALL SELECT webhook, retry, due_at, n + {steps} FROM behind LIMIT {steps}
)
