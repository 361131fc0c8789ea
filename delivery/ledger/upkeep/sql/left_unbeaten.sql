-- Gives webhooks that may be sent to a heartbeat, where no row stands for one.
-- Spread over the whole interval by the ids, which are random: after an upgrade all of them lack one.
INSERT INTO challenges (webhook, epoch, purpose, tries, due_at, fence)
SELECT w.id, w.epoch, 'heartbeat', 0,
    $now::timestamptz + $interval::float8 * (get_byte(uuid_send(w.id), 0) * 256 + get_byte(uuid_send(w.id), 1)) / 65536
        * interval '1 second', 0
FROM webhooks w
WHERE {open} AND NOT EXISTS (SELECT 1 FROM challenges c WHERE c.webhook = w.id)
ON CONFLICT DO NOTHING
