-- Whether more deliveries wait than are read at once, by the indexes of their states.
SELECT (SELECT count(*) FROM (SELECT FROM deliveries WHERE state = 'owed' LIMIT {most}) AS x) = {most}
    OR (SELECT count(*) FROM (SELECT FROM deliveries WHERE state = 'parked' LIMIT {most}) AS x) = {most}
    OR (SELECT count(*) FROM (SELECT FROM deliveries d WHERE {gathered} LIMIT {most}) AS x) = {most}
