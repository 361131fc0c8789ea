"""Attempts under way: each begins with its slots, is recorded when it ends, or is given back untried.

Which deliveries are claimed for that is left to `engine.py`, what an attempt does to `delivery/attempts`.
"""

import asyncio
import logging
import time
from collections.abc import Callable

from delivery.attempts.endings import ClaimedDelivery
from delivery.attempts.rounds import Rounds
from delivery.tickets import Job
from subscriptions.ground.errors import Unavailable
from workers.recorder import Recorder
from workers.settings import WorkerSettings
from workers.slots import InFlightSlots
from workers.unproven_hosts import UnprovenHosts
from workers.webhook_slots import WebhookSlots

log = logging.getLogger("hooklake.workers")

#: Seconds that a closing engine waits for the outcomes it has to be written.
LAST_WRITE = 5.0


class AttemptsInFlight:
    """Makes attempts side by side, within slots that were taken for them."""

    def __init__(self, rounds: Rounds, settings: WorkerSettings, announce: Callable[[Job], None]) -> None:
        """`announce` takes the jobs that records make."""
        self._claims, self._attempts, outcomes = rounds.claims, rounds.attempts, rounds.outcomes
        self.slots = InFlightSlots(slots=settings.in_flight, share=settings.in_flight_per_webhook)
        self.strangers = UnprovenHosts(settings.crawl_interval)
        self.recorder = Recorder(outcomes.record, announce, window=settings.record_window, judge=outcomes.judge)
        #: Set when a slot of the process came free, and when a webhook has room again.
        self.freed, self.room = asyncio.Event(), asyncio.Event()
        self.closing = False
        self._trying: dict[asyncio.Task[bool | None], ClaimedDelivery] = {}

    @property
    def short(self) -> bool:
        """Whether file descriptors are short: attempts would fail."""
        return self._attempts.short

    def begin(self, held: ClaimedDelivery, webhook_slots: WebhookSlots) -> None:
        """Makes the attempt in a task of its own."""
        task = asyncio.create_task(self.make(held, webhook_slots))
        self._trying[task] = held
        self.slots.retrying += held.claimed.attempts > 0
        task.add_done_callback(self._ended)

    async def make(self, held: ClaimedDelivery, webhook_slots: WebhookSlots) -> bool | None:
        """Whether it succeeded; None where it was given back untried."""
        webhook_slots.workspace = held.hook.workspace_id
        if await self._turn(held) and self.strangers.begin(held.hook, time.monotonic()):
            return await self._attempt(held, webhook_slots)
        self.slots.unclaimed(held.claimed.webhook, webhook_slots)
        self.freed.set()
        await self._give_back([held])
        return None

    async def close(self, grace: float) -> None:
        """Waits up to `grace` seconds for the attempts, and gives the rest back to the rows."""
        held: list[ClaimedDelivery] = []
        if self._trying:
            log.info("engine.closing in_flight=%d grace=%.0f", len(self._trying), grace)
            _, left = await asyncio.wait(self._trying, timeout=grace)
            held = [self._trying[task] for task in left]
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)
        # An outcome that is lost is a delivery repeated: those of attempts that ended are written before the rest is given back.
        await self.recorder.close(LAST_WRITE)
        if held:
            await self._give_back(held)

    def _ended(self, task: "asyncio.Task[bool | None]") -> None:
        held = self._trying.pop(task)
        self.slots.retrying -= held.claimed.attempts > 0
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("try.failed", exc_info=error)

    async def _turn(self, held: ClaimedDelivery) -> bool:
        try:
            return await self._claims.turn(held)
        except Unavailable:
            return False

    async def _attempt(self, held: ClaimedDelivery, webhook_slots: WebhookSlots) -> bool:
        """One attempt, recorded; its slot of the process is held until then."""
        webhook, answered, size = held.claimed.webhook, True, 0
        try:
            try:
                ended = await self._attempts.make(held)
                answered, size = ended.answered, ended.size
                if ended.result.ok and ended.record.status and self.strangers.answered(held.hook.destination):
                    self.room.set()
            finally:
                if self.slots.ended(webhook, webhook_slots, time.monotonic(), answered=answered, size=size):
                    self.room.set()
                self.freed.set()
            await self.recorder.record(ended)
            return ended.result.ok
        finally:
            if self.slots.recorded(webhook, webhook_slots, size):
                self.room.set()
            self.freed.set()

    async def _give_back(self, held: list[ClaimedDelivery]) -> None:
        # At the end one line for all; before it each would have one after every standstill.
        given, left = (logging.INFO, logging.WARNING) if self.closing else (logging.DEBUG, logging.DEBUG)
        try:
            await self._claims.give_back(held)
            log.log(given, "engine.gave_back deliveries=%d", len(held))
        except Unavailable as error:
            log.log(left, "engine.left_leased deliveries=%d cause=%s", len(held), error)
