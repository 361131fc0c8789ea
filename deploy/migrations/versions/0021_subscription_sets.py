"""Subscriptions that were made as one."""

from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Which set a subscription is of; those that stand are of none. Rows are not written again for it."""
    op.execute("ALTER TABLE subscriptions ADD COLUMN subscription_set TEXT NOT NULL DEFAULT ''")


def downgrade() -> None:
    """Afterwards each of a set counts alone."""
    op.execute("ALTER TABLE subscriptions DROP COLUMN subscription_set")
