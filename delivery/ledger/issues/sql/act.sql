-- Writes what somebody made of an issue that is not resolved.
UPDATE issues SET state = $state, acted_by = $by, acted_at = $now, until = $until, said = $said
WHERE id = $id AND resolved_at IS NULL AND ($workspace_id::text IS NULL OR workspace_id = $workspace_id)
RETURNING id
