"""What guards a webhook's connection, a publisher's share and an erased payload."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

#: Each line with what takes it back.
CHANGES: tuple[tuple[str, str], ...] = (
    (
        "DROP INDEX deliveries_lanes",
        "CREATE INDEX deliveries_lanes ON deliveries (webhook, due_at) WHERE state = 'owed'",
    ),
    (
        "CREATE INDEX deliveries_lanes ON deliveries (webhook, least(attempts, 1), due_at) WHERE state = 'owed'",
        "DROP INDEX deliveries_lanes",
    ),
    ("ALTER TABLE webhooks ADD ca_bundle text NOT NULL DEFAULT ''", "ALTER TABLE webhooks DROP ca_bundle"),
    (
        "ALTER TABLE webhooks ADD client_certificate text NOT NULL DEFAULT ''",
        "ALTER TABLE webhooks DROP client_certificate",
    ),
    ("ALTER TABLE webhooks ADD client_key bytea", "ALTER TABLE webhooks DROP client_key"),
    (
        "CREATE TABLE publish_quotas (workspace_id text NOT NULL PRIMARY KEY, minute bigint NOT NULL,"
        " taken bigint NOT NULL, portion bigint NOT NULL)",
        "DROP TABLE publish_quotas",
    ),
    # Back only once no erasure waits any more.
    ("ALTER TABLE jobs ALTER webhook DROP NOT NULL", "ALTER TABLE jobs ALTER webhook SET NOT NULL"),
    ("ALTER TABLE jobs ADD workspace_id text", "ALTER TABLE jobs DROP workspace_id"),
    ("CREATE INDEX parcels_of_webhook ON parcels (webhook, id)", "DROP INDEX parcels_of_webhook"),
)


def upgrade() -> None:
    """Makes the changes in their order."""
    for change, _ in CHANGES:
        op.execute(change)


def downgrade() -> None:
    """Takes them back, the last one first."""
    for _, back in reversed(CHANGES):
        op.execute(back)
