"""The door for the clock's numbers: counts become minutes, hours and days, what waits is sampled, and old numbers leave.

Counting itself belongs to whoever records; reading, to `delivery/reports`. When this runs is left to `workers/schedule.py`.
"""

import logging
from collections.abc import Mapping
from datetime import timedelta

from delivery.ledger.counts import backlog_samples, rollups
from delivery.ledger.upkeep import sweeps
from delivery.settings import DeliverySettings
from subscriptions.ground.database import Clock, Database

log = logging.getLogger("hooklake.delivery")

#: Advisory lock: one process at a time folds, over all processes.
COUNT = 0x6C616B03
#: Rows of counts (of up to sixty attempts each) that one transaction folds, and rollups that one deletes.
FOLDED, CHUNK = 2000, 5000


class Counting:
    """Keeps the numbers; each call safe to make twice, and from several processes."""

    def __init__(self, database: Database, clock: Clock, settings: DeliverySettings) -> None:
        self._database = database
        self._clock = clock
        self._settings = settings

    async def count(self) -> None:
        """Folds all that was counted, and takes a sample of what waits; what another process is at is left to it."""
        while await self._fold():
            pass
        async with self._database.raw() as connection, sweeps.alone(connection, COUNT) as mine:
            if mine:
                now = self._clock()
                ticketed = now + timedelta(seconds=self._settings.first_due)
                await backlog_samples.take(connection, now=now, ticketed=ticketed)

    async def _fold(self) -> bool:
        """Whether there is more: of the minute that goes on there is always more."""
        async with self._database.raw() as connection, sweeps.alone(connection, COUNT) as mine:
            if not mine:
                return False
            folded = await rollups.fold(connection, at_most=FOLDED)
        over = folded.minute is not None and folded.minute + timedelta(minutes=1) <= self._clock()
        return over or folded.rows >= FOLDED

    async def forget(self) -> None:
        """Deletes rollups that are kept no longer."""
        for grain, kept in self._kept().items():
            while True:
                async with self._database.raw() as connection:
                    gone = await rollups.forget(connection, grain, now=self._clock(), kept=kept, at_most=CHUNK)
                if gone < CHUNK:
                    break

    def _kept(self) -> Mapping[int, float]:
        settings = self._settings
        return {
            rollups.MINUTE: settings.keep_minute_rollups,
            rollups.HOUR: settings.keep_hour_rollups,
            rollups.DAY: settings.keep_day_rollups,
        }
