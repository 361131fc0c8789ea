-- Folds what was counted into minutes, hours and days of each webhook, each workspace and all, and takes the counts away.
-- One transaction with their deletion: whatever is counted is folded once. Nothing of it is joined with anything but webhooks,
-- which have an index: the server cannot guess how many rows are folded.
WITH taken AS (
    DELETE FROM outcome_counts WHERE ctid = ANY (ARRAY(SELECT ctid FROM outcome_counts LIMIT $at_most))
    RETURNING date_trunc('minute', recorded_at) AS minute, webhooks, statuses, came_to, took, arrived
), published AS (
    DELETE FROM accepted_counts WHERE ctid = ANY (ARRAY(SELECT ctid FROM accepted_counts LIMIT $at_most))
    RETURNING date_trunc('minute', accepted_at) AS minute, workspace_id, events
), each AS (
    SELECT t.minute, u.* FROM taken t CROSS JOIN LATERAL unnest(t.webhooks, t.statuses, t.came_to, t.took, t.arrived)
        AS u (webhook, status, came_to, took, arrived)
), items (webhook, minute, kind, bucket, n, succeeded, delivered, given_up, c2, c3, c4, c5, c0) AS (
    {items}
), placed (webhook, workspace_id, grain, start, kind, bucket, n, succeeded, delivered, given_up, c2, c3, c4, c5, c0) AS (
    {placed}
), folded AS (
    INSERT INTO rollups AS r (webhook, workspace_id, grain, start, accepted, attempts, succeeded, delivered, given_up,
        status_2xx, status_3xx, status_4xx, status_5xx, unanswered, took, arrived)
    SELECT webhook, workspace_id, grain, start, coalesce(sum(n) FILTER (WHERE kind = 'accepted'), 0),
        coalesce(sum(n) FILTER (WHERE kind = 'attempts'), 0), sum(succeeded), sum(delivered), sum(given_up),
        sum(c2), sum(c3), sum(c4), sum(c5), sum(c0),
        coalesce(array_agg(((bucket << {shift}) + n)::bigint ORDER BY bucket) FILTER (WHERE kind = 'took'), '{}'),
        coalesce(array_agg(((bucket << {shift}) + n)::bigint ORDER BY bucket) FILTER (WHERE kind = 'arrived'), '{}')
    FROM placed GROUP BY webhook, workspace_id, grain, start
    ON CONFLICT (webhook, workspace_id, grain, start) DO UPDATE SET
        accepted = r.accepted + excluded.accepted, attempts = r.attempts + excluded.attempts,
        succeeded = r.succeeded + excluded.succeeded, delivered = r.delivered + excluded.delivered,
        given_up = r.given_up + excluded.given_up, status_2xx = r.status_2xx + excluded.status_2xx,
        status_3xx = r.status_3xx + excluded.status_3xx, status_4xx = r.status_4xx + excluded.status_4xx,
        status_5xx = r.status_5xx + excluded.status_5xx, unanswered = r.unanswered + excluded.unanswered,
        took = {took}, arrived = {arrived}
)
SELECT greatest((SELECT count(*) FROM taken), (SELECT count(*) FROM published)) AS taken
