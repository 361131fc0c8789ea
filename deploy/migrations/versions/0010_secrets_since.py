"""Since when a webhook's secrets are what they are, which a rotation step by step asks."""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the columns; of secrets that stand already it is not known."""
    op.execute("ALTER TABLE webhooks ADD secret_since timestamptz, ADD secondary_secret_since timestamptz")


def downgrade() -> None:
    """Takes them back."""
    op.execute("ALTER TABLE webhooks DROP secret_since, DROP secondary_secret_since")
