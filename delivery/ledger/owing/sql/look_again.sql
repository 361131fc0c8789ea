-- Wakes, cancels or probes for webhooks that rows were parked for, where they are not halted any more.
-- A job that nobody has begun will see the rows: they were committed before this statement began. A probe that is under way
-- looks again itself.
WITH woken AS (
    INSERT INTO jobs (id, kind, webhook, due_at, fence)
    SELECT gen_random_uuid(), k.kind, w.id, $now, 0
    FROM webhooks w CROSS JOIN LATERAL (SELECT CASE WHEN w.deleted_at IS NULL THEN 'wake' ELSE 'cancel' END AS kind) AS k
    WHERE w.id = ANY($webhooks::uuid[]) AND ({sendable} OR w.deleted_at IS NOT NULL)
        AND NOT EXISTS (SELECT FROM jobs j WHERE j.webhook = w.id AND j.kind = k.kind AND j.leased_until IS NULL)
    RETURNING id
), probed AS (
    UPDATE challenges SET due_at = $now
    WHERE webhook = ANY($webhooks::uuid[]) AND purpose = 'earned' AND due_at > $now AND leased_until IS NULL
    RETURNING webhook, fence
)
SELECT 'job' AS kind, id AS key, 0 AS fence FROM woken UNION ALL SELECT 'challenge', webhook, fence FROM probed
