-- Leaves a replay as far as a chunk of it came, in the transaction of the chunk.
UPDATE replays SET state = $state, updated_at = $now, ended_at = $ended_at, cursor = $cursor, found_all = $found_all,
    full_up = $full_up, next_at = $next_at, progress = $progress, due_at = $due_at, leased_until = $leased_until
WHERE id = $id AND fence = $fence
