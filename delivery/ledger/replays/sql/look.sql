-- How those stand that a replay has opened, and that are to be looked at by now.
SELECT i.event, i.webhook, i.stage, d.state, d.attempts FROM (
    SELECT event, webhook, round, stage FROM replay_items WHERE replay = $replay AND stage > 0 AND look_at <= $now
    ORDER BY look_at LIMIT $most
) AS i LEFT JOIN LATERAL (
    SELECT state, attempts FROM deliveries WHERE event = i.event AND webhook = i.webhook AND round = i.round OFFSET 0
) AS d ON true
