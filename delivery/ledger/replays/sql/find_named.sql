-- Those of named deliveries that a replay means; of several rounds of one the newest counts, whichever was named.
WITH page AS MATERIALIZED (
    SELECT d.* FROM (SELECT DISTINCT * FROM unnest($events::uuid[], $hooks::uuid[]) AS t (event, webhook)) AS t
    CROSS JOIN LATERAL (
        SELECT event, webhook, round, state, attempts, status, reason, ended_at, first_try_at FROM {deliveries}
        WHERE event = t.event AND webhook = t.webhook ORDER BY round DESC LIMIT 1
    ) AS d
    WHERE d.event > $after AND d.event < $before
), {matching}
SELECT (SELECT count(*) FROM page) AS read,
    coalesce(array_agg(event ORDER BY event, webhook), ARRAY[]::uuid[]) AS events,
    coalesce(array_agg(webhook ORDER BY event, webhook), ARRAY[]::uuid[]) AS webhooks,
    coalesce(array_agg(first_try_at IS NOT NULL ORDER BY event, webhook), ARRAY[]::boolean[]) AS tried
FROM matching
