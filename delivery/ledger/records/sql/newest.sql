-- Locks the newest round of a delivery, and tells what a retry of it needs to know.
SELECT d.round, d.state, coalesce(d.leased_until > $now, false) AS leased, {sendable} AS sendable,
    e.body IS NOT NULL AS payload, e.type = '{batch}' AS batch, d.first_try_at IS NOT NULL AS sent_alone
FROM deliveries d JOIN webhooks w ON w.id = d.webhook AND w.deleted_at IS NULL JOIN events e ON e.key = d.event
WHERE d.event = $event AND d.webhook = $webhook
ORDER BY d.round DESC LIMIT 1 FOR UPDATE OF d
