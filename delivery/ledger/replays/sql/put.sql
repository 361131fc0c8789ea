-- Writes a replay down, unless its workspace has as many open as it may.
INSERT INTO replays (id, workspace_id, created_by, state, missing, wanted, per_second, created_at, updated_at, found_all,
    full_up, next_at, progress, due_at, fence)
SELECT $id, $workspace_id::text, $created_by, 'running', $missing, $wanted, $per_second, $now::timestamptz, $now, false, false,
    $now, '{}', $now, 0
WHERE (SELECT count(*) FROM replays WHERE workspace_id = $workspace_id AND state IN ('running', 'paused')) < $most::int
RETURNING {columns}
