-- Folds what was counted in the oldest minute into that minute, its hour and its day, of each webhook, each workspace and all.
-- One transaction with the deletion of the counts: whatever is counted is folded once. Of one minute, so that each rollup is
-- touched once; nothing is joined with anything but webhooks, for the server cannot guess how many rows there are. No more than
-- the first rows are looked at, as they lie there: what a day without beat has left is not read as a whole each time.
WITH recorded AS MATERIALIZED (
    SELECT ctid AS place, date_trunc('minute', recorded_at) AS minute FROM outcome_counts LIMIT $at_most
), accepted AS MATERIALIZED (
    SELECT ctid AS place, date_trunc('minute', accepted_at) AS minute FROM accepted_counts LIMIT $at_most
), oldest AS MATERIALIZED (
    SELECT least((SELECT min(minute) FROM recorded), (SELECT min(minute) FROM accepted)) AS minute
), taken AS (
    DELETE FROM outcome_counts
    WHERE ctid = ANY (ARRAY(SELECT r.place FROM recorded r JOIN oldest o ON o.minute = r.minute))
    RETURNING webhooks, statuses, came_to, took, arrived
), published AS (
    DELETE FROM accepted_counts
    WHERE ctid = ANY (ARRAY(SELECT a.place FROM accepted a JOIN oldest o ON o.minute = a.minute))
    RETURNING workspace_id, events
), each AS (
    SELECT u.* FROM taken t CROSS JOIN LATERAL unnest(t.webhooks, t.statuses, t.came_to, t.took, t.arrived)
        AS u (webhook, status, came_to, took, arrived)
), items (webhook, kind, bucket, n, succeeded, delivered, given_up, c2, c3, c4, c5, c0) AS (
    {items}
), placed (webhook, workspace_id, kind, bucket, n, succeeded, delivered, given_up, c2, c3, c4, c5, c0) AS (
    {placed}
), folded AS (
    INSERT INTO rollups AS r (webhook, workspace_id, grain, start, accepted, attempts, succeeded, delivered, given_up,
        status_2xx, status_3xx, status_4xx, status_5xx, unanswered, took, arrived)
    SELECT t.webhook, t.workspace_id, g.grain, date_trunc(g.unit, o.minute), t.accepted, t.attempts, t.succeeded, t.delivered,
        t.given_up, t.c2, t.c3, t.c4, t.c5, t.c0, t.took, t.arrived
    FROM ({totals}) AS t CROSS JOIN oldest o CROSS JOIN (VALUES {grains}) AS g (grain, unit)
    ON CONFLICT (webhook, workspace_id, grain, start) DO UPDATE SET
        accepted = r.accepted + excluded.accepted, attempts = r.attempts + excluded.attempts,
        succeeded = r.succeeded + excluded.succeeded, delivered = r.delivered + excluded.delivered,
        given_up = r.given_up + excluded.given_up, status_2xx = r.status_2xx + excluded.status_2xx,
        status_3xx = r.status_3xx + excluded.status_3xx, status_4xx = r.status_4xx + excluded.status_4xx,
        status_5xx = r.status_5xx + excluded.status_5xx, unanswered = r.unanswered + excluded.unanswered,
        took = {took}, arrived = {arrived}
)
SELECT o.minute, greatest((SELECT count(*) FROM taken), (SELECT count(*) FROM published)) AS taken FROM oldest o
