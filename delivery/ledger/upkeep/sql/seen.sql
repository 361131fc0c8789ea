-- A process says that it lives; a sweep that it does not tell of is as long ago as it was.
INSERT INTO workers (name, slots, free, in_use, seen_at, kind, ahead, swept_at, foreign_tickets)
VALUES ($name, $slots, $free, $in_use, $now, $kind, $ahead, $swept_at, $foreign)
ON CONFLICT (name) DO UPDATE SET slots = excluded.slots, free = excluded.free, in_use = excluded.in_use,
    seen_at = excluded.seen_at, ahead = excluded.ahead, foreign_tickets = excluded.foreign_tickets,
    swept_at = coalesce(excluded.swept_at, workers.swept_at)
