-- Entries of the audit log, newest first, among so many that are read; an empty text asks for nothing.
-- It is read by its key, or by that within a workspace or of a subject; what else is asked for is looked at in what was read.
WITH looked_at AS MATERIALIZED (
    SELECT * FROM audit_entries
    WHERE id < $before AND id >= $since
        AND ($workspace = '' OR workspace_id = $workspace) AND ($subject = '' OR subject = $subject)
    ORDER BY id DESC LIMIT $most
), found AS (
    SELECT * FROM looked_at
    WHERE ($action = '' OR action = $action OR starts_with(action, $action || '.'))
        AND ($actor = '' OR actor = $actor OR strpos(lower(actor_name), lower($actor)) > 0)
    ORDER BY id DESC LIMIT $limit
)
SELECT f.*, l.count AS looked_at, l.last AS last_looked_at
FROM (SELECT count(*) AS count, (array_agg(id ORDER BY id))[1] AS last FROM looked_at) l LEFT JOIN found f ON true
ORDER BY f.id DESC
