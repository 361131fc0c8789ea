"""What a replay has found and not settled, as rows; they are written and taken in transactions that hold the replay's own row.

What a turn may open is left to `opening.py`, what became of it to `settling.py`.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import msgspec

from delivery.ledger.replays.finding import Pair
from subscriptions.ground.database import Raw
from subscriptions.ground.statements import Row, statement


class ReplayItem(NamedTuple):
    """One that waits to be opened."""

    event: UUID
    webhook: UUID


class OfReplay(msgspec.Struct, frozen=True, kw_only=True):
    """What `waiting_webhooks.sql` is given."""

    replay: UUID
    #: Webhooks that are looked at.
    most: int


class NextItems(msgspec.Struct, frozen=True, kw_only=True):
    """What `next_items.sql` is given: of each webhook how many."""

    replay: UUID
    webhooks: list[UUID]
    quotas: list[int]


class WaitingWebhook(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook that something waits for."""

    webhook: UUID
    status: str
    deleted: bool
    batching: bool
    #: Requests a minute that its destination grants; 0: any number.
    rate: int
    #: Opened, and not tried so far.
    open: int
    #: It has something that its probe can try.
    probed: bool


class OpenedItems(msgspec.Struct, frozen=True, kw_only=True):
    """What `opened.sql` is given."""

    replay: UUID
    events: list[UUID]
    webhooks: list[UUID]
    rounds: list[int]
    due_times: list[datetime]


OPENED = statement(__package__, "opened", OpenedItems)
WAITING = statement(__package__, "waiting_webhooks", OfReplay)
NEXT = statement(__package__, "next_items", NextItems)

ADD = """
INSERT INTO replay_items (replay, webhook, event, stage)
SELECT $1, webhook, event, 0 FROM unnest($2::uuid[], $3::uuid[]) AS t (event, webhook) ON CONFLICT DO NOTHING
"""
TAKE = """
DELETE FROM replay_items i USING unnest($2::uuid[], $3::uuid[]) AS t (event, webhook)
WHERE i.replay = $1 AND i.webhook = t.webhook AND i.event = t.event
"""
TAKE_WAITING = """
DELETE FROM replay_items i USING (
    SELECT webhook, event FROM replay_items WHERE replay = $1 AND stage = 0 AND ($2::uuid IS NULL OR webhook = $2) LIMIT $3
) AS t WHERE i.replay = $1 AND i.webhook = t.webhook AND i.event = t.event
"""
LEFT = """
SELECT EXISTS (SELECT FROM replay_items WHERE replay = $1 AND stage = 0) AS waiting,
    EXISTS (SELECT FROM replay_items WHERE replay = $1 AND stage = 1) AS open,
    EXISTS (SELECT FROM replay_items WHERE replay = $1 AND stage > 0) AS underway
"""


async def add(connection: Raw, replay: UUID, pairs: Sequence[Pair]) -> int:
    """Writes down what was found; answers how many that had not been."""
    done: str = await connection.execute(ADD, replay, [event for event, _ in pairs], [webhook for _, webhook in pairs])
    return int(done.rpartition(" ")[2])


async def waiting_webhooks(connection: Raw, replay: UUID, *, most: int) -> list[WaitingWebhook]:
    """Whom something waits for."""
    rows = await WAITING.fetch(connection, OfReplay(replay=replay, most=most))
    return [
        WaitingWebhook(
            webhook=row["webhook"],
            status=row["status"],
            deleted=row["deleted"],
            batching=row["batching"],
            rate=row["rate"],
            open=row["open"],
            probed=row["probed"],
        )
        for row in rows
    ]


async def next_items(connection: Raw, replay: UUID, quotas: Sequence[tuple[UUID, int]]) -> list[ReplayItem]:
    """Of each webhook the oldest, as many as its quota: every webhook's first, then every webhook's second."""
    given = NextItems(replay=replay, webhooks=[webhook for webhook, _ in quotas], quotas=[many for _, many in quotas])
    return [ReplayItem(row["event"], row["webhook"]) for row in await NEXT.fetch(connection, given)]


async def opened(connection: Raw, replay: UUID, items: Sequence[tuple[ReplayItem, int, datetime]]) -> None:
    """They stand in these rounds now, due then."""
    given = OpenedItems(
        replay=replay,
        events=[item.event for item, _, _ in items],
        webhooks=[item.webhook for item, _, _ in items],
        rounds=[number for _, number, _ in items],
        due_times=[due_at for _, _, due_at in items],
    )
    await OPENED.execute(connection, given)


async def take(connection: Raw, replay: UUID, pairs: Collection[ReplayItem]) -> None:
    """They are settled."""
    await connection.execute(TAKE, replay, [each.event for each in pairs], [each.webhook for each in pairs])


async def take_waiting(connection: Raw, replay: UUID, webhook: UUID | None, *, most: int) -> int:
    """Lets go of those that wait (None: for anybody); answers how many that were."""
    done: str = await connection.execute(TAKE_WAITING, replay, webhook, most)
    return int(done.rpartition(" ")[2])


async def left(connection: Raw, replay: UUID) -> Row:
    """Whether any are `waiting`, `open` (not tried so far), `underway` (opened)."""
    row = await connection.fetchrow(LEFT, replay)
    assert row is not None
    return row
