"""What events of a type are held to, and how many did not fit."""

from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing is checked until somebody asks for it."""
    op.execute("ALTER TABLE event_types ADD COLUMN validation text NOT NULL DEFAULT 'off'")
    op.execute(
        """
        CREATE TABLE schema_misfits (
            event_type text NOT NULL PRIMARY KEY REFERENCES event_types (type),
            warned bigint NOT NULL,
            rejected bigint NOT NULL,
            since timestamptz NOT NULL,
            last_at timestamptz NOT NULL,
            sample text NOT NULL
        )
        """
    )


def downgrade() -> None:
    """Takes them back."""
    op.execute("DROP TABLE schema_misfits")
    op.execute("ALTER TABLE event_types DROP COLUMN validation")
