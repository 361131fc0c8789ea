"""What became of what a replay opened: its rows are looked at until they have ended (protocol.md 11.5).

It runs in the transaction that holds the replay's row: what is counted, and that it is, are one.
"""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from delivery import lifecycle
from delivery.ledger.replays import item_rows
from delivery.ledger.replays.item_rows import ReplayItem
from delivery.lifecycle import State
from subscriptions.ground.database import Raw
from subscriptions.ground.statements import Row, statement

#: Opened ones that a turn looks at.
LOOKED = 1000
#: Seconds until it looks again: at what was not tried so far; at what seems to have been, or is parked, for the first time (it
#: may have been tried before it was opened, and end now); and at what was found so before.
SOON, NEXT, LATER = 1.0, 4.0, 15.0


class LookAt(msgspec.Struct, frozen=True, kw_only=True):
    """What `look.sql` is given."""

    replay: UUID
    now: datetime
    most: int


LOOK = statement(__package__, "look", LookAt)


class LookLater(msgspec.Struct, frozen=True, kw_only=True):
    """What `look_later.sql` is given."""

    replay: UUID
    events: list[UUID]
    webhooks: list[UUID]
    stages: list[int]
    looks: list[datetime]


LOOK_LATER = statement(__package__, "look_later", LookLater)


@dataclass(kw_only=True)
class SettledItems:
    """What a turn found."""

    delivered: int = 0
    failed: int = 0
    #: Of each webhook how many were tried, or ended, since the last look: what it takes in a turn.
    moved: Counter[UUID] = field(default_factory=Counter)


async def settle(connection: Raw, replay: UUID, *, now: datetime) -> SettledItems:
    """Looks at what is to be looked at by now, the longest unseen first."""
    result, ended, others = SettledItems(), list[ReplayItem](), list[tuple[ReplayItem, int, datetime]]()
    for row in await LOOK.fetch(connection, LookAt(replay=replay, now=now, most=LOOKED)):
        item, moved = ReplayItem(row["event"], row["webhook"]), _moved(row)
        result.moved[item.webhook] += moved and row["stage"] == 1
        state = None if row["state"] is None else State(row["state"])
        if state is None or lifecycle.final(state):
            # Its records were dropped by age: a day leaves when all of it has ended, and how is known to nobody.
            result.delivered += state is State.DELIVERED
            result.failed += state is not State.DELIVERED
            ended.append(item)
        else:
            later = SOON if not moved else NEXT if row["stage"] == 1 else LATER
            others.append((item, 2 if moved else 1, now + timedelta(seconds=later)))
    if ended:
        await item_rows.take(connection, replay, ended)
    if others:
        given = LookLater(
            replay=replay,
            events=[item.event for item, _, _ in others],
            webhooks=[item.webhook for item, _, _ in others],
            stages=[stage for _, stage, _ in others],
            looks=[when for _, _, when in others],
        )
        await LOOK_LATER.execute(connection, given)
    return result


def _moved(row: Row) -> bool:
    """Whether it was tried, or waits for something that no turn of the replay's brings."""
    return bool(row["stage"] == 2 or row["state"] != State.OWED or row["attempts"] > 0)
