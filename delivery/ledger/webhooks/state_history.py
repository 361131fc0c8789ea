"""The statuses that a webhook had, each with its reason: written by whatever statement moves it, and the newest of them kept.

What moves it is left to `status.py` and to `ledger/records/health_counts.py`.
"""

from datetime import datetime
from uuid import UUID

import msgspec

from delivery.judgement.breaker import Status
from subscriptions.ground.database import Raw
from subscriptions.ground.statements import fragment, statement

#: Statuses that are kept of a webhook: one that warns and calms down every five minutes has them of a day or so.
KEPT = 200

#: For statements that move a webhook.
PARTS = {
    "remember": fragment(__package__, "remember"),
    "outlived": fragment(__package__, "outlived"),
    "kept_states": KEPT,
}


class FirstState(msgspec.Struct, frozen=True, kw_only=True):
    """What `remember.sql` is given of a webhook that is new."""

    webhook: UUID
    status: Status
    state_reason: str
    now: datetime


REMEMBER = statement(__package__, "remember", FirstState)


async def begin(connection: Raw, webhook: UUID, status: Status, *, now: datetime) -> None:
    """Remembers the status that a new webhook begins with, in the transaction that makes it."""
    await REMEMBER.execute(connection, FirstState(webhook=webhook, status=status, state_reason="", now=now))
