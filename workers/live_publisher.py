"""Tells who looks at the dashboard what this process does: a short text twice a second at most, and none while nobody looks.

A delivery pays for it with one look at `Recorder.noted`; what is lost on the way is seen when a page is loaded again.
"""

import asyncio
import logging
import time

from subscriptions.ground.errors import Unavailable
from workers.live_summaries import LiveSummary
from workers.live_ways import Mouth
from workers.recorder import Recorder

log = logging.getLogger("hooklake.workers")

#: Seconds between two texts, between two looks whether anybody listens, and of silence after a failure.
PAUSE, LOOK, AWAY = 0.5, 2.0, 5.0


class LivePublisher:
    """Has the recorder note what it writes while anybody looks; `run` is a task of the process."""

    def __init__(self, mouth: Mouth, recorder: Recorder) -> None:
        self._mouth = mouth
        self._recorder = recorder
        self._summary = LiveSummary()

    async def run(self) -> None:
        """Looks and tells, until it is cancelled."""
        looked = 0.0
        try:
            while True:
                try:
                    if time.monotonic() - looked >= LOOK:
                        self._watch(await self._mouth.watched())
                        looked = time.monotonic()
                    if self._summary:
                        await self._mouth.publish(self._summary.text())
                    await asyncio.sleep(PAUSE if self._recorder.noted else LOOK)
                except Unavailable as error:
                    log.debug("live.away cause=%s", error)
                    self._watch(False)
                    await asyncio.sleep(AWAY)
        finally:
            self._mouth.close()

    def _watch(self, watched: bool) -> None:
        if not watched:
            self._summary = LiveSummary()
        self._recorder.noted = self._summary.note if watched else None
