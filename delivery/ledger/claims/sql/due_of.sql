-- The due rows of queue `p`, oldest first: a webhook's first attempts, or its retries, which are apart in the index.
SELECT d.event, d.webhook, d.round, d.due_at, d.leased_until IS NOT NULL AS lapsed, d.lost FROM {deliveries} d
        WHERE d.webhook = p.webhook AND d.state = 'owed' AND least(d.attempts, 1) = p.retry AND d.due_at <= $now
            AND {unleased}
        ORDER BY d.due_at
