"""How many tickets a worker took that named no delivery of its database."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the column; a process of before says nothing of it."""
    op.execute("ALTER TABLE workers ADD foreign_tickets integer NOT NULL DEFAULT 0")


def downgrade() -> None:
    """Takes it back."""
    op.execute("ALTER TABLE workers DROP foreign_tickets")
