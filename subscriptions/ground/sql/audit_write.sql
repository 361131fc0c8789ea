-- Entries of the audit log: several changes of one actor.
INSERT INTO audit_entries
    (id, workspace_id, action, subject, name, actor_kind, actor, actor_name, actor_workspace, roles, address, before, after)
SELECT id, workspace_id, action, subject, name, $kind, $actor, $actor_name, $actor_workspace, $roles, $address, before, after
FROM unnest(
    $ids::uuid[], $workspaces::text[], $actions::text[], $subjects::text[], $names::text[], $befores::text[], $afters::text[]
)
    AS entries (id, workspace_id, action, subject, name, before, after)
