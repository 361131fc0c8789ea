-- What a claim answers of a delivery `d`, its webhook `w` and its event `e`; the end of every claiming statement.
RETURNING d.event, d.webhook, d.round, d.state, d.fence, d.attempts,
    coalesce(d.first_try_at, $now) AS first_try_at, w.halted_seconds - coalesce(d.halted_before, w.halted_seconds) AS halted,
    w.generation, w.epoch, w.failures > 0 AS ailing, e.body, e.type, {send_at} AS send_at,
    d.leased_until, clock_timestamp() AS told
