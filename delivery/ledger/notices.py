"""What is to be told of a delivery that was given up.

How it becomes an event, and who subscribes to it, is left to the ordinary way of events.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from subscriptions.database import Raw

GIVEN_UP = """
SELECT d.event, d.webhook, d.round, d.attempts, d.status, d.reason, d.ended_at, e.id, e.type, e.workspace_id
FROM deliveries d JOIN events e ON e.key = d.event
WHERE d.event = $1 AND d.webhook = $2 AND d.round = $3 AND d.state = 'failed'
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class GivenUp:
    """A delivery that ended as failed."""

    #: The key of the event that was owed; with webhook and round, the delivery.
    event: UUID
    webhook: UUID
    round: int
    #: Tries that ended.
    attempts: int
    #: HTTP status of the last answer, None where there was none.
    status: int | None
    #: The last outcome, as a sentence.
    reason: str
    ended_at: datetime
    #: Of the event that was owed.
    id: str
    type: str
    workspace_id: str


async def given_up(connection: Raw, event: UUID, webhook: UUID, delivery_round: int) -> GivenUp | None:
    """None where a late success made the notice untrue, or the records are gone."""
    row = await connection.fetchrow(GIVEN_UP, event, webhook, delivery_round)
    return None if row is None else GivenUp(**dict(row))
