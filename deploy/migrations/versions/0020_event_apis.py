"""Event APIs, the versions of event types, and which of them a subscription understands."""

from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    CREATE TABLE event_apis (
        id uuid NOT NULL PRIMARY KEY,
        workspace_id text,
        application text NOT NULL DEFAULT '',
        name text NOT NULL,
        description text NOT NULL DEFAULT '',
        api_group text NOT NULL DEFAULT '',
        version text NOT NULL,
        deprecated boolean NOT NULL DEFAULT false,
        deprecated_since timestamptz,
        sunset timestamptz,
        migration text NOT NULL DEFAULT '',
        for_removal boolean NOT NULL DEFAULT false,
        document bytea NOT NULL,
        format text NOT NULL,
        asyncapi text NOT NULL,
        details text NOT NULL,
        origin text NOT NULL,
        generation integer NOT NULL,
        created_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL
    )
    """,
    "CREATE INDEX event_apis_of_workspace ON event_apis (workspace_id, name)",
    "CREATE INDEX event_apis_of_group ON event_apis (api_group)",
    """
    CREATE TABLE event_type_versions (
        id uuid NOT NULL PRIMARY KEY,
        event_type text NOT NULL REFERENCES event_types (type),
        event_api uuid REFERENCES event_apis (id) ON DELETE CASCADE,
        version text NOT NULL,
        revision integer NOT NULL,
        dataschema text NOT NULL DEFAULT '',
        content_type text NOT NULL DEFAULT '',
        dialect text NOT NULL DEFAULT '',
        payload text,
        headers text,
        examples text NOT NULL DEFAULT '[]',
        attributes text NOT NULL DEFAULT '[]',
        details text NOT NULL DEFAULT '{}',
        deprecated boolean NOT NULL DEFAULT false,
        deprecated_since timestamptz,
        made_type boolean NOT NULL DEFAULT false,
        created_at timestamptz NOT NULL
    )
    """,
    "CREATE UNIQUE INDEX event_type_versions_of_type ON event_type_versions (event_type, event_api)",
    "CREATE INDEX event_type_versions_of_api ON event_type_versions (event_api)",
    "CREATE INDEX event_type_versions_of_dataschema ON event_type_versions (dataschema)",
    "ALTER TABLE event_types ADD COLUMN deprecation text",
    "ALTER TABLE subscriptions ADD COLUMN version text NOT NULL DEFAULT ''",
    "ALTER TABLE subscriptions ADD COLUMN version_filter text NOT NULL DEFAULT ''",
)

BACK = (
    "ALTER TABLE subscriptions DROP COLUMN version_filter",
    "ALTER TABLE subscriptions DROP COLUMN version",
    "ALTER TABLE event_types DROP COLUMN deprecation",
    "DROP TABLE event_type_versions",
    "DROP TABLE event_apis",
)


def upgrade() -> None:
    """Makes them."""
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Takes them back: types that they brought stay."""
    for statement in BACK:
        op.execute(statement)
