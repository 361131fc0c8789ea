-- Keeps a challenge that was tried, beside attempts: an event and an attempt of its own, without a delivery.
WITH asked AS (
    INSERT INTO events (key, id, source, type, workspace_id, body)
    VALUES ($key, $key::uuid::text, $source, $type, $workspace_id, $body)
)
INSERT INTO attempts (webhook, event, round, fence, started_at, milliseconds, success, status, reason,
    request_headers, response_headers, response_body, wire)
VALUES ($webhook, $key, {round}, 0, $started_at, $milliseconds, $success, $status, $reason,
    $request_headers, $response_headers, $response_body, $wire)
