"""Filters of lists that people have given names."""

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the table."""
    op.execute(
        "CREATE TABLE saved_views (id uuid NOT NULL PRIMARY KEY, person uuid NOT NULL REFERENCES people (id),"
        " page text NOT NULL, name text NOT NULL, query text NOT NULL, created_at timestamptz NOT NULL)"
    )
    op.execute("CREATE UNIQUE INDEX saved_views_named ON saved_views (person, page, name)")


def downgrade() -> None:
    """Takes it away, and the views with it."""
    op.execute("DROP TABLE saved_views")
