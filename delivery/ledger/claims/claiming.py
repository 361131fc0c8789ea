"""Claims: rows are taken for sending, by ticket or by name; each claim raises the fence and starts a lease (protocol.md 4).

Slots are taken by the caller first. What is due, and whose turn it is, is asked in `drains.py`.
"""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg
import msgspec

from delivery.ledger.days import by_day, day_statement
from delivery.ledger.predicates import PREDICATES
from delivery.lifecycle import State
from delivery.tickets import Ticket
from subscriptions.ground.database import Raw
from subscriptions.ground.statements import Row, fragment, statement

#: The oldest rows of a webhook that its probes take in turn.
PROBED = 16


class ClaimedRow(msgspec.Struct, frozen=True, kw_only=True):
    """One delivery in this process's hands until its lease ends."""

    event: UUID
    webhook: UUID
    round: int
    #: Of this claim: a record with another one applies to nothing but a success.
    fence: int
    #: Attempts that ended before this one.
    attempts: int
    first_try_at: datetime
    #: Seconds the webhook was halted since the first attempt.
    halted: float
    #: Which version of the webhook to send to, and whose outcome it is.
    generation: int
    epoch: int
    #: The webhook has failures that a success clears.
    ailing: bool
    #: When it may be sent, under a destination's rate: at most 5 s ahead; None at once.
    send_at: datetime | None
    #: The end of its lease.
    leased_until: datetime
    #: The event's structured JSON; None once erased.
    body: bytes | None
    #: The event's type, for the log and the delivery-failed event.
    type: str


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """What one claiming statement came to."""

    taken: list[ClaimedRow]
    #: Webhooks that rows were parked for, since they may not be sent to.
    parked: frozenset[UUID] = frozenset()
    #: The database's time while it ran, or None where it touched no row.
    database_now: datetime | None


#: What every claiming statement has in it; pacing gives other ends of leases, and send times.
PARTS = {
    **PREDICATES,
    "take": fragment(__package__, "take"),
    "claimed": fragment(__package__, "claimed"),
    "lease_end": "$until::timestamptz",
    "send_at": "NULL::timestamptz",
}


class ByTicket(msgspec.Struct, frozen=True, kw_only=True):
    """What `by_ticket.sql` is given: the tickets, part by part."""

    now: datetime
    #: The end of the leases.
    until: datetime
    events: list[UUID]
    webhooks: list[UUID]
    rounds: list[int]
    fences: list[int]


class ByProbe(msgspec.Struct, frozen=True, kw_only=True):
    """What `by_probe.sql` is given."""

    now: datetime
    until: datetime
    webhook: UUID
    #: Among how many it takes turns.
    oldest: int = PROBED


class Still(msgspec.Struct, frozen=True, kw_only=True):
    """What `still.sql` is given."""

    webhook: UUID
    epoch: int


BY_TICKET = day_statement(__package__, "by_ticket", ByTicket, PARTS)
BY_PROBE = statement(__package__, "by_probe", ByProbe, PARTS)
STILL = statement(__package__, "still", Still, PREDICATES)


async def by_ticket(connection: Raw, tickets: Sequence[Ticket], *, now: datetime, lease: float) -> Claim:
    """Claims what the tickets name, whatever its due time; a ticket whose fence is old claims nothing."""
    rows: list[Row] = []
    for day, of_day in by_day(tickets, lambda ticket: ticket.event).items():
        with suppress(asyncpg.UndefinedTableError):  # dropped by age since
            given = ByTicket(
                now=now,
                until=now + timedelta(seconds=lease),
                events=[ticket.event for ticket in of_day],
                webhooks=[ticket.webhook for ticket in of_day],
                rounds=[ticket.round for ticket in of_day],
                fences=[ticket.fence for ticket in of_day],
            )
            rows += await BY_TICKET.on(day).fetch(connection, given)
    return claim_of(rows)


async def by_probe(connection: Raw, webhook: UUID, *, now: datetime, lease: float) -> Claim:
    """Claims the next row of a webhook in ERROR, the only claim that this status admits."""
    given = ByProbe(now=now, until=now + timedelta(seconds=lease), webhook=webhook)
    return claim_of(await BY_PROBE.fetch(connection, given))


async def still(connection: Raw, claimed: ClaimedRow) -> bool:
    """Whether the webhook is still what it was at the claim, and may be sent to."""
    return bool(await STILL.fetchval(connection, Still(webhook=claimed.webhook, epoch=claimed.epoch)))


def claim_of(rows: Sequence[Row]) -> Claim:
    """The rows of a claiming statement as values; those it parked or cancelled are left out."""
    taken = [
        ClaimedRow(
            event=row["event"],
            webhook=row["webhook"],
            round=row["round"],
            fence=row["fence"],
            attempts=row["attempts"],
            first_try_at=row["first_try_at"],
            halted=row["halted"],
            generation=row["generation"],
            epoch=row["epoch"],
            ailing=row["ailing"],
            send_at=row["send_at"],
            leased_until=row["leased_until"],
            body=row["body"],
            type=row["type"],
        )
        for row in rows
        if row["leased_until"] is not None
    ]
    parked = frozenset(row["webhook"] for row in rows if row["leased_until"] is None and row["state"] == State.PARKED)
    return Claim(taken=taken, parked=parked, database_now=rows[0]["told"] if rows else None)
