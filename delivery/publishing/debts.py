"""What workspaces are owed, against their limit: counted beside publications, never for one of them.

A process counts a workspace's deliveries when it has written so many since its last count that they could have reached the
limit: at its first publication, then after a quarter of what was left, or a hundredth of the limit where that is more. So a
workspace far from its limit is hardly ever counted. What other processes wrote, and what was delivered, shows at the next
count: each process may exceed the limit by what it writes meanwhile, which is a hundredth of it and a second's worth.
"""

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from delivery.ledger.owing import debts
from subscriptions.ground.database import Database
from subscriptions.ground.errors import TooSoon, Unavailable

log = logging.getLogger("hooklake.delivery")

#: Workspaces that are known at once; of more, the one that published longest ago is counted anew.
KNOWN = 10_000
#: A count rests for so many times as long as it took, and so many seconds at least: it is a twentieth of one connection at most.
RESTS, LEAST_REST = 20.0, 1.0
#: Seconds after which a publisher is told to ask again.
AGAIN = 10.0


@dataclass(kw_only=True, slots=True)
class _Known:
    """A workspace as this process knows it."""

    #: Deliveries at the last count; None before the first.
    owed: int | None = None
    #: Written since then, here.
    written: int = 0
    #: By the monotonic clock.
    count_again_at: float = 0.0
    counting: "asyncio.Task[None] | None" = None


class Debts:
    """Refuses publications of workspaces that are owed `most` deliveries; `close` ends what is being counted."""

    def __init__(self, database: Database, *, most: int, steady: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._most = most
        self._steady = steady
        #: The one that published last stands last.
        self._known: OrderedDict[str, _Known] = OrderedDict()

    def admit(self, workspaces: Iterable[str]) -> None:
        """Raises TooSoon where one of them is owed as many as it may be."""
        for workspace in workspaces:
            known = self._known.get(workspace)
            if known is None or known.owed is None or known.owed < self._most:
                continue
            self._count(workspace, known)
            said = (
                f"the workspace is owed {self._most} deliveries that have not ended, and may not be owed more: they end as they"
                f" are delivered, given up or expire, or with their webhook; ask again in {AGAIN:.0f} s"
            )
            raise TooSoon(said, limit=self._most, seconds=AGAIN)

    def grew(self, written: Mapping[str, int]) -> None:
        """So many deliveries of each workspace were written by this process."""
        for workspace, deliveries in written.items():
            known = self._known.get(workspace)
            if known is None:
                known = self._known[workspace] = _Known()
                if len(self._known) > KNOWN:
                    self._known.popitem(last=False)
            else:
                self._known.move_to_end(workspace)
            known.written += deliveries
            if known.owed is None or known.written >= max((self._most - known.owed) // 4, self._most // 100):
                self._count(workspace, known)

    async def counted(self) -> None:
        """Returns when what is being counted is."""
        await asyncio.gather(*(each.counting for each in self._known.values() if each.counting is not None))

    async def close(self) -> None:
        """Counts nothing more."""
        tasks = [each.counting for each in self._known.values() if each.counting is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _count(self, workspace: str, known: _Known) -> None:
        """Begins to, unless the last count has just been."""
        if (known.counting is None or known.counting.done()) and self._steady() >= known.count_again_at:
            known.counting = asyncio.create_task(self._counted(workspace, known))

    async def _counted(self, workspace: str, known: _Known) -> None:
        began, known.written = self._steady(), 0
        try:
            with suppress(Unavailable):
                async with self._database.raw() as connection:
                    owed = await debts.count(connection, workspace, at_most=self._most)
                if (known.owed or 0) < self._most <= owed:
                    log.warning("workspace.full workspace=%s owed=%d limit=%d", workspace, owed, self._most)
                known.owed = owed
        except Exception as error:
            log.error("debts.failed workspace=%s", workspace, exc_info=error)
        ended = self._steady()
        known.count_again_at = ended + max(LEAST_REST, RESTS * (ended - began))
