"""What a publisher is told of an event that was accepted.

When it is accepted is left to `intake.py`.
"""

from datetime import datetime
from uuid import UUID

import msgspec


class Receipt(msgspec.Struct, kw_only=True):
    """What the publisher is told; written once, told again for the same occurrence under the same id."""

    #: The event's own id: the `webhook-id` of its deliveries.
    key: UUID
    id: str
    source: str
    type: str
    accepted_at: datetime
    #: The same occurrence had been accepted before.
    duplicate: bool
    #: How many webhooks it is owed to; None for a duplicate, and where there are too many to be known by now.
    matched: int | None = None
