-- Writes all that a publication comes to: events, deliveries, and spreads for the deliveries that are written later.
-- One statement, and so a transaction by itself: three round trips fewer than with BEGIN, a statement for each table, and
-- COMMIT.
WITH spread AS (
    INSERT INTO spreads (event, workspace_id, type, due_at, fence)
    SELECT event, workspace_id, type, $spread_due::timestamptz, 0
    FROM unnest($spread_events::uuid[], $spread_workspaces::text[], $spread_types::text[]) AS t (event, workspace_id, type)
    ON CONFLICT DO NOTHING
), written AS (
    {write_events}
)
{owe}
