-- What a claim does to a delivery `d` of webhook `w`; part of every claiming statement.
-- A webhook that may not be sent to parks the row, a deleted one cancels it; neither raises the fence.
    state = CASE WHEN w.deleted_at IS NOT NULL THEN 'cancelled' WHEN {sendable} THEN 'owed' ELSE 'parked' END,
    due_at = CASE WHEN {open} THEN d.due_at END,
    ended_at = CASE WHEN w.deleted_at IS NOT NULL THEN $now::timestamptz END,
    leased_until = CASE WHEN {open} THEN {lease_end} END,
    fence = d.fence + CASE WHEN {open} THEN 1 ELSE 0 END,
    first_try_at = CASE WHEN {open} THEN coalesce(d.first_try_at, $now) ELSE d.first_try_at END,
    halted_before = CASE WHEN {open} THEN coalesce(d.halted_before, w.halted_seconds) ELSE d.halted_before END
