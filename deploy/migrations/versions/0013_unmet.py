"""Where deliveries that ended undelivered are found, newest first: over all webhooks, and of one."""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

UNMET = "WHERE state IN ('failed', 'cancelled', 'expired')"


def upgrade() -> None:
    """Reads each day of deliveries once per index, in some seconds for millions, during which none is written."""
    op.execute(f"CREATE INDEX deliveries_unmet ON deliveries (event, webhook, round) {UNMET}")
    op.execute(f"CREATE INDEX deliveries_unmet_of ON deliveries (webhook, event, round) {UNMET}")


def downgrade() -> None:
    """Takes them back."""
    op.execute("DROP INDEX deliveries_unmet_of")
    op.execute("DROP INDEX deliveries_unmet")
