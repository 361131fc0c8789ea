-- Writes what attempts came to, many at once: rows move, attempts are kept, notices of what was given up are owed.
-- A record applies to an owed row under its own fence; a success also to one whose fence has moved on, or that was parked or
-- given up meanwhile. Every attempt is kept as an attempt, whether it applied or not.
WITH o AS (
    SELECT * FROM unnest($event::uuid[], $webhook::uuid[], $round::smallint[], $fence::int[], $state::text[],
        $due_at::timestamptz[], $counts::smallint[], $notice::bool[], $started_at::timestamptz[], $milliseconds::int[],
        $status::smallint[], $reason::text[], $request_headers::bytea[], $response_headers::bytea[], $response_body::bytea[],
        $wire::bytea[])
    AS o (event, webhook, round, fence, state,
        due_at, counts, notice, started_at, milliseconds,
        status, reason, request_headers, response_headers, response_body, wire)
), applied AS (
    UPDATE {deliveries} AS d SET state = o.state, due_at = o.due_at, leased_until = NULL,
        fence = d.fence + CASE WHEN o.state <> 'owed' AND d.fence = o.fence THEN 0 ELSE 1 END,
        attempts = d.attempts + o.counts, status = o.status, reason = o.reason,
        ended_at = CASE WHEN o.state IN ('delivered', 'failed', 'expired') THEN $now::timestamptz END
    FROM o
    WHERE d.event = o.event AND d.webhook = o.webhook AND d.round = o.round
        AND ((d.fence = o.fence AND d.state = 'owed') OR (o.state = 'delivered' AND d.state IN ('owed', 'parked', 'failed')))
    RETURNING d.event, d.webhook, d.round, o.fence, o.notice
), noticed AS (
    INSERT INTO jobs (id, kind, webhook, event, round, due_at, fence)
    SELECT gen_random_uuid(), 'notice', webhook, event, round, $now, 0 FROM applied WHERE notice
    RETURNING id
), kept AS (
    INSERT INTO {attempts} (webhook, event, round, fence, started_at, milliseconds, success, status, reason,
        request_headers, response_headers, response_body, wire)
    SELECT webhook, event, round, fence, started_at, milliseconds, state = 'delivered', status, reason,
        request_headers, response_headers, response_body, wire FROM o
    ON CONFLICT DO NOTHING
)
SELECT event, webhook, round, fence, NULL::uuid AS notice, clock_timestamp() AS told FROM applied
UNION ALL SELECT NULL, NULL, NULL, NULL, id, clock_timestamp() FROM noticed
