-- Counts the deliveries that are due and in nobody's hands, up to `$at_most`.
SELECT count(*) FROM (
    SELECT 1 FROM deliveries d WHERE d.state = 'owed' AND d.due_at <= $now AND {unleased} LIMIT $at_most
) AS due
