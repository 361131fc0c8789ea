-- A page of replays, the newest first.
SELECT {columns} FROM replays
WHERE ($workspace_id::text IS NULL OR workspace_id = $workspace_id) AND ($state::text IS NULL OR state = $state)
    AND ($before::uuid IS NULL OR id < $before)
ORDER BY id DESC LIMIT $limit OFFSET $offset
