"""What is to be told of a delivery that was given up.

How it becomes an event, and who subscribes to it, is left to the ordinary way of events.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from delivery.ledger.owing.batches import BATCH
from subscriptions.ground.database import Raw

GIVEN_UP = """
SELECT d.event, d.webhook, d.round, d.attempts, d.status, d.reason, d.ended_at, e.id, e.type, e.workspace_id
FROM deliveries d JOIN events e ON e.key = d.event
WHERE d.event = $1 AND d.webhook = $2 AND d.round = $3 AND d.state = 'failed'
"""

MEMBERS = """
SELECT e.id, e.type FROM parcels p CROSS JOIN LATERAL unnest(p.members) WITH ORDINALITY AS k (event, place)
JOIN events e ON e.key = k.event WHERE p.id = $1 ORDER BY k.place
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class FailedEvent:
    """An event as its subscriber knows it."""

    id: str
    type: str


@dataclass(frozen=True, kw_only=True, slots=True)
class FailedDelivery:
    """A delivery that ended as failed."""

    #: The key of the event, or of the batch, that was owed; with webhook and round, the delivery.
    event: UUID
    webhook: UUID
    round: int
    #: Attempts that ended.
    attempts: int
    #: HTTP status of the last answer, None where there was none.
    status: int | None
    #: The last outcome, as a sentence.
    reason: str
    ended_at: datetime
    workspace_id: str
    #: It was a batch ...
    batch: bool
    #: ... of these; or the one event that was owed.
    events: tuple[FailedEvent, ...]


async def given_up(connection: Raw, event: UUID, webhook: UUID, delivery_round: int) -> FailedDelivery | None:
    """None where a late success made it untrue, or the records are gone."""
    row = await connection.fetchrow(GIVEN_UP, event, webhook, delivery_round)
    if row is None:
        return None
    given = dict(row)
    owed = FailedEvent(id=given.pop("id"), type=given.pop("type"))
    if owed.type != BATCH:
        return FailedDelivery(**given, batch=False, events=(owed,))
    members = [FailedEvent(id=member["id"], type=member["type"]) for member in await connection.fetch(MEMBERS, event)]
    return FailedDelivery(**given, batch=True, events=tuple(members))
