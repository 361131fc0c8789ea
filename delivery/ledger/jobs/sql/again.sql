-- Puts a challenge off until it is tried again, unless it was replaced meanwhile.
UPDATE challenges SET due_at = $due_at, tries = $tries, purpose = coalesce($purpose, purpose), leased_until = NULL,
    fence = fence + 1
WHERE webhook = $webhook AND fence = $fence AND epoch = $epoch
