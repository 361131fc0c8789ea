"""Pace: due rows of webhooks that grant a rate are claimed with a send time each, evenly spaced (protocol.md 4.7).

Where there is no rate, `drains.py` claims. The rate itself is written by `ledger/webhooks/rate_limits.py`.
"""

from datetime import date, datetime, timedelta
from uuid import UUID

import asyncpg
import msgspec

from delivery.ledger.claims import drains
from delivery.ledger.claims.claiming import Claim, claim_of
from delivery.ledger.claims.drains import DrainRoom
from delivery.ledger.days import day_statement
from subscriptions.ground.database import Raw

#: Seconds ahead of which send times are given to claims; further rows become due when theirs comes.
AHEAD = 5.0
#: Rows of one webhook that one statement moves to their send times.
MOVED = 1000


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """What `pace.sql` is given."""

    now: datetime
    #: The end of the leases of what is sent at once; of others as much later as their send times are.
    until: datetime
    #: Seconds.
    ahead: float = AHEAD
    wanted: int
    #: Of a webhook that is not among `shared`.
    share: int
    #: Webhooks with shares of their own, each with the epoch in which it has it (None: in any).
    shared: list[UUID]
    shares: list[int]
    epochs: list[int | None]


PACE = day_statement(
    __package__,
    "pace",
    Pace,
    {
        **drains.PARTS,
        "lease_end": "$until::timestamptz + (k.send_at - $now)",
        "send_at": "k.send_at",
        "most": drains.QUEUES,
        "moved": MOVED,
    },
)


async def claim(connection: Raw, room: DrainRoom, *, day: date, now: datetime, lease: float) -> Claim:
    """Claims due rows of paced webhooks whose send time is near; each carries it, and its lease counts from it."""
    given = Pace(
        now=now,
        until=now + timedelta(seconds=lease),
        wanted=room.wanted,
        share=room.share,
        shared=list(room.shares.keys()),
        shares=[share for share, _ in room.shares.values()],
        epochs=[epoch for _, epoch in room.shares.values()],
    )
    try:
        rows = await PACE.on(day).fetch(connection, given)
    except asyncpg.UndefinedTableError:  # dropped by age since
        rows = []
    return claim_of(rows)
