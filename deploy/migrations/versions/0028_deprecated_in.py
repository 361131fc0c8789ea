"""Since which version an event API is deprecated, as Kyma says it; since when was there before."""

from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nobody has said it yet."""
    op.execute("ALTER TABLE event_apis ADD COLUMN deprecated_in text NOT NULL DEFAULT ''")


def downgrade() -> None:
    """Takes it back, with what was said."""
    op.execute("ALTER TABLE event_apis DROP COLUMN deprecated_in")
