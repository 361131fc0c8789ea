"""What is noted of an attempt's way: the URL of that time, the peer, and how long each step took; null of those before."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the column; a process of before writes nothing into it."""
    op.execute("ALTER TABLE attempts ADD wire bytea")


def downgrade() -> None:
    """Takes it back, and what was noted with it."""
    op.execute("ALTER TABLE attempts DROP wire")
