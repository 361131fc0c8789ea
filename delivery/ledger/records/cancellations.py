"""What is asked of one delivery by hand beside a retry: whose it is, which batch carries it, and its end before it is sent.

Which of them may be asked for is left to `delivery/upkeep/by_hand.py`; retries stand in `replays.py` (protocol.md 8).
"""

from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from delivery.ledger.predicates import PREDICATES
from delivery.ledger.records import batch_members
from subscriptions.ground import event_keys
from subscriptions.ground.database import Raw
from subscriptions.ground.statements import statement

OWNER = (
    "SELECT workspace_id FROM webhooks WHERE id = $1 AND deleted_at IS NULL AND ($2::text IS NULL OR workspace_id = $2)"
)

#: A batch closes so long after its events came in, at most: while its webhook is paused it goes on collecting.
CLOSES = timedelta(days=8)

BATCH_OF = (
    "SELECT id FROM parcels WHERE webhook = $1 AND id >= $2 AND id < $3 AND members @> ARRAY[$2] ORDER BY id LIMIT 1"
)


class Cancel(msgspec.Struct, frozen=True, kw_only=True):
    """What `cancel_one.sql` is given."""

    event: UUID
    webhook: UUID
    round: int
    now: datetime


CANCEL = statement(__package__, "cancel_one", Cancel, PREDICATES)


async def owner(connection: Raw, webhook: UUID, workspace_id: str | None) -> str | None:
    """The webhook's workspace, which has to be this one (None: any); None where there is no such webhook."""
    found: str | None = await connection.fetchval(OWNER, webhook, workspace_id)
    return found


async def batch_of(connection: Raw, event: UUID, webhook: UUID) -> UUID | None:
    """The batch that carries the event to the webhook; None where it goes alone."""
    until = event_keys.floor(event_keys.time_of(event) + CLOSES)
    found: UUID | None = await connection.fetchval(BATCH_OF, webhook, event, until)
    return found


async def cancel(connection: Raw, given: Cancel) -> bool:
    """Ends a round that waits and nobody has in hands, and with a batch its members; false where it is no such round any more.

    In the caller's transaction. Whoever holds a ticket for it has an old fence.
    """
    if await CANCEL.fetchval(connection, given) is None:
        return False
    await batch_members.settle(connection, [given.event])
    return True
