"""The clock that every process goes by: the database's, told by what it answers and by how fast this process's own time passes.

When the database is asked is left to those who hold a connection to it (`database.py`).
"""

import logging
import math
import time
from collections.abc import Callable
from datetime import UTC, datetime

from subscriptions.ground.errors import Unavailable

log = logging.getLogger("hooklake.clock")

#: Seconds from which the clock takes the best answer, and as many before them.
SPAN = 10.0
#: Seconds by which a machine's clock may differ before it is told.
DIFFERENCE = 1.0


class DatabaseClock:
    """`now` of the database, told by this process's monotonic clock plus an offset that every answer refreshes.

    One clock for all processes (protocol.md 1.7): leases and due times compare across machines, and what a machine's own
    wall clock shows changes nothing. A clock that no answer has set yet raises Unavailable, for it would be that wall clock.

    An answer that reaches its process late tells a time that has passed: of those of the last seconds the least late counts.
    Otherwise a process that stood still for a moment would lag behind the others, and its leases would be over too soon.

    `slept` says that the process's wall clock and monotonic clock have parted by over a second since the last look, as on a
    laptop that slept. That the wall clock differs from the database's is told once, and once that it does no more.
    """

    def __init__(self, wall: Callable[[], float] = time.time, steady: Callable[[], float] = time.monotonic) -> None:
        self._wall = wall
        self._steady = steady
        self._base = math.nan
        self._parted = wall() - steady()
        # The best of the present span, and of the one before it; none before the first answer.
        self._best = self._former = -math.inf
        self._since = -math.inf
        # The most that the offset can be, of the same spans: by answers to questions whose moment is known.
        self._most = self._former_most = math.inf
        #: Seconds that this machine's wall clock is ahead of the database's at least; negative: behind. 0 within a second.
        self.ahead = 0.0
        self._told_ahead = 0.0

    def __call__(self) -> datetime:
        if math.isnan(self._base):
            raise Unavailable("PostgreSQL", "it has not told its time yet")
        return datetime.fromtimestamp(self._base + self._steady(), UTC)

    @property
    def known(self) -> bool:
        """Whether the database has told its time."""
        return not math.isnan(self._base)

    def asking(self) -> float:
        """The moment before a question, for `follow`."""
        return self._steady()

    def follow(self, database_now: datetime, asked: float | None = None) -> None:
        """Takes the database's time, as an answer has just brought it.

        With `asked` it is known how late the answer can be, so that a clock that was set is told from an answer that was late:
        one that was set back is followed at once, else within 20 s.
        """
        steady = self._steady()
        least = database_now.timestamp() - steady
        if asked is not None:
            self._compare(least, steady - asked)
        if steady - self._since > SPAN:
            self._former, self._best, self._since = self._best, -math.inf, steady
            self._former_most, self._most = self._most, math.inf
        self._best = max(self._best, least)
        self._base = max(self._former, self._best)
        self._parted = self._wall() - steady

    def slept(self) -> bool:
        """Whether to ask the database for its time before the next claim."""
        return abs((self._wall() - self._steady()) - self._parted) > 1.0

    def _compare(self, least: float, late: float) -> None:
        """The offset is `least`, and at most `late` more."""
        most = least + late
        set_by = _beyond(least - min(self._most, self._former_most), most - self._base) if self.known else 0.0
        if set_by:
            self._best = self._former = -math.inf
            self._most = self._former_most = math.inf
            if not self.slept():
                log.warning(
                    "database.clock_set by=%+.1f s: due times and leases are that much earlier or later", set_by
                )
        self._most = min(self._most, most)
        wall = self._wall() - self._steady()
        ahead = _beyond(wall - most, wall - least)
        if ahead or late < DIFFERENCE:
            self._tell(ahead)

    def _tell(self, ahead: float) -> None:
        self.ahead = ahead
        if ahead and abs(ahead - self._told_ahead) > max(DIFFERENCE, abs(self._told_ahead) / 2):
            self._told_ahead = ahead
            log.warning("clock.differs ahead=%+.1f s of the database's, which is the one that counts", ahead)
        elif self._told_ahead and not ahead:
            self._told_ahead = 0.0
            log.info("clock.agrees")


def _beyond(least: float, most: float) -> float:
    """The least difference, where it is certain that there is one: what lies between the bounds is more than a second."""
    if least > DIFFERENCE:
        return least
    return most if most < -DIFFERENCE else 0.0
