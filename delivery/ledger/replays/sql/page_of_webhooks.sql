-- The next deliveries of a day that a few webhooks have, each by its index; a source of find.
SELECT x.* FROM unnest($webhooks::uuid[]) AS w (id) CROSS JOIN LATERAL (
    SELECT d.event, d.webhook, d.round, d.state, d.attempts, d.status, d.reason, d.ended_at, d.first_try_at FROM {deliveries} d
    WHERE d.webhook = w.id AND d.event >= $event AND d.event < $before AND {kind}
        AND (d.event, d.webhook, d.round) > ($event::uuid, $webhook::uuid, $round::smallint)
    ORDER BY d.event, d.round LIMIT $read
) AS x ORDER BY x.event, x.webhook, x.round LIMIT $read
