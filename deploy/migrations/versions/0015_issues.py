"""What is wrong: failures as they are recorded, and the issues that they are folded into."""

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

STATEMENTS = (
    """CREATE TABLE failure_notes (
        recorded_at timestamptz NOT NULL,
        webhook uuid NOT NULL,
        cause text NOT NULL,
        reason text NOT NULL,
        status smallint,
        attempts integer NOT NULL,
        given_up integer NOT NULL,
        events uuid[] NOT NULL
    )""",
    """CREATE TABLE issues (
        id uuid PRIMARY KEY,
        workspace_id text NOT NULL,
        webhook uuid NOT NULL,
        kind text NOT NULL,
        cause text NOT NULL,
        rank smallint NOT NULL,
        state text NOT NULL,
        reason text NOT NULL,
        status smallint,
        attempts bigint NOT NULL,
        given_up bigint NOT NULL,
        first_at timestamptz NOT NULL,
        last_at timestamptz NOT NULL,
        events uuid[] NOT NULL,
        acted_by text NOT NULL,
        acted_at timestamptz,
        until timestamptz,
        said text NOT NULL,
        resolved_at timestamptz,
        untold text
    )""",
    "CREATE UNIQUE INDEX issues_same ON issues (webhook, kind, cause) WHERE resolved_at IS NULL",
    "CREATE INDEX issues_listed ON issues (rank, id)",
    "CREATE INDEX issues_of_workspace ON issues (workspace_id, rank, id)",
    "CREATE INDEX issues_of_webhook ON issues (webhook, rank, id)",
    "CREATE INDEX issues_resolved ON issues (resolved_at) WHERE resolved_at IS NOT NULL",
    "CREATE INDEX issues_untold ON issues (id) WHERE untold IS NOT NULL",
)


def upgrade() -> None:
    """Makes the tables; what failed before is no issue until it fails again."""
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Takes them away, and the issues with them."""
    op.execute("DROP TABLE issues")
    op.execute("DROP TABLE failure_notes")
