"""Foreign tickets: those that name deliveries which this database does not have, so that somebody else's broker is found out.

Queues bear the id of the cluster and the database; a copy of its files has the same one, and a dump that was restored in its
place too. What an old or a repeated ticket claims (nothing) is left to `claiming.py`.
"""

import logging
import time
from collections.abc import Callable, Sequence

from delivery.tickets import Ticket
from subscriptions.ground.database import Raw

log = logging.getLogger("hooklake.delivery")

#: Seconds between two looks while none was found, and between two lines about some.
LOOK, QUIET = 1.0, 60.0

# Rows stay until their day is dropped, weeks after their last ticket.
ABSENT = """
SELECT count(*) FROM unnest($1::uuid[], $2::uuid[], $3::smallint[]) AS t (event, webhook, round)
WHERE NOT EXISTS (SELECT FROM deliveries d WHERE d.event = t.event AND d.webhook = t.webhook AND d.round = t.round)
"""


class Foreign:
    """Counts them: of tickets that claimed nothing, which drains cause as well, some a second are looked at, and all once any was
    foreign. The first is told at once, others with the first that comes a minute later."""

    def __init__(self, steady: Callable[[], float] = time.monotonic) -> None:
        self._steady = steady
        self._look_at = self._tell_at = 0.0
        self._untold = 0
        #: All of this process, so far as it looked.
        self.count = 0

    async def look(self, connection: Raw, unclaimed: Sequence[Ticket]) -> None:
        """Looks at tickets that claimed nothing. Raises nothing: what was claimed beside them would wait for its lease."""
        now = self._steady()
        if now < self._look_at:
            return
        self._look_at = now + LOOK
        try:
            keys = zip(*((ticket.event, ticket.webhook, ticket.round) for ticket in unclaimed), strict=True)
            absent = await connection.fetchval(ABSENT, *map(list, keys))
        except Exception as error:
            log.debug("tickets.not_looked_at cause=%r", error)
            return
        if absent:
            self._look_at = now
            self._add(absent, now)

    def _add(self, absent: int, now: float) -> None:
        self.count += absent
        self._untold += absent
        if now < self._tell_at:
            return
        self._tell_at, untold, self._untold = now + QUIET, self._untold, 0
        log.warning(
            "tickets.foreign dropped=%d in_all=%d: they name deliveries that this database does not have. Another stack, on a "
            "copy of its files or a dump of it, uses this broker: give each its own; after a restore, empty the broker",
            untold,
            self.count,
        )
