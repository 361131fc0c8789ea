"""How beat says that it lives, and tells where its machine's clock differs: it needs no time of the database's otherwise.

What a worker says of itself is left to `main.py`, what an API process does to `service/health/readiness.py`.
"""

import asyncio
import logging

from delivery.upkeep.sweeping import Upkeep
from subscriptions.ground.errors import Unavailable
from workers.loop import Loop

log = logging.getLogger("hooklake.workers")

#: Seconds between two words.
INTERVAL = 2.0


class Presence:
    """One word every few seconds, on a thread and a connection of its own: the schedule waits for neither."""

    def __init__(self, upkeep: Upkeep, name: str) -> None:
        self._upkeep = upkeep
        self._name = name
        self._loop = Loop()

    def start(self) -> None:
        """Begins; it ends with its process."""
        self._loop.hand_over(self._run())

    async def _run(self) -> None:
        while True:
            try:
                await self._upkeep.present(self._name, "beat")
            except Unavailable:
                pass  # its door has told it
            except Exception as error:
                log.error("presence.failed", exc_info=error)
            await asyncio.sleep(INTERVAL)
