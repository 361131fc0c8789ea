"""The door to replays: what is meant is counted, a replay is asked for, looked at, paused, let go on, and cancelled.

Workers carry it out (`replaying.py`); how it is spelled on the wire is left to the entrance. The rules are protocol.md 11.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import msgspec

from delivery import delivery_filter
from delivery.delivery_filter import DeliveryFilter, DeliveryId
from delivery.ledger.replays import finding, never_owed, replay_rows
from delivery.ledger.replays.finding import STATES, Sought
from delivery.ledger.replays.replay_rows import (
    NewReplay,
    Ordered,
    Replay,
    ReplayProgress,
    ReplayQuery,
    ReplayState,
    SkipReason,
)
from delivery.read_budget import ReadBudget
from delivery.settings import DeliverySettings
from delivery.tickets import Job, JobKind, Nudge
from subscriptions.access.clients import WORKSPACE
from subscriptions.ground import audit, event_keys
from subscriptions.ground.audit import AuditChange
from subscriptions.ground.database import Clock, Database, Raw, still_asked
from subscriptions.ground.errors import Absent, Conflicting, Issue, LimitReached, Refused

__all__ = [
    "COUNTED",
    "PER_SECOND",
    "STATES",
    "DryRun",
    "Replay",
    "ReplayProgress",
    "ReplayQuery",
    "ReplayRequest",
    "ReplayState",
    "Replays",
    "SkipReason",
]

#: The rate where none is asked for.
PER_SECOND = 50.0
#: A dry run counts so many at most, and reads so many rows and for so many seconds, in pages of so many rows.
COUNTED, READ, SECONDS, PAGES = 10_000, 100_000, 0.1, (1000, finding.READ)
#: Replays that a list counts at most.
LISTED = 10_000

#: From which states an order may come; asked again it changes nothing.
ORDERS = {
    ReplayState.PAUSED: (ReplayState.RUNNING, ReplayState.PAUSED),
    ReplayState.RUNNING: (ReplayState.PAUSED, ReplayState.RUNNING),
    ReplayState.CANCELLED: (ReplayState.RUNNING, ReplayState.PAUSED, ReplayState.CANCELLED),
}
#: What is ordered, in words.
DONE = {ReplayState.PAUSED: "paused", ReplayState.RUNNING: "resumed", ReplayState.CANCELLED: "cancelled"}


@dataclass(frozen=True, kw_only=True)
class ReplayRequest:
    """What is to be sent again."""

    workspace_id: str
    wanted: DeliveryFilter
    #: What webhooks are subscribed to now and were never owed, in place of what they were.
    missing: bool = False
    per_second: float | None = None


@dataclass(frozen=True, kw_only=True)
class DryRun:
    """What a dry run found."""

    count: int
    #: There may be more: it left off before the end.
    more: bool
    #: Rows that were read, of all workspaces; None where that is not the reader's to know.
    read: int | None
    #: Where to count on from; None at the end, and where more was found at once than is counted.
    next: DeliveryId | None
    #: It has seen everything that was accepted before then; None where that is not the reader's to know.
    seen_until: datetime | None


class Replays:
    """Many deliveries at a time, as one tracked job each."""

    def __init__(
        self, database: Database, clock: Clock, settings: DeliverySettings, announce: Callable[[Sequence[Nudge]], None]
    ) -> None:
        self._database = database
        self._clock = clock
        self._settings = settings
        self._announce = announce

    @property
    def fastest(self) -> int:
        """The highest rate that may be asked for, in deliveries a second."""
        return self._settings.replay_rate

    async def count(self, asked: ReplayRequest, after: DeliveryId | None = None, *, rows: int = READ) -> DryRun:
        """What it would find now, counted up to a bound and in so many rows at most, from where a count before left off; nothing
        is written. Raises Refused, Absent."""
        self._vet(asked)
        sought = Sought(
            workspace_id=asked.workspace_id,
            wanted=asked.wanted,
            before=self._clock(),
            kept=self._settings.keep_undelivered,
        )
        budget, steps = ReadBudget(rows, SECONDS, steps=PAGES), self._settings.filter_steps
        count, cursor = 0, after
        async with self._database.raw() as connection:
            await self._known(connection, asked)
            while step := budget.step():
                still_asked()
                page = await (
                    never_owed.page(connection, sought, cursor, steps=steps, read=step)
                    if asked.missing
                    else finding.page(connection, sought, cursor, read=min(step, COUNTED - count))
                )
                count, cursor = count + len(page.pairs), page.cursor
                budget.took(page.read)
                if cursor is None or count >= COUNTED:
                    break
        seen = sought.before if cursor is None else _time_of(cursor)
        # Of events that were never owed a page may come to more than is counted, and what is beyond would be counted by nobody.
        return DryRun(
            count=min(count, COUNTED),
            more=cursor is not None or count > COUNTED,
            read=budget.read,
            next=cursor if count <= COUNTED else None,
            seen_until=seen,
        )

    async def ask(self, asked: ReplayRequest, *, by: str) -> Replay:
        """Writes it down, for workers to carry out. Raises Refused, Absent, LimitReached where too many are open."""
        self._vet(asked)
        now = self._clock()
        new = NewReplay(
            id=event_keys.new(now),
            workspace_id=asked.workspace_id,
            created_by=by,
            missing=asked.missing,
            wanted=msgspec.json.encode(asked.wanted).decode(),
            per_second=self.rate(asked),
            now=now,
            most=self._settings.replays_per_workspace,
        )
        async with self._database.raw() as connection:
            await self._known(connection, asked)
            async with connection.transaction():
                made = await replay_rows.put(connection, new)
                if made is not None:
                    await audit.note(connection, _entry("replay.started", made, before=None))
        if made is None:
            said = (
                f"{new.most} replays of the workspace are open, which is as many as may be "
                "(HOOKLAKE_REPLAYS_PER_WORKSPACE): wait until one has finished, or cancel one"
            )
            raise LimitReached(Issue(subject="workspaceId", description=said))
        self._announce([Job(kind=JobKind.REPLAY, key=made.id, fence=0)])
        return made

    async def read(self, workspace_id: str | None, key: UUID) -> Replay:
        """One of the workspace's (None: anybody's); raises Absent."""
        async with self._database.raw() as connection:
            found = await replay_rows.read(connection, key, workspace_id)
        if found is None:
            raise Absent("Replay", str(key))
        return found

    async def listed(self, query: ReplayQuery) -> tuple[Sequence[Replay], int]:
        """The newest first, and how many there are on all pages, counted up to `LISTED`."""
        async with self._database.raw() as connection:
            found = await replay_rows.listed(connection, query)
            return found, await replay_rows.count(connection, query.workspace_id, query.state, at_most=LISTED)

    async def order(self, workspace_id: str | None, key: UUID, state: ReplayState) -> Replay:
        """Pauses it, lets it go on (RUNNING) or cancels it: when this returns no more is opened, or more is.

        Asked twice it is done once. Raises Absent, Conflicting where it is over.
        """
        sources = list(ORDERS[state])
        ordered = Ordered(id=key, workspace_id=workspace_id, state=state, now=self._clock(), sources=sources)
        async with self._database.raw() as connection, connection.transaction():
            before = await replay_rows.read(connection, key, workspace_id)
            found = await replay_rows.order(connection, ordered)
            if found is not None:
                await audit.note(connection, _entry(f"replay.{DONE[state]}", found[0], before=before))
        if found is None:
            there = await self.read(workspace_id, key)
            said = f"is {there.state}: it cannot be {DONE[state]} any more"
            raise Conflicting(Issue(subject="state", description=said))
        made, fence = found
        self._announce([Job(kind=JobKind.REPLAY, key=made.id, fence=fence)])
        return made

    def rate(self, asked: ReplayRequest) -> float:
        """The deliveries a second that it would have."""
        return min(PER_SECOND, self.fastest) if asked.per_second is None else asked.per_second

    def _vet(self, asked: ReplayRequest) -> None:
        """Raises Refused."""
        delivery_filter.vet(asked.wanted)
        issues, wanted = [], asked.wanted
        if not WORKSPACE.match(asked.workspace_id):
            issues.append(Issue(subject="workspaceId", description="must be 32 lower-case hexadecimal digits"))
        if not 0 < self.rate(asked) <= self.fastest:
            said = f"must be more than 0 and at most {self.fastest} (HOOKLAKE_REPLAY_RATE)"
            issues.append(Issue(subject="ratePerSecond", description=said))
        if any(state not in STATES for state in wanted.states):
            said = f"may be {', '.join(STATES)}: others wait for their webhook or batch, which sends them"
            issues.append(Issue(subject="filter.states", description=said))
        narrows = (wanted.states, wanted.status_classes, wanted.ended_since, wanted.reason, wanted.ids)
        if asked.missing and any(narrows):
            said = "has only types, since and until beside missing: what was never owed has no state and no attempts"
            issues.append(Issue(subject="filter", description=said))
        if issues:
            raise Refused(*issues)

    async def _known(self, connection: Raw, asked: ReplayRequest) -> None:
        """Raises Absent where a named webhook is none of the workspace's."""
        missing = await finding.unknown(connection, asked.workspace_id, asked.wanted.webhooks)
        if missing:
            raise Absent("Webhook", str(missing[0]))


def _entry(action: str, replay: Replay, *, before: Replay | None) -> AuditChange:
    chosen: dict[str, object] = {
        "filter": msgspec.to_builtins(replay.wanted),
        "missing": replay.missing,
        "ratePerSecond": replay.per_second,
    }
    return AuditChange(
        action=action,
        subject=str(replay.id),
        name=str(replay.id),
        workspace_id=replay.workspace_id,
        before={} if before is None else {"state": before.state},
        after={"state": replay.state, **(chosen if before is None else {})},
    )


def _time_of(cursor: DeliveryId) -> datetime:
    return event_keys.time_of(cursor.event)
