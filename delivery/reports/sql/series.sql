-- The rollups of one webhook, one workspace or all over a span of time, histograms included.
SELECT start, accepted, attempts, succeeded, delivered, given_up, status_2xx, status_3xx, status_4xx, status_5xx,
    unanswered, waiting, oldest, took, arrived
FROM rollups
WHERE webhook = $webhook AND workspace_id = $workspace_id AND grain = $grain AND start >= $since AND start <= $until
ORDER BY start
