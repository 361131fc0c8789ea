-- Rows of `locked` whose lease lapsed too often are given up, or made to wait; part of take_due and pace.
given_up AS (
    UPDATE {deliveries} d SET state = 'failed', lost = d.lost + 1, fence = d.fence + 1, leased_until = NULL, due_at = NULL,
        ended_at = $now,
        reason = 'the process that sent it was lost ' || (d.lost + 1) || ' times'
    FROM locked k WHERE d.event = k.event AND d.webhook = k.webhook AND d.round = k.round
        AND k.lapsed AND k.lost + 1 >= {lost_ends}
    RETURNING d.event, d.webhook, d.round
), noticed AS (
    INSERT INTO jobs (id, kind, webhook, event, round, due_at, fence)
    SELECT gen_random_uuid(), 'notice', webhook, event, round, $now, 0 FROM given_up
), made_to_wait AS (
    UPDATE {deliveries} d SET lost = d.lost + 1, fence = d.fence + 1, leased_until = NULL,
        due_at = $now::timestamptz + interval '1 minute' * least(power(2, k.lost + 1 - {lost_waits}), {lost_wait})
    FROM locked k WHERE d.event = k.event AND d.webhook = k.webhook AND d.round = k.round
        AND k.lapsed AND k.lost + 1 >= {lost_waits} AND k.lost + 1 < {lost_ends}
)
