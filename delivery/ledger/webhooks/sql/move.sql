-- Moves a webhook to another status, and does what that does to its halted time, its epoch and its generation.
WITH moved AS (
    UPDATE webhooks SET status = $status, state_reason = $state_reason, failures = $failures,
        first_failure_at = $first_failure_at, last_failure_at = $last_failure_at,
        paused = ($status = 'DISABLED'), epoch = epoch + $epochs,
        halted_seconds = halted_seconds + CASE WHEN $sendable AND halted_since IS NOT NULL
            THEN greatest(extract(epoch FROM $now::timestamptz - halted_since), 0) ELSE 0 END,
        halted_since = CASE WHEN $sendable THEN NULL ELSE coalesce(halted_since, $now) END,
        generation = generation + $generations, updated_at = $now
    WHERE id = $webhook
    RETURNING epoch
), remembered AS (
    {remember}
), outlived AS (
    {outlived}
)
SELECT epoch FROM moved
