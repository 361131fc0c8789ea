"""Issues that people have set aside, webhook by webhook, and whether what they knew of has come back since.

Setting them aside is left to `upkeep/issue_handling.py`, all other issues to `issues.py`.
"""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

import msgspec

from delivery.issue_kinds import PASSING
from subscriptions.ground.database import Raw

#: Webhooks that are told.
MOST = 10_000

#: Webhooks (all zeros: none) whose issues people have all set aside. That a delivery arrived in between is known by the first
#: failure since the last success.
ASIDE = """
SELECT i.webhook, count(*) AS many, coalesce(w.name, '') AS name, min(w.first_failure_at) FILTER (
    WHERE i.kind = ANY ($3) AND w.failures > 0 AND w.first_failure_at > i.acted_at AND i.last_at >= w.first_failure_at
) AS again
FROM issues i LEFT JOIN webhooks w ON w.id = i.webhook
WHERE i.resolved_at IS NULL AND ($1::text IS NULL OR i.workspace_id = $1)
GROUP BY i.webhook, w.name HAVING bool_and(i.state <> 'open') LIMIT $2
"""


class SetAside(msgspec.Struct, frozen=True, kw_only=True):
    """The issues of one webhook, all of which people have set aside."""

    many: int
    #: Empty where there is none (any more).
    webhook_name: str = ""
    #: Since when its deliveries fail again, where one had arrived after somebody set the issue aside; None where they do not.
    again: datetime | None = None


async def read(connection: Raw, workspace_id: str | None) -> Mapping[UUID, SetAside]:
    """By webhook; None: of all workspaces."""
    rows = await connection.fetch(ASIDE, workspace_id, MOST, sorted(PASSING))
    return {row["webhook"]: SetAside(many=row["many"], webhook_name=row["name"], again=row["again"]) for row in rows}
