-- Ends the members of batches as their parcels ended.
-- A late success overrides, as it did for the parcel. The state is hidden from the planner, as in
-- `ledger/claims/sql/by_ticket.sql`.
UPDATE {deliveries} AS m
SET state = o.state, status = o.status, reason = o.reason, ended_at = o.ended_at, attempts = o.attempts, due_at = NULL
FROM unnest($event::uuid[], $webhook::uuid[], $round::smallint[], $state::text[], $status::smallint[], $reason::text[],
    $ended_at::timestamptz[], $attempts::smallint[]) AS o (event, webhook, round, state, status, reason, ended_at, attempts)
WHERE m.event = o.event AND m.webhook = o.webhook AND m.round = o.round
    AND (m.state || '' = 'bundled' OR (m.state || '' = 'failed' AND o.state = 'delivered'))
