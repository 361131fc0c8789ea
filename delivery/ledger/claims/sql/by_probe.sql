-- Claims one row of a webhook in ERROR, owed or parked, whatever its due time: one row, one lease.
-- Each time another one of the oldest few, for the receiver may have something against one of them alone. Each state is asked
-- by itself, for it has an index of its own.
-- A probe is not one of the row's attempts (protocol.md 6.6), so that the window of the row does not begin with it.
WITH parked AS (
    SELECT event, webhook, round FROM deliveries WHERE webhook = $webhook AND state = 'parked' ORDER BY event LIMIT $oldest
), owed AS (
    SELECT d.event, d.webhook, d.round FROM deliveries d WHERE d.webhook = $webhook AND d.state = 'owed' AND {unleased}
    ORDER BY least(d.attempts, 1), d.due_at LIMIT $oldest
), oldest AS (
    SELECT *, row_number() OVER (ORDER BY event, round) - 1 AS place FROM (
        SELECT * FROM parked UNION ALL SELECT * FROM owed ORDER BY event, round LIMIT $oldest
    ) AS x
), turn AS (
    SELECT coalesce((SELECT tries FROM challenges WHERE webhook = $webhook), 0) % greatest((SELECT count(*) FROM oldest), 1)
        AS place
), next AS (
    SELECT d.event, d.webhook, d.round FROM oldest o JOIN turn USING (place) JOIN deliveries d
        ON d.event = o.event AND d.webhook = o.webhook AND d.round = o.round
    WHERE d.state || '' IN ('parked', 'owed') AND {unleased}
    FOR UPDATE OF d SKIP LOCKED
)
UPDATE deliveries AS d SET fence = d.fence + 1, leased_until = $until, state = 'owed', due_at = coalesce(d.due_at, $now)
FROM next JOIN webhooks w ON w.id = next.webhook AND w.status = 'ERROR' AND w.deleted_at IS NULL
JOIN events e ON e.key = next.event
WHERE d.event = next.event AND d.webhook = next.webhook AND d.round = next.round
{claimed}
