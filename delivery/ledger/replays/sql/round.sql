-- Begins rounds of deliveries; one that is there already, a spread's or a publication's, is left as it is.
INSERT INTO deliveries (event, webhook, round, state, due_at, fence, attempts, lost)
SELECT event, webhook, round, state, due_at, 0, 0, 0
FROM unnest($events::uuid[], $webhooks::uuid[], $rounds::smallint[], $states::text[], $dues::timestamptz[])
    AS t (event, webhook, round, state, due_at)
ON CONFLICT DO NOTHING
RETURNING event, webhook
