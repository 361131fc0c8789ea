-- Writes the health of a webhook that sends as before; its generation rises with its status (`$moved` is 1 then).
WITH told AS (
    UPDATE webhooks SET failures = $failures, first_failure_at = $first_failure_at, last_failure_at = $last_failure_at,
        status = $status, state_reason = $state_reason, generation = generation + $moved,
        updated_at = CASE WHEN $moved > 0 THEN $now ELSE updated_at END
    WHERE id = $webhook
), remembered AS (
    {remember} WHERE $moved > 0
)
{outlived} AND $moved > 0
