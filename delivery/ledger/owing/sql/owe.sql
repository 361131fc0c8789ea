-- Writes deliveries, the first round of each; those that stand already are left as they are.
-- Events of one type fan out to the same webhooks: the server multiplies, so that only the pairs' ends travel.
INSERT INTO deliveries (event, webhook, round, state, due_at, fence, attempts, lost)
SELECT event, webhook, 0, state, due_at, 0, 0, 0
FROM unnest($events::uuid[], $webhooks::uuid[], $states::text[], $due_at::timestamptz[]) AS t (event, webhook, state, due_at)
ON CONFLICT DO NOTHING
