-- The members of a batch that is owed again are under way again, in the same round as the batch.
-- A member whose day has been dropped has no row before this one.
WITH replayed AS (
    UPDATE parcels SET settled = false WHERE id = $parcel RETURNING webhook, members
)
INSERT INTO deliveries (event, webhook, round, state, fence, attempts, lost)
SELECT m.event, m.webhook, $round::smallint, 'bundled', 0, 0, 0
FROM replayed r CROSS JOIN LATERAL unnest(r.members) AS k (event)
JOIN deliveries m ON m.event = k.event AND m.webhook = r.webhook AND m.round = $round::smallint - 1
ON CONFLICT DO NOTHING
