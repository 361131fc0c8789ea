-- Resolves issues of some kinds that are not among what was seen just now.
UPDATE issues AS i SET state = 'resolved', resolved_at = $now, until = NULL, untold = 'resolved'
WHERE i.resolved_at IS NULL AND i.kind = ANY ($kinds) AND NOT EXISTS (
    SELECT FROM unnest($webhook::uuid[], $kind::text[], $cause::text[]) AS s (webhook, kind, cause)
    WHERE s.webhook = i.webhook AND s.kind = i.kind AND s.cause = i.cause
)
