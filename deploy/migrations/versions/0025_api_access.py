"""What event APIs say beside their documents, and how fetching those went."""

from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

COLUMNS = (
    "access text NOT NULL DEFAULT '{}'",
    "access_sealed bytea",
    "fetch_condition text NOT NULL DEFAULT ''",
    "fetch_message text NOT NULL DEFAULT ''",
    "fetched_at timestamptz",
    "error text NOT NULL DEFAULT ''",
)


def upgrade() -> None:
    """Those that stand say nothing, and nothing of theirs is fetched. Rows are not written again for it."""
    for column in COLUMNS:
        op.execute(f"ALTER TABLE event_apis ADD COLUMN {column}")


def downgrade() -> None:
    """Takes it back; what was fetched stays a document."""
    for column in COLUMNS:
        op.execute(f"ALTER TABLE event_apis DROP COLUMN {column.split()[0]}")
