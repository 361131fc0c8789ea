-- The oldest that wait for each of some webhooks: the first of each before the second of any.
SELECT x.event, t.webhook FROM unnest($webhooks::uuid[], $quotas::int[]) WITH ORDINALITY AS t (webhook, quota, place)
CROSS JOIN LATERAL (
    SELECT i.event, row_number() OVER (ORDER BY i.event) AS turn FROM (
        SELECT event FROM replay_items WHERE replay = $replay AND stage = 0 AND webhook = t.webhook ORDER BY event LIMIT t.quota
    ) AS i
) AS x
ORDER BY x.turn, t.place
