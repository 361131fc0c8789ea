-- Writes all that a publication comes to: events, deliveries, and spreads for the deliveries that are written later.
-- One statement, and so a transaction by itself: three round trips fewer than with BEGIN, a statement for each table, and
-- COMMIT. What is new is counted.
WITH spread AS (
    INSERT INTO spreads (event, workspace_id, type, due_at, fence)
    SELECT event, workspace_id, type, $spread_due::timestamptz, 0
    FROM unnest($spread_events::uuid[], $spread_workspaces::text[], $spread_types::text[]) AS t (event, workspace_id, type)
    ON CONFLICT DO NOTHING
), written AS (
    {write_events}
    RETURNING workspace_id
), counted AS (
    INSERT INTO accepted_counts (accepted_at, workspace_id, events)
    SELECT $now, workspace_id, count(*) FROM written GROUP BY workspace_id
)
{owe}
