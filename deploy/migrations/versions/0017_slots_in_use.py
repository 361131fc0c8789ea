"""Of each worker, how many of its slots are in use."""

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the column; a process of before says nothing of it."""
    op.execute("ALTER TABLE workers ADD in_use integer NOT NULL DEFAULT 0")


def downgrade() -> None:
    """Takes it back."""
    op.execute("ALTER TABLE workers DROP in_use")
