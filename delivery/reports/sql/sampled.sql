-- In which steps a sample of what waits was taken, and when the newest one: of all, for a sample is of everything at once.
SELECT start, sampled_at FROM rollups
WHERE webhook = $webhook AND workspace_id = $workspace_id AND grain = $grain AND start >= $since AND start <= $until
    AND sampled_at IS NOT NULL
