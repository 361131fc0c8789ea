"""Replays as rows: what is to be sent again, how far that is, and who may move it (protocol.md 11.1, 11.6).

What is found, opened and settled for one stands beside; when each is done is left to `upkeep/replaying.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec

from delivery.delivery_filter import DeliveryFilter, DeliveryId
from subscriptions.ground.database import Raw
from subscriptions.ground.statements import Row, statement


class ReplayState(StrEnum):
    """Running and paused ones are open; the others move no more."""

    RUNNING = "running"
    PAUSED = "paused"
    CANCELLED = "cancelled"
    FINISHED = "finished"


OPEN = (ReplayState.RUNNING, ReplayState.PAUSED)


class SkipReason(StrEnum):
    """Why what was found was not sent again."""

    #: Meanwhile.
    DELIVERED = "delivered"
    #: Already: it was owed when its turn came.
    UNDERWAY = "underway"
    #: For its webhook, or for its batch.
    WAITING = "waiting"
    #: There is nothing left to send.
    ERASED = "erased"
    #: Its records are kept no longer.
    GONE = "gone"
    #: Its webhook is not there any more.
    DELETED = "deleted"
    #: Its webhook could not be sent to for as long as undelivered events are kept.
    HALTED = "halted"
    #: As often as is counted.
    TOO_OFTEN = "tooOften"


class ReplayProgress(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What has become of what was found; each is counted in the transaction that makes it so."""

    found: int = 0
    #: Rounds that were opened, or rows that were made due; those that have ended are counted again below.
    opened: int = 0
    delivered: int = 0
    #: Given up, expired or cancelled.
    failed: int = 0
    #: Never opened, for the replay was cancelled.
    cancelled: int = 0
    skipped: dict[SkipReason, int] = {}

    @property
    def waiting(self) -> int:
        """Found, and to be opened."""
        return self.found - self.opened - self.cancelled - sum(self.skipped.values())

    @property
    def underway(self) -> int:
        """Opened, and not ended."""
        return self.opened - self.delivered - self.failed

    def skipping(self, skipped: dict[SkipReason, int]) -> dict[SkipReason, int]:
        """The counts with more of them."""
        return {each: n for each in SkipReason if (n := self.skipped.get(each, 0) + skipped.get(each, 0))}


@dataclass(frozen=True, kw_only=True)
class Replay:
    """One replay, all of one workspace."""

    id: UUID
    workspace_id: str
    created_by: str
    state: ReplayState
    #: Of what was never owed to a webhook, though it is subscribed now; else of what was.
    missing: bool
    wanted: DeliveryFilter
    #: Deliveries that become due in a second, at most.
    per_second: float
    created_at: datetime
    updated_at: datetime
    ended_at: datetime | None
    #: The last delivery, or event, that was looked at; None at the beginning.
    cursor: DeliveryId | None
    #: Everything was looked at, or as many were found as a replay may have.
    found_all: bool
    full: bool
    #: When the next delivery may become due.
    next_at: datetime
    progress: ReplayProgress


COLUMNS = (
    "id, workspace_id, created_by, state, missing, wanted, per_second, created_at, updated_at, ended_at, cursor, "
    "found_all, full_up, next_at, progress"
)


class NewReplay(msgspec.Struct, frozen=True, kw_only=True):
    """What `put.sql` is given."""

    id: UUID
    workspace_id: str
    created_by: str
    missing: bool
    wanted: str
    per_second: float
    now: datetime
    #: How many of a workspace may be open.
    most: int


class MovedReplay(msgspec.Struct, frozen=True, kw_only=True):
    """What `move.sql` is given: how a chunk leaves its row."""

    id: UUID
    fence: int
    state: ReplayState
    now: datetime
    ended_at: datetime | None
    cursor: str | None
    found_all: bool
    full_up: bool
    next_at: datetime
    progress: str
    #: When there is more to do; None: nothing until somebody acts.
    due_at: datetime | None
    #: None lets go of it.
    leased_until: datetime | None


class Ordered(msgspec.Struct, frozen=True, kw_only=True):
    """What `order.sql` is given: that one is to be paused, to go on, or to end."""

    id: UUID
    workspace_id: str | None
    state: ReplayState
    now: datetime
    #: The states from which that is possible.
    sources: list[ReplayState]


class ReplayQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which replays, and which page of them; what `listed.sql` is given."""

    #: None: of all.
    workspace_id: str | None = None
    #: None: in any state.
    state: ReplayState | None = None
    #: Those behind this one.
    before: UUID | None = None
    limit: int
    offset: int = 0


LISTED = statement(__package__, "listed", ReplayQuery, {"columns": COLUMNS})
PUT = statement(__package__, "put", NewReplay, {"columns": COLUMNS})
MOVE = statement(__package__, "move", MovedReplay)
ORDER = statement(__package__, "order", Ordered, {"columns": COLUMNS})

# One at a time of a workspace: two that count at once would both find room.
TAKE_TURNS = "SELECT pg_advisory_xact_lock(hashtextextended('replays of ' || $1::text, 0))"
HOLD = f"SELECT {COLUMNS} FROM replays WHERE id = $1 AND fence = $2 FOR UPDATE"
READ = f"SELECT {COLUMNS} FROM replays WHERE id = $1 AND ($2::text IS NULL OR workspace_id = $2)"
COUNTED = """
SELECT count(*) FROM (
    SELECT FROM replays WHERE ($1::text IS NULL OR workspace_id = $1) AND ($2::text IS NULL OR state = $2) LIMIT $3
) AS few
"""
PRUNE = """
DELETE FROM replays WHERE id IN (
    SELECT id FROM replays r WHERE ended_at < $1 AND NOT EXISTS (SELECT FROM replay_items i WHERE i.replay = r.id) LIMIT $2
)
"""


async def put(connection: Raw, new: NewReplay) -> Replay | None:
    """Writes one down, in the caller's transaction; None where the workspace has as many open as it may."""
    await connection.execute(TAKE_TURNS, new.workspace_id)
    row = await PUT.fetchrow(connection, new)
    return None if row is None else _replay(row)


async def hold(connection: Raw, key: UUID, fence: int) -> Replay | None:
    """Locks its row, which nobody moves until the transaction ends; None where it is another claim's by now."""
    row = await connection.fetchrow(HOLD, key, fence)
    return None if row is None else _replay(row)


async def move(connection: Raw, moved: MovedReplay) -> None:
    """Writes down how far it is."""
    await MOVE.execute(connection, moved)


async def order(connection: Raw, ordered: Ordered) -> tuple[Replay, int] | None:
    """Changes its state: the replay and its fence; None where its state is another one, or there is none."""
    row = await ORDER.fetchrow(connection, ordered)
    return None if row is None else (_replay(row), row["fence"])


async def read(connection: Raw, key: UUID, workspace_id: str | None) -> Replay | None:
    """The replay, if it is the workspace's (None: anybody's)."""
    row = await connection.fetchrow(READ, key, workspace_id)
    return None if row is None else _replay(row)


async def listed(connection: Raw, query: ReplayQuery) -> Sequence[Replay]:
    """The newest first."""
    return [_replay(row) for row in await LISTED.fetch(connection, query)]


async def count(connection: Raw, workspace_id: str | None, state: ReplayState | None, *, at_most: int) -> int:
    """How many there are, counted up to a bound."""
    return int(await connection.fetchval(COUNTED, workspace_id, state, at_most))


async def prune(connection: Raw, before: datetime, chunk: int) -> int:
    """Forgets those that ended before then; answers how many."""
    done: str = await connection.execute(PRUNE, before, chunk)
    return int(done.rpartition(" ")[2])


def _replay(row: Row) -> Replay:
    return Replay(
        id=row["id"],
        workspace_id=row["workspace_id"],
        created_by=row["created_by"],
        state=ReplayState(row["state"]),
        missing=row["missing"],
        wanted=msgspec.json.decode(row["wanted"], type=DeliveryFilter),
        per_second=row["per_second"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        ended_at=row["ended_at"],
        cursor=None if row["cursor"] is None else DeliveryId.parse(row["cursor"]),
        found_all=row["found_all"],
        full=row["full_up"],
        next_at=row["next_at"],
        progress=msgspec.json.decode(row["progress"], type=ReplayProgress),
    )
