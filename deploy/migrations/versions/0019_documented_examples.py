"""The two types that GreenLake's documentation takes as its examples."""

from alembic import context, op
from sqlalchemy import text

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

EXAMPLE = "An example of GreenLake's documentation."
TYPES = (
    ("data.v1.volumes.snapshots.updated", "data", "Volume snapshot updated"),
    ("compute.v1.servers.rebooted", "compute", "Server rebooted (compute)"),
)

REGISTER = text(
    "INSERT INTO event_types"
    " (type, service_manager, api_group, friendly_name, description, generation, created_at, updated_at)"
    " VALUES (:type, 'HPE GreenLake Platform', :api_group, :friendly_name, :description, 1, now(), now())"
    " ON CONFLICT DO NOTHING"
)


def upgrade() -> None:
    """Adds them to the catalogue; one that somebody registered already stays as it is."""
    prefix = context.config.attributes["settings"].type_prefix
    for rest, api_group, friendly_name in TYPES:
        values = {"api_group": api_group, "friendly_name": friendly_name, "description": EXAMPLE}
        op.get_bind().execute(REGISTER, {"type": f"{prefix}.{rest}", **values})


def downgrade() -> None:
    """Nothing: whose they are by now is not told, and an older release takes them as it takes any other type."""
