"""Drains: due rows are claimed without tickets, workspaces in turn, then webhooks, each within its share (protocol.md 3.3).

The claim itself is that of `claiming.py`, plus what a lapsed lease says: that an attempt was lost.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

import asyncpg
import msgspec

from delivery.ledger.claims import claiming
from delivery.ledger.claims.claiming import Claim, claim_of
from delivery.ledger.days import day_statement, on_day
from delivery.ledger.predicates import unleased
from subscriptions.ground import partitions
from subscriptions.ground.database import Raw
from subscriptions.ground.statements import fragment

#: Queues with due rows (a webhook's first attempts, or its retries) that one drain walks to, and the steps it takes at most,
#: past those that wait for a later hour; the next one starts where chance puts it.
QUEUES, STEPS = 256, 1024
#: Due rows, those in flight included, from which a drain walks, and among which it looks for queues where it does not.
MANY = 500
#: Lost attempts from which a row waits before it is taken again, and at which it is given up.
LOST_WAITS = 3
LOST_ENDS = 20
#: Minutes that it waits at most: twenty lost attempts last about as long as the retries of one that fails (greenlake.md 5.2).
LOST_WAIT = 64
#: The part of what is taken that is kept for retries while first attempts wait.
RETRIES = 0.2

_OPEN = fragment(__package__, "open_queues")

PARTS = {
    **claiming.PARTS,
    "walk": fragment(__package__, "walk"),
    "open_walked": _OPEN.replace("{queues}", fragment(__package__, "walked_queues")),
    "open_oldest": _OPEN.replace("{queues}", fragment(__package__, "oldest_queues")),
    "due_of": fragment(__package__, "due_of"),
    "aside": fragment(__package__, "aside"),
    "many": MANY,
    "steps": STEPS,
    "retries": RETRIES,
    "lost_waits": LOST_WAITS,
    "lost_ends": LOST_ENDS,
    "lost_wait": LOST_WAIT,
}


class TakeDue(msgspec.Struct, frozen=True, kw_only=True):
    """What `take_due.sql` is given."""

    now: datetime
    #: The end of the leases.
    until: datetime
    #: The webhook id behind which the walk begins.
    start: UUID
    #: Queues with due rows that it asks at most.
    queues: int = QUEUES
    wanted: int
    #: Of a webhook that is not in `shares`.
    share: int
    #: `Shares` as JSON, looked up by key: beside an array each queue would be compared with each share.
    shares: str
    #: Of `wanted`.
    kept_for_retries: int
    #: Rounds a fifth of a small share up or down.
    chance: float


TAKE_DUE = day_statement(__package__, "take_due", TakeDue, PARTS)


# Which days have something due that nobody holds: one look into one index each.
DAYS = f"""SELECT '{{day}}'::date AS day WHERE EXISTS (
    SELECT 1 FROM {{deliveries}} d WHERE d.state = 'owed' AND d.due_at <= $1 AND {unleased("d", "$1")}
)"""


Shares = Mapping[UUID, tuple[int, int | None]]


@dataclass(frozen=True, kw_only=True)
class DrainRoom:
    """What the draining process can take on."""

    #: Free slots: no more rows are claimed.
    wanted: int
    #: How many of them are kept for retries.
    retries: int
    #: Free in-flight share of a webhook that is not in `shares`.
    share: int
    #: Free shares of the webhooks that have attempts in flight, or that time out, and of which epoch (None: of any); 0 leaves the
    #: webhook out.
    shares: Shares
    #: The webhook id behind which the walk begins.
    start: UUID
    #: Rounds a fifth of a small share up or down: a draw from [0, 1).
    chance: float


async def days_due(connection: Raw, *, now: datetime) -> list[date]:
    """The days that have due rows in nobody's hands, oldest first: their tickets were lost, or their retries go on."""
    days = await partitions.kept(connection, "deliveries")
    looks = " UNION ALL ".join(on_day(DAYS.replace("{day}", str(day)), day) for day in days)
    try:
        return sorted(row["day"] for row in await connection.fetch(looks, now)) if looks else []
    except asyncpg.UndefinedTableError:  # dropped by age since
        return await days_due(connection, now=now)


async def drain(connection: Raw, room: DrainRoom, *, day: date, now: datetime, lease: float) -> Claim:
    """Claims at most `room.wanted` due rows of the day; where many are due, webhooks take turns from `room.start` on."""
    given = TakeDue(
        now=now,
        until=now + timedelta(seconds=lease),
        start=room.start,
        wanted=room.wanted,
        share=room.share,
        shares=msgspec.json.encode(room.shares).decode(),
        kept_for_retries=room.retries,
        chance=room.chance,
    )
    try:
        rows = await TAKE_DUE.on(day).fetch(connection, given)
    except asyncpg.UndefinedTableError:  # dropped by age since
        rows = []
    return claim_of(rows)
