-- Closes a batch: an event that carries it, a delivery of that, and its members, which are bundled from now on.
-- The state is hidden from the planner, as in `ledger/claims/sql/by_ticket.sql`.
WITH written AS (
    INSERT INTO events (key, id, source, type, workspace_id, body)
    VALUES ($parcel::uuid, $parcel::uuid::text, 'batch', '{batch}', $workspace_id, $body)
), bundled AS (
    UPDATE deliveries SET state = 'bundled', due_at = NULL
    WHERE webhook = $webhook AND event = ANY($members::uuid[]) AND round = 0 AND state || '' = 'collecting'
), known AS (
    INSERT INTO parcels (id, webhook, members) VALUES ($parcel, $webhook::uuid, $members::uuid[])
)
INSERT INTO deliveries (event, webhook, round, state, due_at, fence, attempts, lost)
VALUES ($parcel, $webhook, 0, $state, $due_at, 0, 0, 0)
