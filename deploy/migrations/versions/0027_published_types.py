"""Event types that join the catalogue with their first event, as Kyma's publishers make them, and are marked so."""

from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """All that there are were registered."""
    op.execute("ALTER TABLE event_types ADD COLUMN origin text NOT NULL DEFAULT 'registered'")


def downgrade() -> None:
    """Takes it back; the types stay."""
    op.execute("ALTER TABLE event_types DROP COLUMN origin")
