-- Takes old rollups of one grain away, oldest first.
DELETE FROM rollups WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM rollups WHERE grain = $grain AND start < $before ORDER BY start LIMIT $at_most
))
