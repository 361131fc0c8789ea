-- Writes event rows; part of the statement that accepts a publication.
-- A row that stands already, from a first attempt whose answer was lost, is left as it is.
INSERT INTO events (key, id, source, type, workspace_id, body)
SELECT * FROM unnest(
    $keys::uuid[], $ids::text[], $sources::text[], $types::text[], $workspace_ids::text[], $bodies::bytea[]
) ON CONFLICT DO NOTHING
