-- Writes to a webhook what its destination allows.
-- A slower pace may have given its next send time for an hour from now. Those that are held already lie within the next seconds:
-- behind them the new spacing begins.
UPDATE webhooks SET endpoint_rate_limit = $rate, request_origin = $origin, generation = generation + 1, updated_at = $now,
    next_at = CASE WHEN next_at IS NOT NULL AND $rate > 0
        THEN least(next_at, $now::timestamptz + ($ahead::float8 + 60.0 / $rate) * interval '1 second') ELSE next_at END
WHERE id = $webhook
