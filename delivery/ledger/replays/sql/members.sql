-- Those of some events that a batch of one of the webhooks carries.
SELECT m.event, p.webhook FROM parcels p, unnest(p.members) AS m (event)
WHERE p.webhook = ANY($webhooks::uuid[]) AND p.id > $first AND p.id < $last AND p.members && $events::uuid[]
    AND m.event = ANY($events::uuid[])
