"""Whose the events were that did not fit: others than whoever published them are told nothing of them."""

from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Whose they were is not known of those that were counted: they are counted anew."""
    op.execute("TRUNCATE schema_misfits")
    op.execute("ALTER TABLE schema_misfits DROP CONSTRAINT schema_misfits_pkey")
    op.execute("ALTER TABLE schema_misfits ADD COLUMN workspace_id text NOT NULL")
    op.execute("ALTER TABLE schema_misfits ADD PRIMARY KEY (event_type, workspace_id)")


def downgrade() -> None:
    """Takes it back, with the counts."""
    op.execute("TRUNCATE schema_misfits")
    op.execute("ALTER TABLE schema_misfits DROP CONSTRAINT schema_misfits_pkey")
    op.execute("ALTER TABLE schema_misfits DROP COLUMN workspace_id")
    op.execute("ALTER TABLE schema_misfits ADD PRIMARY KEY (event_type)")
