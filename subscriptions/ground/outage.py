"""Whether something that a process stands on is away: told once when it begins and once when it is over.

Who notices, and what is done meanwhile, is left to those who hold the connections.
"""

import logging
import math
import threading
import time
from collections.abc import Callable

log = logging.getLogger("hooklake.outage")

#: Seconds after an outage in which another one is not told of, unless it lasts beyond them: the first, and the most. They
#: double while outages follow one another so closely.
QUIET, LONGEST_QUIET = 5.0, 320.0
#: Seconds after the beginning in which a success says nothing: it may have been under way by then.
UNDERWAY = 1.0


class Outage:
    """One dependency as one process sees it; every failure and every success is reported here, from any thread.

    A dependency that fails now and then, or for some and not for others, is told of less and less often, so that the log stays
    readable however many requests meet it, and for however long.
    """

    def __init__(self, name: str, *, steady: Callable[[], float] = time.monotonic) -> None:
        """`name` is the first word of the lines: `database`, `broker`."""
        self._name = name
        self._steady = steady
        self._lock = threading.Lock()
        self._away = False
        self._failures = 0
        self._since = self._over = -math.inf
        self._quiet = QUIET

    @property
    def away(self) -> bool:
        """It was told that it is away, and not that it is back."""
        return self._away

    def failed(self, cause: object) -> None:
        """It did not answer, or not in time."""
        with self._lock:
            self._failures += 1
            now = self._steady()
            if self._away or now < self._over + self._quiet:
                return
            self._quiet = min(2 * self._quiet, LONGEST_QUIET) if now < self._over + 2 * self._quiet else QUIET
            self._away, self._since, self._failures = True, now, 1
        log.warning("%s.away cause=%s", self._name, cause)

    def worked(self) -> None:
        """It answered."""
        if not self._away:
            return
        with self._lock:
            now = self._steady()
            if not self._away or now < self._since + UNDERWAY:
                return
            self._away, self._over = False, now
            lasted, failures = self._over - self._since, self._failures
        log.info("%s.back seconds=%.1f failures=%d", self._name, lasted, failures)
