-- Returns claims that were not sent: due at once, for any process.
-- The state is hidden from the planner, as in `ledger/claims/sql/by_ticket.sql`.
UPDATE {deliveries} AS d SET leased_until = NULL, due_at = $now, fence = d.fence + 1
FROM unnest($events::uuid[], $webhooks::uuid[], $rounds::smallint[], $fences::int[]) AS o (event, webhook, round, fence)
WHERE d.event = o.event AND d.webhook = o.webhook AND d.round = o.round AND d.fence = o.fence AND d.state || '' = 'owed'
