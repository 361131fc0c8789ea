-- Notes when a session was last used.
UPDATE sessions SET seen_at = $seen_at WHERE id = $id
