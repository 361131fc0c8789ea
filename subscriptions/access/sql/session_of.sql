-- The session of a token with its person, as long as it lasts and the person may sign in.
SELECT s.*, p.id AS p_id, p.workspace_id AS p_workspace_id, p.name AS p_name, p.roles AS p_roles, p.issuer AS p_issuer,
    p.password AS p_password, p.created_at AS p_created_at, p.signed_in_at AS p_signed_in_at, p.removed_at AS p_removed_at
FROM sessions s JOIN people p ON p.id = s.person
WHERE s.token_hash = $token_hash AND s.seen_at > $seen_after AND s.created_at > $begun_after AND p.removed_at IS NULL
