"""Event types belong to the workspace that registered them, or to operators, and can be retired.

Whose those are that stand already is not known: they are the operators', who can give them away.
"""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the columns, and the index that types of a workspace are counted by."""
    op.execute("ALTER TABLE event_types ADD workspace_id text")
    op.execute("ALTER TABLE event_types ADD retired_at timestamptz")
    op.execute("CREATE INDEX event_types_of_workspace ON event_types (workspace_id)")


def downgrade() -> None:
    """Takes them back; a retired type is one like any other again."""
    op.execute("DROP INDEX event_types_of_workspace")
    op.execute("ALTER TABLE event_types DROP retired_at")
    op.execute("ALTER TABLE event_types DROP workspace_id")
