"""How beat keeps in step with the database: it needs no time of it, but tells where its machine's clock differs.

What a worker says of itself is left to `main.py`, what an API process does to `service/pulse.py`.
"""

import asyncio
import logging

from subscriptions import schema
from subscriptions.clock import DatabaseClock
from subscriptions.database import Database
from subscriptions.errors import Unavailable
from workers.resources import Loop

log = logging.getLogger("hooklake.workers")

#: Seconds between two looks.
INTERVAL = 2.0


class Presence:
    """One question every few seconds, on a thread and a connection of its own: the schedule waits for neither."""

    def __init__(self, database: Database, clock: DatabaseClock) -> None:
        self._database = database
        self._clock = clock
        self._loop = Loop()

    def start(self) -> None:
        """Begins; it ends with its process."""
        self._loop.hand_over(self._run())

    async def _run(self) -> None:
        while True:
            try:
                asked = self._clock.asking()
                look = await schema.look(self._database)
                self._clock.follow(look.now, asked)
            except Unavailable:
                pass  # its door has told it
            except Exception as error:
                log.error("presence.failed", exc_info=error)
            await asyncio.sleep(INTERVAL)
