"""Who changed what."""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    CREATE TABLE audit_entries (
        id uuid NOT NULL PRIMARY KEY,
        workspace_id text,
        action text NOT NULL,
        subject text NOT NULL,
        name text NOT NULL,
        actor_kind text NOT NULL,
        actor text NOT NULL,
        actor_name text NOT NULL,
        actor_workspace text NOT NULL,
        roles text[] NOT NULL,
        address text NOT NULL,
        before text NOT NULL,
        after text NOT NULL,
        told boolean NOT NULL DEFAULT false
    )
    """,
    "CREATE INDEX audit_entries_of_workspace ON audit_entries (workspace_id, id)",
    "CREATE INDEX audit_entries_of_subject ON audit_entries (subject, id)",
    "CREATE INDEX audit_entries_untold ON audit_entries (id) WHERE NOT told",
)


def upgrade() -> None:
    """Makes the table."""
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Takes it back."""
    op.execute("DROP TABLE audit_entries")
