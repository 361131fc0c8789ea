-- What sending needs of webhooks that are not deleted.
SELECT w.id, w.workspace_id, w.generation, w.epoch, w.destination, w.secret, w.secondary_secret, w.content_mode,
    w.challenge_request_enabled, w.auth_type, w.api_key, w.client_id, w.client_secret, w.issuer_url, w.request_origin,
    w.ca_bundle, w.client_certificate, w.client_key, {sendable} AS sendable
FROM webhooks w WHERE w.id = ANY($ids::uuid[]) AND w.deleted_at IS NULL
