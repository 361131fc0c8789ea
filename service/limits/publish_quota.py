"""The publish quota: how many events of a minute each workspace may publish, over all processes and machines.

The rows it is shared out by are left to `subscriptions/access/publish_quota.py`, the answer to one event too many to
`problems.py`.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import ceil

from service.limits.request_quota import QuotaState, TooMany
from subscriptions.access import publish_quota
from subscriptions.access.publish_quota import QuotaShare
from subscriptions.ground.database import Clock, Database
from subscriptions.ground.errors import Unavailable

log = logging.getLogger("hooklake.service")

#: A process draws a fiftieth of the minute at once: what it holds unused, or takes to its grave, is 2 % at most.
PORTIONS = 50
#: Between two looks at what was drawn and is not used, and between two questions whether others gave something back.
SECOND = timedelta(seconds=1)
MINUTE = 60
#: Minutes after which the row of a workspace that publishes nothing goes.
KEPT = 60


@dataclass(kw_only=True, slots=True)
class _Share:
    """What this process has of a workspace's minute."""

    minute: int
    #: Drawn and not used.
    left: int = 0
    #: What the row had for all at the last draw.
    remaining: int = 0
    #: When the row last had less than was asked of it.
    short_at: datetime | None = None
    #: Whether any of it was used since the last look.
    used: bool = True


class PublishQuota:
    """Counts the events of each workspace's minute, which is the same one everywhere.

    A process draws portions from one row per workspace, when a publication needs one and at most 50 or so a minute; what it
    has not touched for a second it gives back. So no more than the limit is ever taken, and no statement belongs to a request.
    """

    def __init__(self, database: Database, clock: Clock, *, per_minute: int) -> None:
        self._database = database
        self._clock = clock
        self._limit = per_minute
        self._quota_share = ceil(per_minute / PORTIONS)
        self._shares: dict[str, _Share] = {}
        self._wanted: Counter[str] = Counter()
        self._drawing: asyncio.Task[None] | None = None
        #: Whether its statement is on the way, so that nobody can join it any more.
        self._asking = False
        self._verdicts: asyncio.Task[None] | None = None
        #: None: not yet, for a database may not be migrated when the first second is over.
        self._forgot: int | None = None

    def __len__(self) -> int:
        """How many workspaces are in memory: those that have published within the minute."""
        return len(self._shares)

    def start(self) -> None:
        """Begins to give back what is not used."""
        self._verdicts = asyncio.create_task(self._settle())

    async def close(self) -> None:
        """Gives back all that is left."""
        if self._verdicts is not None:
            self._verdicts.cancel()
            with suppress(asyncio.CancelledError):
                await self._verdicts
        if self._drawing is not None:
            # Whoever waited for it may have hung up; its error, if it has one, was theirs.
            await asyncio.gather(self._drawing, return_exceptions=True)
        for share in self._shares.values():
            share.used = False
        with suppress(Unavailable):
            await self.settle()

    def vet(self, workspace: str, now: datetime) -> None:
        """Raises TooMany where the workspace's minute is known to be spent: before anything is read of what it sends."""
        known = self._shares.get(workspace)
        if known is None or known.left or known.short_at is None or known.minute != int(now.timestamp()) // MINUTE:
            return
        if not self._may_ask(workspace):
            raise self._spent(workspace)

    async def take(self, wanted: Mapping[str, int], now: datetime) -> QuotaState | None:
        """Counts so many events of each workspace, all of them or none; what the one with the least has left then, where that is
        half or less: until then it is nobody's concern, and six headers are dear beside one event. `now` is when they came.

        Raises TooMany where one of them has too few left of its minute, Unavailable where the row is needed and away.
        """
        if len(wanted) == 1:
            # As nearly all are: enough is held, and nothing has to be asked.
            [(workspace, events)] = wanted.items()
            known = self._shares.get(workspace)
            if known is not None and known.left >= events and known.minute >= int(now.timestamp()) // MINUTE:
                known.left -= events
                known.used = True
                ample = known.left + known.remaining > self._limit // 2
                return None if ample else self._standing(workspace, within=True)
        while short := [workspace for workspace, events in wanted.items() if self._share(workspace).left < events]:
            for workspace in short:
                if not self._may_ask(workspace):
                    raise self._spent(workspace)
            await self._draw({workspace: wanted[workspace] for workspace in short})
        for workspace, events in wanted.items():
            share = self._shares[workspace]
            share.left -= events
            share.used = True
        least = min((self._standing(each, within=True) for each in wanted), key=lambda standing: standing.remaining)
        return None if least.remaining > self._limit // 2 else least

    async def settle(self) -> None:
        """Gives back what lay unused since the last time, and forgets the minutes that are over; due each second."""
        minute = self._minute()
        self._shares = {workspace: share for workspace, share in self._shares.items() if share.minute >= minute}
        unused = []
        for workspace, share in self._shares.items():
            if share.left and not share.used:
                unused.append(QuotaShare(workspace_id=workspace, minute=share.minute, events=share.left))
                # Before it is known to be given back: to lose a portion is better than to use it twice.
                share.left = 0
            share.used = False
        if unused:
            async with self._database.raw() as connection:
                await publish_quota.give_back(connection, unused)
        if self._forgot is None:
            self._forgot = minute
        if minute - self._forgot >= KEPT:
            async with self._database.raw() as connection:
                await publish_quota.forget(connection, minute - KEPT)
            self._forgot = minute

    def _spent(self, workspace: str) -> TooMany:
        standing = self._standing(workspace, within=False)
        said = f"All {self._limit} events of this workspace's minute are used up, or fewer are left than were sent"
        return TooMany(f"{said}: try again in {standing.seconds} s", standing)

    def _minute(self) -> int:
        return int(self._clock().timestamp()) // MINUTE

    def _share(self, workspace: str) -> _Share:
        minute, share = self._minute(), self._shares.get(workspace)
        if share is None or share.minute < minute:
            share = self._shares[workspace] = _Share(minute=minute)
        return share

    def _may_ask(self, workspace: str) -> bool:
        """Whether the row may have some: it had at the last look, or others may have given back since."""
        share = self._shares[workspace]
        return share.short_at is None or self._clock() - share.short_at >= SECOND

    async def _draw(self, wanted: Mapping[str, int]) -> None:
        """Waits for a draw: all who wait at a moment share one, whoever comes later waits for its end and looks again."""
        if self._drawing is not None and not self._drawing.done() and self._asking:
            with suppress(Unavailable):
                await asyncio.shield(self._drawing)
            return
        self._wanted.update(wanted)
        if self._drawing is None or self._drawing.done():
            self._asking = False
            self._drawing = asyncio.create_task(self._draw_wanted())
        await asyncio.shield(self._drawing)

    async def _draw_wanted(self) -> None:
        # One turn of the loop lets those that arrived together draw together.
        await asyncio.sleep(0)
        wanted, self._wanted, self._asking = self._wanted, Counter(), True
        asked = {workspace: self._asked(workspace, events) for workspace, events in wanted.items()}
        drafts = [
            QuotaShare(workspace_id=each, minute=self._share(each).minute, events=events)
            for each, events in sorted(asked.items())
        ]
        async with self._database.raw() as connection:
            drawn = await publish_quota.draw(connection, drafts, limit=self._limit)
        now = self._clock()
        for each in drawn:
            workspace, minute = each.quota_share.workspace_id, each.quota_share.minute
            share = self._shares.get(workspace)
            if share is None or share.minute < minute:
                share = self._shares[workspace] = _Share(minute=minute)
            if share.minute == minute:
                share.left += each.quota_share.events
                share.remaining = each.remaining
                share.short_at = now if each.quota_share.events < asked[workspace] else None

    def _asked(self, workspace: str, events: int) -> int:
        return min(self._limit, max(events - self._share(workspace).left, self._quota_share))

    def _standing(self, workspace: str, *, within: bool) -> QuotaState:
        share = self._shares[workspace]
        ends = datetime.fromtimestamp((share.minute + 1) * MINUTE, UTC)
        return QuotaState(
            limit=self._limit,
            remaining=share.left + share.remaining,
            resets_at=ends,
            seconds=max(1, ceil((ends - self._clock()).total_seconds())),
            within=within,
        )

    async def _settle(self) -> None:
        while True:
            await asyncio.sleep(SECOND.total_seconds())
            try:
                await self.settle()
            except Unavailable:
                pass  # what was to be given back is lost to this minute
            except Exception as error:
                log.error("allowance.failed", exc_info=error)
