-- How far a page of a day's events reaches.
SELECT count(*) AS read, max(key::text)::uuid AS last FROM (
    SELECT key FROM {events} WHERE key > $after AND key < $before ORDER BY key LIMIT $read
) AS page
