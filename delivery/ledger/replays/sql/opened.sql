-- Items of a replay stand in these rounds now, and are looked at when they are due.
UPDATE replay_items i SET stage = 1, round = t.round, look_at = t.due_at
FROM unnest($events::uuid[], $webhooks::uuid[], $rounds::smallint[], $due_times::timestamptz[])
    AS t (event, webhook, round, due_at)
WHERE i.replay = $replay AND i.webhook = t.webhook AND i.event = t.event
