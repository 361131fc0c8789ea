-- Writes what somebody made of an issue that is not resolved; answers how it was.
WITH old AS (
    SELECT id, workspace_id, kind, cause, state, until, said FROM issues
    WHERE id = $id AND resolved_at IS NULL AND ($workspace_id::text IS NULL OR workspace_id = $workspace_id) FOR UPDATE
)
UPDATE issues AS i SET state = $state, acted_by = $by, acted_at = $now, until = $until, said = $said
FROM old WHERE i.id = old.id
RETURNING old.workspace_id, old.kind, old.cause, old.state, old.until, old.said
