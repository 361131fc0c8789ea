-- Whether more deliveries of some states wait than are read at once, by the indexes of those states.
SELECT 'owed' = ANY($states::text[])
        AND (SELECT count(*) FROM (SELECT FROM deliveries WHERE state = 'owed' LIMIT {most}) AS x) = {most}
    OR 'parked' = ANY($states)
        AND (SELECT count(*) FROM (SELECT FROM deliveries WHERE state = 'parked' LIMIT {most}) AS x) = {most}
    OR ('collecting' = ANY($states) OR 'bundled' = ANY($states))
        AND (SELECT count(*) FROM (SELECT FROM deliveries d WHERE {gathered} LIMIT {most}) AS x) = {most}
