"""What each process says of itself: its kind, how far its machine's clock is ahead, and when it swept."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the columns; a process of before says what workers said."""
    op.execute("ALTER TABLE workers ADD kind text NOT NULL DEFAULT 'worker'")
    op.execute("ALTER TABLE workers ADD ahead double precision NOT NULL DEFAULT 0")
    op.execute("ALTER TABLE workers ADD swept_at timestamptz")


def downgrade() -> None:
    """Takes them back, and what is no worker with them."""
    op.execute("DELETE FROM workers WHERE kind <> 'worker'")
    op.execute("ALTER TABLE workers DROP swept_at")
    op.execute("ALTER TABLE workers DROP ahead")
    op.execute("ALTER TABLE workers DROP kind")
