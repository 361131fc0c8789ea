-- Writes what attempts came to, many at once: rows move, attempts are kept, delivery-failed events are owed.
-- A record applies to an owed row under its own fence; a success also to one whose fence has moved on, or that was parked or
-- given up meanwhile. Every attempt is kept as an attempt, whether it applied or not, and counted once, with what it did.
WITH o AS (
    SELECT * FROM unnest($event::uuid[], $webhook::uuid[], $round::smallint[], $fence::int[], $state::text[],
        $due_at::timestamptz[], $counts::smallint[], $delivery_failed::bool[], $started_at::timestamptz[], $milliseconds::int[],
        $status::smallint[], $reason::text[], $request_headers::bytea[], $response_headers::bytea[], $response_body::bytea[],
        $wire::bytea[], $arrived::int[]) WITH ORDINALITY
    AS o (event, webhook, round, fence, state,
        due_at, counts, delivery_failed, started_at, milliseconds,
        status, reason, request_headers, response_headers, response_body, wire, arrived, place)
), applied AS (
    UPDATE {deliveries} AS d SET state = o.state, due_at = o.due_at, leased_until = NULL,
        fence = d.fence + CASE WHEN o.state <> 'owed' AND d.fence = o.fence THEN 0 ELSE 1 END,
        attempts = d.attempts + o.counts, status = o.status, reason = o.reason,
        ended_at = CASE WHEN o.state IN ('delivered', 'failed', 'expired') THEN $now::timestamptz END
    FROM o
    WHERE d.event = o.event AND d.webhook = o.webhook AND d.round = o.round
        AND ((d.fence = o.fence AND d.state = 'owed') OR (o.state = 'delivered' AND d.state IN ('owed', 'parked', 'failed')))
    RETURNING d.event, d.webhook, d.round, o.fence, o.delivery_failed
), noticed AS (
    INSERT INTO jobs (id, kind, webhook, event, round, due_at, fence)
    SELECT gen_random_uuid(), 'notice', webhook, event, round, $now, 0 FROM applied WHERE delivery_failed
    RETURNING id
), kept AS (
    INSERT INTO {attempts} (webhook, event, round, fence, started_at, milliseconds, success, status, reason,
        request_headers, response_headers, response_body, wire)
    SELECT webhook, event, round, fence, started_at, milliseconds, state = 'delivered', status, reason,
        request_headers, response_headers, response_body, wire FROM o
    ON CONFLICT DO NOTHING
    RETURNING webhook, event, round, fence
), alike AS (
    -- All are new, and apply: as good as always, and nothing has to be compared with anything.
    SELECT (SELECT count(*) FROM kept) = count(*) AND (SELECT count(*) FROM applied) = count(*) AS usual FROM o
), told AS (
    SELECT place, webhook, state, status, milliseconds, arrived, true AS applies FROM o WHERE (SELECT usual FROM alike)
    UNION ALL
    SELECT o.place, webhook, o.state, o.status, o.milliseconds, o.arrived, a.delivery_failed IS NOT NULL
    FROM kept JOIN o USING (event, webhook, round, fence) LEFT JOIN applied a USING (event, webhook, round, fence)
    WHERE NOT (SELECT usual FROM alike)
), counted AS (
    INSERT INTO outcome_counts (recorded_at, webhooks, statuses, came_to, took, arrived)
    SELECT $now, array_agg(webhook), array_agg(coalesce(status, 0)::smallint), array_agg((
            CASE WHEN state = 'delivered' THEN 1 ELSE 0 END
            + CASE WHEN applies THEN CASE state WHEN 'delivered' THEN 2 WHEN 'failed' THEN 4 ELSE 0 END ELSE 0 END
        )::smallint), array_agg(milliseconds), array_agg(CASE WHEN applies THEN arrived ELSE -1 END)
    FROM told GROUP BY place / {counted_together}
)
{noting}
SELECT event, webhook, round, fence, NULL::uuid AS job, clock_timestamp() AS told FROM applied
UNION ALL SELECT NULL, NULL, NULL, NULL, id, clock_timestamp() FROM noticed
