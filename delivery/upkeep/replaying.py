"""Carries replays: turn by turn what was opened is settled, more is found, and more is opened, each turn in one transaction.

A turn writes what it did and how far it came together, so that a crash neither repeats nor skips (protocol.md 11.1). Who asks
for a replay is left to `replays.py`.
"""

import logging
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from delivery.ledger.jobs import job_rows
from delivery.ledger.jobs.job_rows import ClaimedJob
from delivery.ledger.owing import deliveries, parking
from delivery.ledger.replays import finding, item_rows, never_owed, opening, replay_rows, settling, turns
from delivery.ledger.replays.finding import FoundPage, Sought
from delivery.ledger.replays.item_rows import WaitingWebhook
from delivery.ledger.replays.opening import ChosenItems, OpenedTurn
from delivery.ledger.replays.replay_rows import MovedReplay, Replay, ReplayProgress, ReplayState, SkipReason
from delivery.ledger.replays.settling import SettledItems
from delivery.settings import DeliverySettings
from delivery.tickets import Nudge
from subscriptions.ground.database import Clock, Database, Raw, repeating
from subscriptions.ground.statements import Row

log = logging.getLogger("hooklake.delivery")

#: Seconds of a turn's lease, after which another process takes over.
LEASE = 15.0
#: Webhooks that a turn chooses among, and waiting rows that one statement lets go of.
HOOKS, CHUNK = 1000, 1000
#: Turns in a row, after which others' jobs have theirs.
TURNS = 20
#: Seconds after its acceptance at which what an event was owed is there, or never will be: no publication commits later.
COMMITTED = 10.0
#: Seconds until a replay is looked at again that has nothing more to open, or may not.
SETTLING = 5.0


class _Moved:
    """Of each webhook how many were tried of late: turns that follow each other at once see what the first of them saw."""

    def __init__(self) -> None:
        self.of: Counter[UUID] = Counter()
        self._since: datetime | None = None

    def add(self, moved: Counter[UUID], now: datetime) -> None:
        if self._since is None or (now - self._since).total_seconds() >= turns.EVERY:
            self.of, self._since = Counter(), now
        self.of.update(moved)


@dataclass(kw_only=True)
class _Turn:
    """What a turn has come to, before it is written."""

    settled: SettledItems
    found: FoundPage | None = None
    #: Of what was found, what had not been found before.
    new: int = 0
    #: Nothing is left to be searched.
    searched: bool = False
    #: As many are found as a replay may have, and there are more.
    full: bool = False
    opened: OpenedTurn = field(default_factory=OpenedTurn)
    cancelled: int = 0
    next_at: datetime
    #: Whether more of the same can be done at once.
    more: bool = False


class Replaying:
    """Moves replays on."""

    def __init__(
        self, database: Database, clock: Clock, settings: DeliverySettings, announce: Callable[[Sequence[Nudge]], None]
    ) -> None:
        self._database = database
        self._clock = clock
        self._settings = settings
        self._announce = announce

    async def carry(self, carried: ClaimedJob) -> None:
        """Turn after turn while there is more to do at once; raises Unavailable, and the lease brings it back."""
        moved = _Moved()
        for turn in range(TURNS):
            if not await self._turn(carried, moved, last=turn == TURNS - 1):
                return

    @repeating
    async def _turn(self, carried: ClaimedJob, moved: _Moved, *, last: bool) -> bool:
        now = self._clock()
        async with self._database.raw() as connection:
            async with connection.transaction():
                held = await replay_rows.hold(connection, carried.key, carried.fence)
                if held is None:
                    return False
                turn = await self._make(connection, held, moved, now)
                more = await self._write(connection, carried, held, turn)
                if last and more:
                    await job_rows.let_go(connection, carried)
            nudges: list[Nudge] = [*turn.opened.nudges]
            nudges += await parking.look_again(connection, turn.opened.parked, now=now)
        if nudges:
            self._announce(nudges)
        return more

    async def _make(self, connection: Raw, held: Replay, moved: _Moved, now: datetime) -> _Turn:
        turn = _Turn(settled=await settling.settle(connection, held.id, now=now), next_at=held.next_at)
        moved.add(turn.settled.moved, now)
        turn.settled.moved = moved.of
        if held.state is ReplayState.CANCELLED:
            turn.cancelled = await item_rows.take_waiting(connection, held.id, None, most=CHUNK)
            turn.more = turn.cancelled == CHUNK
        if held.state is ReplayState.RUNNING:
            if not held.found_all:
                await self._find(connection, held, turn, now)
            await self._open(connection, held, turn, now)
        return turn

    async def _find(self, connection: Raw, held: Replay, turn: _Turn, now: datetime) -> None:
        """The next page, as much of it as the replay may still have."""
        sought, steps = sought_of(held, self._settings, now), self._settings.filter_steps
        if held.missing:
            sought = await never_owed.settled(connection, sought)
        page = await (
            never_owed.page(connection, sought, held.cursor, steps=steps)
            if held.missing
            else finding.page(connection, sought, held.cursor)
        )
        room = self._settings.replay_rows - held.progress.found
        if len(page.pairs) > room:
            page, turn.full = replace(page, pairs=page.pairs[:room], cursor=None), True
        turn.found, turn.new = page, await item_rows.add(connection, held.id, page.pairs)
        turn.more = page.cursor is not None
        turn.searched = not turn.more and (turn.full or sought.before >= held.created_at)

    async def _open(self, connection: Raw, held: Replay, turn: _Turn, now: datetime) -> None:
        due_times = turns.due_times(held.per_second, held.next_at, now)
        if not due_times:
            return
        hooks = await item_rows.waiting_webhooks(connection, held.id, most=HOOKS)
        hooks = [hook for hook in hooks if not await self._given_up(connection, held, turn, (hook, now))]
        quotas = turns.quotas(hooks, turn.settled.moved, len(due_times), shuffled)
        if not quotas:
            return
        items = await item_rows.next_items(connection, held.id, quotas)
        chosen = ChosenItems(
            items=items,
            due_times=due_times,
            hooks={hook.webhook: hook for hook in hooks},
            times=deliveries.times(now, self._settings),
        )
        skipped = turn.opened.skipped
        turn.opened = await opening.open_items(connection, held, chosen)
        # What was skipped took nobody's time: others may have its.
        turn.more |= turn.opened.skipped.total() > 0
        turn.opened.skipped.update(skipped)
        turn.next_at = turns.following(due_times, turn.opened.opened, held.per_second, held.next_at)

    async def _given_up(
        self, connection: Raw, held: Replay, turn: _Turn, hook_now: tuple[WaitingWebhook, datetime]
    ) -> bool:
        """Of a webhook that is deleted, or may not be sent to for too long, nothing more is opened."""
        hook, now = hook_now
        late = now - held.created_at > timedelta(seconds=self._settings.keep_undelivered)
        if not hook.deleted and not (late and hook.status not in turns.SENDABLE):
            return False
        gone = await item_rows.take_waiting(connection, held.id, hook.webhook, most=CHUNK)
        turn.opened.skipped[SkipReason.DELETED if hook.deleted else SkipReason.HALTED] += gone
        turn.more |= gone == CHUNK
        return True

    async def _write(self, connection: Raw, carried: ClaimedJob, held: Replay, turn: _Turn) -> bool:
        """Leaves the row as far as this turn came; answers whether there is more to do at once."""
        now = self._clock()
        left = await item_rows.left(connection, held.id)
        found_all = held.found_all or turn.searched
        over = held.state is ReplayState.RUNNING and found_all and not left["waiting"] and not left["underway"]
        state = ReplayState.FINISHED if over else held.state
        due_at = now + timedelta(seconds=turns.EVERY) if state is ReplayState.RUNNING and not found_all else None
        due_at = min(filter(None, (due_at, _due(state, turn, left, now))), default=None)
        more = due_at is not None and due_at <= now
        cursor = held.cursor if turn.found is None or turn.found.cursor is None else turn.found.cursor
        moved = MovedReplay(
            id=held.id,
            fence=carried.fence,
            state=state,
            now=now,
            ended_at=now if over else held.ended_at,
            cursor=None if cursor is None else str(cursor),
            found_all=found_all,
            full_up=held.full or turn.full,
            next_at=turn.next_at,
            progress=msgspec.json.encode(progress(held.progress, turn)).decode(),
            due_at=due_at,
            leased_until=now + timedelta(seconds=LEASE) if more else None,
        )
        await replay_rows.move(connection, moved)
        if over:
            log.info("replay.finished replay=%s workspace=%s progress=%s", held.id, held.workspace_id, moved.progress)
        return more


def _due(state: ReplayState, turn: _Turn, left: Row, now: datetime) -> datetime | None:
    """When there is something to do: at once, when the next is due, when what was opened may have ended, or never."""
    if state is ReplayState.FINISHED:
        return None
    if turn.more:
        return now
    moves = left["open"] or (left["waiting"] and (turn.opened.opened or turn.next_at > now))
    if state is ReplayState.RUNNING and moves:
        return max(now + timedelta(seconds=turns.EVERY), turn.next_at - timedelta(seconds=turns.AHEAD))
    waits = left["waiting"] and state is not ReplayState.PAUSED
    return now + timedelta(seconds=SETTLING) if left["underway"] or waits else None


def sought_of(held: Replay, settings: DeliverySettings, now: datetime) -> Sought:
    """Everything up to the moment at which it was asked for: it never finds what it has opened itself.

    What was never owed is sought among what is so old that it would be: a publication may be about to commit.
    """
    committed = now - timedelta(seconds=COMMITTED) if held.missing else held.created_at
    return Sought(
        workspace_id=held.workspace_id,
        wanted=held.wanted,
        before=min(held.created_at, committed),
        kept=settings.keep_undelivered,
    )


def progress(before: ReplayProgress, turn: _Turn) -> ReplayProgress:
    """The counts with what a turn came to."""
    return ReplayProgress(
        found=before.found + turn.new,
        opened=before.opened + turn.opened.opened,
        delivered=before.delivered + turn.settled.delivered,
        failed=before.failed + turn.settled.failed,
        cancelled=before.cancelled + turn.cancelled,
        skipped=before.skipping(Counter(turn.opened.skipped)),
    )


def shuffled(many: int) -> Sequence[int]:
    """The numbers below, in an order of chance's."""
    return random.sample(range(many), many)
