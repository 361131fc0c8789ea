"""People who sign in to the dashboard, their sessions, and links that sign them in once."""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    CREATE TABLE people (
        id uuid NOT NULL PRIMARY KEY,
        workspace_id text NOT NULL,
        name text NOT NULL,
        roles text[] NOT NULL,
        issuer text NOT NULL DEFAULT '',
        subject text NOT NULL DEFAULT '',
        password text,
        created_at timestamptz NOT NULL,
        signed_in_at timestamptz,
        removed_at timestamptz
    )
    """,
    "CREATE UNIQUE INDEX people_name ON people (name) WHERE removed_at IS NULL AND issuer = ''",
    "CREATE UNIQUE INDEX people_subject ON people (issuer, subject) WHERE issuer <> ''",
    "CREATE INDEX people_listed ON people (created_at, id)",
    """
    CREATE TABLE sessions (
        id uuid NOT NULL PRIMARY KEY,
        token_hash bytea NOT NULL,
        person uuid NOT NULL REFERENCES people (id),
        created_at timestamptz NOT NULL,
        seen_at timestamptz NOT NULL,
        address text NOT NULL,
        agent text NOT NULL
    )
    """,
    "CREATE UNIQUE INDEX sessions_token ON sessions (token_hash)",
    "CREATE INDEX sessions_of_person ON sessions (person)",
    "CREATE INDEX sessions_listed ON sessions (created_at, id)",
    """
    CREATE TABLE sign_in_links (
        token_hash bytea NOT NULL PRIMARY KEY,
        person uuid NOT NULL REFERENCES people (id),
        expires_at timestamptz NOT NULL
    )
    """,
    "CREATE INDEX sign_in_links_of_person ON sign_in_links (person)",
)


def upgrade() -> None:
    """Makes the tables."""
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Takes them back, and with them everybody's access to the dashboard."""
    for table in ("sign_in_links", "sessions", "people"):
        op.execute(f"DROP TABLE {table}")
