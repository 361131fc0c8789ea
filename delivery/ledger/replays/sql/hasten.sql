-- Makes deliveries that wait to be tried again due at new times; a lapsed lease stays, for the claim that finds it counts it.
UPDATE deliveries d SET due_at = t.due_at, fence = d.fence + 1
FROM unnest($events::uuid[], $webhooks::uuid[], $rounds::smallint[], $due_times::timestamptz[])
    AS t (event, webhook, round, due_at)
WHERE d.event = t.event AND d.webhook = t.webhook AND d.round = t.round AND d.state = 'owed' AND {unleased}
