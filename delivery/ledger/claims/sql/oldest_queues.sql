-- The queues of the rows that were due first; part of take_due, where few are due or the walk came across none to take from.
SELECT webhook, retry, row_number() OVER (ORDER BY min(due_at)) AS n FROM (
            SELECT d.webhook, least(d.attempts, 1) AS retry, d.due_at FROM {deliveries} d
            WHERE d.state = 'owed' AND d.due_at <= $now AND {unleased} ORDER BY d.due_at LIMIT {many}
        ) AS oldest WHERE NOT EXISTS (SELECT FROM met) GROUP BY webhook, retry
