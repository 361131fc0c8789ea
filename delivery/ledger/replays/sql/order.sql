-- Pauses a replay, lets it go on, or ends it: whoever writes a chunk of it is waited for, and the next one sees the state.
UPDATE replays SET state = $state::text, updated_at = $now::timestamptz, due_at = $now,
    ended_at = CASE WHEN $state = 'cancelled' THEN $now END,
    -- What was not opened while it was paused is not made up for.
    next_at = greatest(next_at, $now)
WHERE id = $id AND ($workspace_id::text IS NULL OR workspace_id = $workspace_id) AND state = ANY($sources::text[])
RETURNING {columns}, fence
