"""The webhooks that services register for themselves."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the table that tells them from the others."""
    op.execute(
        "CREATE TABLE system_webhooks"
        " (webhook uuid NOT NULL PRIMARY KEY REFERENCES webhooks (id) ON DELETE CASCADE,"
        " updated_by text NOT NULL)"
    )


def downgrade() -> None:
    """Forgets which they were; as webhooks they stay."""
    op.execute("DROP TABLE system_webhooks")
