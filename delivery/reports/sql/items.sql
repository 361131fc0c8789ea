-- What is shown of a page of a webhook's recent deliveries: of each its last attempt, with what was sent and answered.
-- An attempt that succeeded counts as the last: a later one, begun before that was known, changed nothing. A challenge has no
-- delivery (`ledger/records/challenge_attempts.py`). Lengths of what lies outside a row are known without reading it.
SELECT t.*, CASE WHEN whole THEN full_body END AS body,
    CASE WHEN whole OR octet_length(sent) <= {headers} THEN sent ELSE '[]' END AS request_headers,
    CASE WHEN whole OR octet_length(came) <= {headers} THEN came ELSE '[]' END AS response_headers,
    CASE WHEN whole THEN answer ELSE substring(answer, 1, {cut}) END AS response_body
FROM (
SELECT o.event, o.round, o.place, e.id, e.type, d.state, n.state AS newest, a.tries, a.started_at, a.milliseconds, a.success,
    a.status, a.reason, cardinality(p.members) AS members,
    e.body AS full_body, a.request_headers AS sent, a.response_headers AS came, a.response_body AS answer,
    o.place = 1 OR sum(
        coalesce(octet_length(e.body), 0) + coalesce(octet_length(a.request_headers), 0)
        + coalesce(octet_length(a.response_headers), 0) + coalesce(octet_length(a.response_body), 0)
    ) OVER (ORDER BY o.place) <= {whole} AS whole
FROM unnest($events::uuid[], $rounds::smallint[]) WITH ORDINALITY AS o (event, round, place)
JOIN events e ON e.key = o.event
LEFT JOIN parcels p ON p.id = o.event AND e.type = '{batch}'
LEFT JOIN deliveries d ON d.event = o.event AND d.webhook = $webhook AND d.round = o.round
LEFT JOIN LATERAL (
    SELECT state FROM deliveries WHERE event = o.event AND webhook = $webhook ORDER BY round DESC LIMIT 1
) AS n ON true
CROSS JOIN LATERAL (
    SELECT *, count(*) OVER () AS tries FROM attempts WHERE webhook = $webhook AND event = o.event AND round = o.round
    ORDER BY success DESC, fence DESC LIMIT 1
) AS a
) AS t
ORDER BY t.place
