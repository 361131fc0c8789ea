-- Opened items of a replay have not ended, and are looked at again.
UPDATE replay_items i SET stage = t.stage, look_at = t.look_at
FROM unnest($events::uuid[], $webhooks::uuid[], $stages::smallint[], $looks::timestamptz[]) AS t (event, webhook, stage, look_at)
WHERE i.replay = $replay AND i.webhook = t.webhook AND i.event = t.event
