-- Those that wait, where they are few: all of them, by the indexes of their states; a source of search_deliveries.
SELECT x.* FROM (
    (SELECT event, webhook, round FROM deliveries WHERE state = 'owed' AND 'owed' = ANY($states::text[]) LIMIT {most})
    UNION ALL (SELECT event, webhook, round FROM deliveries WHERE state = 'parked' AND 'parked' = ANY($states) LIMIT {most})
    UNION ALL (SELECT event, webhook, round FROM deliveries d WHERE {gathered} AND d.state = ANY($states) LIMIT {most})
) AS x
WHERE x.event >= $floor AND (x.event, x.webhook, x.round) < ($event::uuid, $webhook::uuid, $round::smallint)
ORDER BY x.event DESC, x.webhook DESC, x.round DESC LIMIT $chunk
