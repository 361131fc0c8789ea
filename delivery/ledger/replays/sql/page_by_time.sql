-- The next deliveries of a day, by the primary key, or by the index of what nobody has; a source of find.
SELECT d.event, d.webhook, d.round, d.state, d.attempts, d.status, d.reason, d.ended_at, d.first_try_at FROM {deliveries} d
WHERE (d.event, d.webhook, d.round) > ($event::uuid, $webhook::uuid, $round::smallint) AND d.event < $before
    AND {kind}
ORDER BY d.event, d.webhook, d.round LIMIT $read
