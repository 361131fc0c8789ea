-- Claims what tickets name: each row under the fence that its ticket knows, whatever its due time.
-- One day's partitions are named outright: planning and locking all of them would cost more than the claim. The rest of the
-- spelling keeps the server to the primary key, whatever it last knew of the table: the event is looked up apart (OFFSET 0),
-- or the delivery may be sought by its event alone, among the thousands of a fan-out; and the state hides behind `|| ''`, or
-- it may be sought among all that its webhook is owed.
-- A webhook with a rate is left to the drains, which give send times (`pace.sql`).
UPDATE {deliveries} AS d SET
{take}
FROM unnest($events::uuid[], $webhooks::uuid[], $rounds::smallint[], $fences::int[]) AS t (event, webhook, round, fence)
JOIN webhooks w ON w.id = t.webhook
CROSS JOIN LATERAL (SELECT body, type FROM {events} WHERE key = t.event OFFSET 0) AS e
WHERE d.event = t.event AND d.webhook = t.webhook AND d.round = t.round
    AND d.fence = t.fence AND d.state || '' = 'owed' AND d.leased_until IS NULL AND NOT ({paced})
{claimed}
