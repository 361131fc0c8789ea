"""The pace that destinations grant, and batches of events for those that ask for them."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

STATEMENTS = (
    "ALTER TABLE webhooks ADD COLUMN next_at timestamptz, ADD COLUMN request_origin text NOT NULL DEFAULT ''",
    "CREATE INDEX webhooks_paced ON webhooks (next_at) WHERE endpoint_rate_limit > 0",
    "CREATE INDEX webhooks_batching ON webhooks (id) WHERE batching",
    "CREATE INDEX deliveries_gathered ON deliveries (webhook, due_at) WHERE state IN ('collecting', 'bundled')",
    """
    CREATE TABLE parcels (
        id uuid NOT NULL,
        webhook uuid NOT NULL,
        members uuid[] NOT NULL,
        settled boolean NOT NULL DEFAULT false,
        PRIMARY KEY (id)
    ) PARTITION BY RANGE (id)
    """,
    "CREATE INDEX parcels_unsettled ON parcels (id) WHERE NOT settled",
)


def upgrade() -> None:
    """Adds them; the partitions of `parcels` are made by every process, as all are."""
    for statement in STATEMENTS:
        op.execute(statement)
