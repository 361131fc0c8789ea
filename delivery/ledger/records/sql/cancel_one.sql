-- Ends one delivery that waits, by hand; what is under way or has ended stays as it is.
UPDATE deliveries AS d SET state = 'cancelled', due_at = NULL, leased_until = NULL, fence = d.fence + 1, ended_at = $now,
    reason = 'cancelled by hand'
WHERE d.event = $event AND d.webhook = $webhook AND d.round = $round AND d.state IN ('owed', 'parked', 'collecting')
    AND {unleased}
RETURNING d.event
