-- Puts in the receipts of ids that were given, in key order.
-- An id whose window has passed is free again: its old receipt is written over.
INSERT INTO receipts AS r (key, digest, event, accepted_at)
SELECT key, digest, event, $now FROM unnest($keys::bytea[], $digests::bytea[], $events::uuid[]) AS t (key, digest, event)
ORDER BY key
ON CONFLICT (key) DO UPDATE SET digest = excluded.digest, event = excluded.event, accepted_at = excluded.accepted_at
WHERE r.accepted_at < $since
