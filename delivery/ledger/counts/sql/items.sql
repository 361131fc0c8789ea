-- What `each` attempt adds to its webhook's minute: numbers, and one to a bucket of each histogram; part of `fold.sql`.
SELECT webhook, minute, 'attempts', 0::bigint, count(*), sum(came_to & 1), sum(came_to >> 1 & 1), sum(came_to >> 2 & 1),
    count(*) FILTER (WHERE status BETWEEN 200 AND 299), count(*) FILTER (WHERE status BETWEEN 300 AND 399),
    count(*) FILTER (WHERE status BETWEEN 400 AND 499), count(*) FILTER (WHERE status >= 500),
    count(*) FILTER (WHERE status = 0)
FROM each GROUP BY webhook, minute
UNION ALL
SELECT webhook, minute, 'took', {bucket}, count(*), 0, 0, 0, 0, 0, 0, 0, 0
FROM (SELECT webhook, minute, took AS ms FROM each WHERE status > 0) AS t GROUP BY webhook, minute, {bucket}
UNION ALL
SELECT webhook, minute, 'arrived', {bucket}, count(*), 0, 0, 0, 0, 0, 0, 0, 0
FROM (SELECT webhook, minute, arrived AS ms FROM each WHERE arrived >= 0) AS t GROUP BY webhook, minute, {bucket}
