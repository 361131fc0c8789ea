"""Claims: rows are taken for sending, by ticket or by name; each claim raises the fence and starts a lease (protocol.md 4).

Slots are taken by the caller first. What is due, and whose turn it is, is asked in `drains.py`.
"""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg
import msgspec

from delivery.ledger.days import by_day, on_day
from delivery.lifecycle import State
from delivery.tickets import Ticket
from subscriptions.ground.database import Raw

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
    slot: datetime | None
    #: The end of its lease.
    leased_until: datetime
    #: The event's structured JSON; None once erased.
    body: bytes | None
    #: The event's type, for the log and the notice.
    type: str


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """What one claiming statement came to."""

    taken: list[ClaimedRow]
    #: Webhooks that rows were parked for, since they may not be sent to.
    parked: frozenset[UUID] = frozenset()
    #: The database's time while it ran, or None where it touched no row.
    database_now: datetime | None


# What a claim does to a row; `d` the delivery, `w` its webhook, `$1` now, `$2` the end of the lease.
# A webhook that may not be sent to parks the row, a deleted one cancels it; neither raises the fence.
TAKE = """
    state = CASE WHEN w.deleted_at IS NOT NULL THEN 'cancelled'
                 WHEN w.status IN ('ACTIVE', 'WARNING') THEN 'owed' ELSE 'parked' END,
    due_at = CASE WHEN w.deleted_at IS NULL AND w.status IN ('ACTIVE', 'WARNING') THEN d.due_at END,
    ended_at = CASE WHEN w.deleted_at IS NOT NULL THEN $1::timestamptz END,
    leased_until = CASE WHEN w.deleted_at IS NULL AND w.status IN ('ACTIVE', 'WARNING') THEN $2::timestamptz END,
    fence = d.fence + CASE WHEN w.deleted_at IS NULL AND w.status IN ('ACTIVE', 'WARNING') THEN 1 ELSE 0 END,
    first_try_at = CASE WHEN w.deleted_at IS NULL AND w.status IN ('ACTIVE', 'WARNING')
                        THEN coalesce(d.first_try_at, $1) ELSE d.first_try_at END,
    halted_before = CASE WHEN w.deleted_at IS NULL AND w.status IN ('ACTIVE', 'WARNING')
                         THEN coalesce(d.halted_before, w.halted_seconds) ELSE d.halted_before END
"""

RETURNED = """
RETURNING d.event, d.webhook, d.round, d.state, d.fence, d.attempts,
    coalesce(d.first_try_at, $1) AS first_try_at, w.halted_seconds - coalesce(d.halted_before, w.halted_seconds) AS halted,
    w.generation, w.epoch, w.failures > 0 AS ailing, e.body, e.type, {slot} AS slot,
    d.leased_until, clock_timestamp() AS told
"""

AT_ONCE = RETURNED.format(slot="NULL::timestamptz")

#: The webhook `w` may be sent to, and grants a rate.
PACED = "(coalesce(w.endpoint_rate_limit, 0) > 0 AND w.status IN ('ACTIVE', 'WARNING') AND w.deleted_at IS NULL)"

# One day's partitions are named outright: planning and locking all of them would cost more than the claim. The rest of the
# spelling keeps the server to the primary key, whatever it last knew of the table: the event is looked up apart (OFFSET 0),
# or the delivery may be sought by its event alone, among the thousands of a fan-out; and the state hides behind `|| ''`, or
# it may be sought among all that its webhook is owed.
# A webhook with a rate is left to the drains, which give slots (`paces.py`).
BY_TICKET = f"""
UPDATE {{deliveries}} AS d SET {TAKE}
FROM unnest($3::uuid[], $4::uuid[], $5::smallint[], $6::int[]) AS t (event, webhook, round, fence)
JOIN webhooks w ON w.id = t.webhook
CROSS JOIN LATERAL (SELECT body, type FROM {{events}} WHERE key = t.event OFFSET 0) AS e
WHERE d.event = t.event AND d.webhook = t.webhook AND d.round = t.round
    AND d.fence = t.fence AND d.state || '' = 'owed' AND d.leased_until IS NULL AND NOT {PACED}
{AT_ONCE}
"""

# A probe takes a row of a webhook in ERROR, owed or parked, whatever its due time: one row, one lease. Each time another one of
# the oldest few, for the receiver may have something against one of them alone. Each state is asked by itself, for it has an
# index of its own.
# It is not one of the row's attempts (protocol.md 6.6), so that the window of the row does not begin with it.
BY_PROBE = (
    """
WITH parked AS (
    SELECT event, webhook, round FROM deliveries WHERE webhook = $3 AND state = 'parked' ORDER BY event LIMIT $4
), owed AS (
    SELECT event, webhook, round FROM deliveries WHERE webhook = $3 AND state = 'owed'
        AND (leased_until IS NULL OR leased_until <= $1)
    ORDER BY least(attempts, 1), due_at LIMIT $4
), oldest AS (
    SELECT *, row_number() OVER (ORDER BY event, round) - 1 AS place FROM (
        SELECT * FROM parked UNION ALL SELECT * FROM owed ORDER BY event, round LIMIT $4
    ) AS x
), turn AS (
    SELECT coalesce((SELECT tries FROM challenges WHERE webhook = $3), 0) % greatest((SELECT count(*) FROM oldest), 1) AS place
), next AS (
    SELECT d.event, d.webhook, d.round FROM oldest o JOIN turn USING (place) JOIN deliveries d
        ON d.event = o.event AND d.webhook = o.webhook AND d.round = o.round
    WHERE d.state || '' IN ('parked', 'owed') AND (d.leased_until IS NULL OR d.leased_until <= $1)
    FOR UPDATE OF d SKIP LOCKED
)
UPDATE deliveries AS d SET fence = d.fence + 1, leased_until = $2, state = 'owed', due_at = coalesce(d.due_at, $1)
FROM next JOIN webhooks w ON w.id = next.webhook AND w.status = 'ERROR' AND w.deleted_at IS NULL
JOIN events e ON e.key = next.event
WHERE d.event = next.event AND d.webhook = next.webhook AND d.round = next.round
"""
    + AT_ONCE
)


STILL = """
SELECT EXISTS (SELECT 1 FROM webhooks WHERE id = $1 AND epoch = $2 AND status IN ('ACTIVE', 'WARNING') AND deleted_at IS NULL)
"""


async def by_ticket(connection: Raw, tickets: Sequence[Ticket], *, now: datetime, lease: float) -> Claim:
    """Claims what the tickets name, whatever its due time; a ticket whose fence is old claims nothing."""
    rows: list[Raw] = []
    for day, of_day in by_day(tickets, lambda ticket: ticket.event).items():
        with suppress(asyncpg.UndefinedTableError):  # dropped by age since
            rows += await connection.fetch(
                on_day(BY_TICKET, day),
                now,
                now + timedelta(seconds=lease),
                [ticket.event for ticket in of_day],
                [ticket.webhook for ticket in of_day],
                [ticket.round for ticket in of_day],
                [ticket.fence for ticket in of_day],
            )
    return claim_of(rows)


async def by_probe(connection: Raw, webhook: UUID, *, now: datetime, lease: float) -> Claim:
    """Claims the next row of a webhook in ERROR, the only claim that this status admits."""
    return claim_of(await connection.fetch(BY_PROBE, now, now + timedelta(seconds=lease), webhook, PROBED))


async def still(connection: Raw, claimed: ClaimedRow) -> bool:
    """Whether the webhook is still what it was at the claim, and may be sent to."""
    return bool(await connection.fetchval(STILL, claimed.webhook, claimed.epoch))


def claim_of(rows: Sequence[Raw]) -> Claim:
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
            slot=row["slot"],
            leased_until=row["leased_until"],
            body=row["body"],
            type=row["type"],
        )
        for row in rows
        if row["leased_until"] is not None
    ]
    parked = frozenset(row["webhook"] for row in rows if row["leased_until"] is None and row["state"] == State.PARKED)
    return Claim(taken=taken, parked=parked, database_now=rows[0]["told"] if rows else None)
