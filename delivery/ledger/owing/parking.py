"""Whoever parks rows looks again after the commit: the webhook may have been activated, or deleted, meanwhile (protocol.md 6.5).

The wake that an activation brings looks before such rows can be seen, and the slow sweep comes only once a minute.
"""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

import msgspec

from delivery.ledger.predicates import PREDICATES
from delivery.tickets import Job, JobKind
from subscriptions.ground.database import Raw
from subscriptions.ground.statements import statement


class LookAgain(msgspec.Struct, frozen=True, kw_only=True):
    """What `look_again.sql` is given."""

    webhooks: list[UUID]
    now: datetime


LOOK = statement(__package__, "look_again", LookAgain, PREDICATES)


async def look_again(connection: Raw, webhooks: Collection[UUID], *, now: datetime) -> list[Job]:
    """Has the rows started, or cancelled, that were parked under webhooks which are not halted any more, or probed with.

    To be called after the commit of the rows; the jobs need not be announced, for they are due. Whoever activates after
    this look commits after the rows, and wakes them.
    """
    if not webhooks:
        return []
    rows = await LOOK.fetch(connection, LookAgain(webhooks=list(webhooks), now=now))
    return [Job(kind=JobKind(row["kind"]), key=row["key"], fence=row["fence"]) for row in rows]
