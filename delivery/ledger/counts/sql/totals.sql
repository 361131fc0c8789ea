-- What is added to each rollup; part of `fold.sql`.
SELECT webhook, workspace_id, coalesce(sum(n) FILTER (WHERE kind = 3), 0)::bigint AS accepted,
    coalesce(sum(n) FILTER (WHERE kind = 0), 0)::bigint AS attempts, sum(succeeded)::bigint AS succeeded,
    sum(delivered)::bigint AS delivered, sum(given_up)::bigint AS given_up,
    sum(c2)::bigint AS c2, sum(c3)::bigint AS c3, sum(c4)::bigint AS c4, sum(c5)::bigint AS c5, sum(c0)::bigint AS c0,
    coalesce(array_agg(((bucket << {shift}) + n)::bigint) FILTER (WHERE kind = 1), '{}') AS took,
    coalesce(array_agg(((bucket << {shift}) + n)::bigint) FILTER (WHERE kind = 2), '{}') AS arrived
FROM placed GROUP BY webhook, workspace_id
