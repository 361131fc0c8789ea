-- Those of a few webhooks, newest first; a source of search_deliveries. What was tried is read by the key of attempts, what waits
-- and what was never tried by the indexes of its states. Of first attempts that wait, of which there may be thousands, those are
-- read that came last.
SELECT DISTINCT x.event, w.id AS webhook, x.round FROM unnest($webhooks::uuid[]) AS w (id) CROSS JOIN LATERAL (
    (
        SELECT DISTINCT event, round FROM attempts
        WHERE $tried::bool AND webhook = w.id AND round >= 0 AND event >= $floor AND event <= $event
            AND (event, w.id, round) < ($event::uuid, $webhook::uuid, $round::smallint)
        ORDER BY event DESC, round DESC LIMIT $chunk
    ) UNION ALL (
        SELECT event, round FROM deliveries d
        WHERE webhook = w.id AND {unmet} AND event >= $floor AND event <= $event
            AND (event, w.id, round) < ($event::uuid, $webhook::uuid, $round::smallint)
        ORDER BY event DESC, round DESC LIMIT $chunk
    ) UNION ALL (
        SELECT event, round FROM deliveries
        WHERE webhook = w.id AND state = 'parked' AND event >= $floor AND event <= $event
            AND (event, w.id, round) < ($event::uuid, $webhook::uuid, $round::smallint)
        ORDER BY event DESC, round DESC LIMIT $chunk
    ) UNION ALL (
        SELECT event, round FROM (
            SELECT event, round FROM deliveries WHERE webhook = w.id AND state = 'owed' AND least(attempts, 1) = 0
            ORDER BY due_at DESC LIMIT {most}
        ) AS first WHERE event >= $floor AND (event, w.id, round) < ($event::uuid, $webhook::uuid, $round::smallint)
    ) UNION ALL (
        SELECT event, round FROM (
            SELECT event, round FROM deliveries d WHERE webhook = w.id AND {gathered} ORDER BY due_at DESC LIMIT {most}
        ) AS gathered WHERE event >= $floor AND (event, w.id, round) < ($event::uuid, $webhook::uuid, $round::smallint)
    )
) AS x
ORDER BY 1 DESC, 2 DESC, 3 DESC LIMIT $chunk
