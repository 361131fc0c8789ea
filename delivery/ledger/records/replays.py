"""Manual retries: a delivery that waits is due at once, one that ended is owed again (protocol.md 8).

Which of them may be retried, and what the caller is told, is left to `reports/recent_deliveries.py`.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec

from delivery import lifecycle
from delivery.ledger.owing.batches import BATCH
from delivery.ledger.predicates import PREDICATES
from delivery.ledger.records import batch_members
from delivery.lifecycle import State
from delivery.tickets import Ticket
from subscriptions.ground.database import Raw
from subscriptions.ground.statements import statement

#: The last round that its column can count.
ROUNDS = 32_767


@dataclass(frozen=True, kw_only=True)
class NewestRound:
    """The newest round of a delivery, its row locked."""

    round: int
    state: State
    #: Of a claim that may still be sending.
    leased: bool
    #: Its webhook's status admits claims.
    sendable: bool
    #: There still is something to send.
    payload: bool
    #: It carries a batch, whose members are under way again with it.
    batch: bool
    #: It was claimed itself at least once: what a batch carries never is.
    sent_alone: bool = False


class RetryResult(StrEnum):
    """What asking for a retry came to."""

    #: It is due now.
    SUBMITTED = "submitted"
    #: An attempt is under way; nothing was changed.
    UNDERWAY = "underway"
    #: It goes out once its webhook may be sent to.
    WAITING = "waiting"


# Retries of one delivery take turns: two that find the same ended round must not both make the next one. A lock on the
# row would not do: who waited for it would still see the round that was newest before.
TAKE_TURNS = "SELECT pg_advisory_xact_lock(hashtextextended($1::text || $2::text, 0))"


class Newest(msgspec.Struct, frozen=True, kw_only=True):
    """What `newest.sql` is given."""

    event: UUID
    webhook: UUID
    now: datetime


NEWEST = statement(__package__, "newest", Newest, {**PREDICATES, "batch": BATCH})

# A lapsed lease stays: the claim that finds it counts the lost attempt.
HASTEN = """
UPDATE deliveries SET due_at = $4, fence = fence + 1 WHERE event = $1 AND webhook = $2 AND round = $3 AND state = 'owed'
RETURNING fence
"""


class NextRound(msgspec.Struct, frozen=True, kw_only=True):
    """What `next_round.sql` is given."""

    event: UUID
    webhook: UUID
    round: int
    state: State
    #: None while it is parked.
    due_at: datetime | None


NEXT_ROUND = statement(__package__, "next_round", NextRound)


async def newest(connection: Raw, event: UUID, webhook: UUID, *, now: datetime) -> NewestRound | None:
    """Locks the newest round until the transaction ends; None where nothing was ever owed, or the webhook is deleted."""
    await connection.execute(TAKE_TURNS, str(event), str(webhook))
    row = await NEWEST.fetchrow(connection, Newest(event=event, webhook=webhook, now=now))
    if row is None:
        return None
    return NewestRound(
        round=row["round"],
        state=State(row["state"]),
        leased=row["leased"],
        sendable=row["sendable"],
        payload=row["payload"],
        batch=row["batch"],
        sent_alone=row["sent_alone"],
    )


async def retry(
    connection: Raw, event: UUID, webhook: UUID, found: NewestRound, *, now: datetime
) -> tuple[RetryResult, Ticket | None]:
    """Sends what `newest` found again, in its transaction; the ticket is to be announced after the commit."""
    if lifecycle.final(found.state):
        return await _next_round(connection, event, webhook, found, now=now)
    if found.state is not State.OWED:
        return RetryResult.WAITING, None
    if found.leased:
        return RetryResult.UNDERWAY, None
    fence = await connection.fetchval(HASTEN, event, webhook, found.round, now)
    if not found.sendable:
        return RetryResult.WAITING, None
    return RetryResult.SUBMITTED, Ticket(event, webhook, found.round, fence)


async def _next_round(
    connection: Raw, event: UUID, webhook: UUID, found: NewestRound, *, now: datetime
) -> tuple[RetryResult, Ticket | None]:
    number = found.round + 1
    state = State.OWED if found.sendable else State.PARKED
    due_at = now if found.sendable else None
    given = NextRound(event=event, webhook=webhook, round=number, state=state, due_at=due_at)
    await NEXT_ROUND.execute(connection, given)
    if found.batch:
        await batch_members.replay(connection, event, number)
    if not found.sendable:
        return RetryResult.WAITING, None
    return RetryResult.SUBMITTED, Ticket(event, webhook, number, 0)
