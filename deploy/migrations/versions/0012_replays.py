"""Replays: deliveries sent again many at a time, and what each has found and not settled."""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

REPLAYS = """
CREATE TABLE replays (
    id uuid NOT NULL,
    workspace_id text NOT NULL,
    created_by text NOT NULL,
    state text NOT NULL,
    missing boolean NOT NULL,
    wanted text NOT NULL,
    per_second double precision NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    ended_at timestamptz,
    cursor text,
    found_all boolean NOT NULL,
    full_up boolean NOT NULL,
    next_at timestamptz NOT NULL,
    progress text NOT NULL,
    due_at timestamptz,
    leased_until timestamptz,
    fence integer NOT NULL,
    PRIMARY KEY (id)
)
"""
ITEMS = """
CREATE TABLE replay_items (
    replay uuid NOT NULL,
    webhook uuid NOT NULL,
    event uuid NOT NULL,
    round smallint,
    stage smallint NOT NULL,
    look_at timestamptz,
    PRIMARY KEY (replay, webhook, event)
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0)
"""


def upgrade() -> None:
    """Makes both tables; nothing that stands is touched."""
    op.execute(REPLAYS)
    op.execute("CREATE INDEX replays_due ON replays (due_at)")
    op.execute("CREATE INDEX replays_of_workspace ON replays (workspace_id, id)")
    op.execute(ITEMS)
    op.execute("CREATE INDEX replay_items_waiting ON replay_items (replay, webhook, event) WHERE stage = 0")
    op.execute("CREATE INDEX replay_items_open ON replay_items (replay, webhook) WHERE stage = 1")
    op.execute("CREATE INDEX replay_items_look ON replay_items (replay, look_at) WHERE stage > 0")


def downgrade() -> None:
    """Forgets replays; what they opened is delivered all the same."""
    op.execute("DROP TABLE replay_items")
    op.execute("DROP TABLE replays")
