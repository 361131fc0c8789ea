-- The next deliveries of a day, and those of them that a replay means: so many are read, whatever the filter leaves of them.
WITH page AS MATERIALIZED (
    {page}
), end_of_page AS (
    SELECT event, webhook, round FROM page ORDER BY event DESC, webhook DESC, round DESC LIMIT 1
), {matching}
SELECT (SELECT count(*) FROM page) AS read, (SELECT event FROM end_of_page) AS last_event,
    (SELECT webhook FROM end_of_page) AS last_webhook, (SELECT round FROM end_of_page) AS last_round,
    coalesce(array_agg(event ORDER BY event, webhook), ARRAY[]::uuid[]) AS events,
    coalesce(array_agg(webhook ORDER BY event, webhook), ARRAY[]::uuid[]) AS webhooks,
    coalesce(array_agg(first_try_at IS NOT NULL ORDER BY event, webhook), ARRAY[]::boolean[]) AS tried
FROM matching
