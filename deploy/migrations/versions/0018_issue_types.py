"""Types of the events that tell of issues."""

from alembic import context, op
from sqlalchemy import text

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

TYPES = (
    ("events.v1beta1.issues.opened", "Issue opened", "Something about the deliveries of a workspace went wrong."),
    ("events.v1beta1.issues.resolved", "Issue resolved", "What was wrong about the deliveries of a workspace is over."),
)

REGISTER = text(
    "INSERT INTO event_types"
    " (type, service_manager, api_group, friendly_name, description, generation, created_at, updated_at)"
    " VALUES (:type, 'HPE GreenLake Platform', 'events', :friendly_name, :description, 1, now(), now())"
    " ON CONFLICT DO NOTHING"
)


def upgrade() -> None:
    """Adds them to the catalogue."""
    prefix = context.config.attributes["settings"].type_prefix
    for rest, friendly_name, description in TYPES:
        values = {"friendly_name": friendly_name, "description": description}
        op.get_bind().execute(REGISTER, {"type": f"{prefix}.{rest}", **values})


def downgrade() -> None:
    """Takes them back, with their subscriptions."""
    prefix = context.config.attributes["settings"].type_prefix
    for rest, *_ in TYPES:
        for table, column in (("subscriptions", "event_type"), ("event_types", "type")):
            op.get_bind().execute(text(f"DELETE FROM {table} WHERE {column} = :type"), {"type": f"{prefix}.{rest}"})
