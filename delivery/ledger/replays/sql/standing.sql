-- What stands of deliveries that a replay is to open: the newest round of each, locked where nobody else has it locked.
-- First which round is the newest, then its lock: with both at once a locked row would be passed over for the one before it.
WITH newest AS MATERIALIZED (
    SELECT t.event, t.webhook, n.round FROM unnest($events::uuid[], $webhooks::uuid[]) AS t (event, webhook) LEFT JOIN LATERAL (
        SELECT round FROM deliveries WHERE event = t.event AND webhook = t.webhook ORDER BY round DESC LIMIT 1
    ) AS n ON true
), locked AS MATERIALIZED (
    SELECT d.event, d.webhook, d.state, d.attempts, coalesce(d.leased_until > $now, false) AS leased
    FROM newest n JOIN deliveries d ON d.event = n.event AND d.webhook = n.webhook AND d.round = n.round
    FOR UPDATE OF d SKIP LOCKED
)
SELECT n.event, n.webhook, n.round AS newest, l.event IS NOT NULL AS locked, l.state, l.attempts, l.leased,
    e.key IS NOT NULL AS there, coalesce(e.payload, false) AS payload, coalesce(e.type = '{batch}', false) AS batch
FROM newest n LEFT JOIN locked l ON l.event = n.event AND l.webhook = n.webhook
LEFT JOIN LATERAL (SELECT key, type, body IS NOT NULL AS payload FROM events WHERE key = n.event OFFSET 0) AS e ON true
