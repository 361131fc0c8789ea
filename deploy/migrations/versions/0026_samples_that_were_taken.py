"""When what waits was counted, where nothing waited, too: what nobody counted is not nothing."""

from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Of before it is taken that whoever folded numbers counted what waits beside it, as it does."""
    op.execute("ALTER TABLE rollups ADD COLUMN sampled_at timestamptz")
    op.execute(
        "UPDATE rollups SET sampled_at = start WHERE webhook = '00000000-0000-0000-0000-000000000000' AND workspace_id = ''"
    )


def downgrade() -> None:
    """Takes it back."""
    op.execute("ALTER TABLE rollups DROP COLUMN sampled_at")
