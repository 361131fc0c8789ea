-- The rollups of each of many webhooks over a span of time, without histograms.
SELECT webhook, start, accepted, attempts, succeeded, delivered, given_up, status_2xx, status_3xx, status_4xx, status_5xx,
    unanswered, waiting, oldest
FROM rollups
WHERE webhook = ANY($webhooks::uuid[]) AND workspace_id = '' AND grain = $grain AND start >= $since AND start <= $until
ORDER BY webhook, start
