-- Notes what failed, one row for those of a webhook that are alike; part of `write.sql`, of statements that hold a failure.
, noted AS (
    INSERT INTO failure_notes (recorded_at, webhook, cause, reason, status, attempts, given_up, events)
    SELECT $now, o.webhook, c.cause, (array_agg(o.reason ORDER BY o.place DESC))[1],
        (array_agg(o.status ORDER BY o.place DESC))[1], count(*),
        count(*) FILTER (WHERE t.applies AND o.state = 'failed'), (array_agg(o.event ORDER BY o.event DESC))[1:{affected}]
    FROM told t JOIN o ON o.place = t.place JOIN unnest($cause::text[]) WITH ORDINALITY AS c (cause, place) ON c.place = t.place
    WHERE c.cause <> '' GROUP BY o.webhook, c.cause
)
