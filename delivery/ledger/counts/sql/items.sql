-- What the attempts of `each` webhook add up to: numbers, and how many there are of each bucket; part of `fold.sql`.
SELECT webhook, 0, 0::bigint, count(*), sum(came_to & 1), sum(came_to >> 1 & 1), sum(came_to >> 2 & 1),
    count(*) FILTER (WHERE status BETWEEN 200 AND 299), count(*) FILTER (WHERE status BETWEEN 300 AND 399),
    count(*) FILTER (WHERE status BETWEEN 400 AND 499), count(*) FILTER (WHERE status >= 500), count(*) FILTER (WHERE status = 0)
FROM each GROUP BY webhook
UNION ALL
SELECT webhook, 1, {bucket}, count(*), 0, 0, 0, 0, 0, 0, 0, 0
FROM (SELECT webhook, took AS ms FROM each WHERE status > 0) AS t GROUP BY webhook, {bucket}
UNION ALL
SELECT webhook, 2, {bucket}, count(*), 0, 0, 0, 0, 0, 0, 0, 0
FROM (SELECT webhook, arrived AS ms FROM each WHERE arrived >= 0) AS t GROUP BY webhook, {bucket}
