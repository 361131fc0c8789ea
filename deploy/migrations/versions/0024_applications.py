"""Applications, the named publishers of workspaces."""

from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes their table. Event APIs name applications already: a name that nobody registers stays a word."""
    op.execute(
        """
        CREATE TABLE applications (
            id uuid NOT NULL PRIMARY KEY,
            workspace_id text NOT NULL,
            name text NOT NULL,
            description text NOT NULL DEFAULT '',
            webhook uuid,
            generation integer NOT NULL,
            created_at timestamptz NOT NULL,
            updated_at timestamptz NOT NULL
        )
        """
    )
    op.execute("CREATE UNIQUE INDEX applications_name ON applications (workspace_id, name)")


def downgrade() -> None:
    """Takes it back, with all that stands in it."""
    op.execute("DROP TABLE applications")
