"""The engine: one event loop per worker process, on which claimed deliveries are tried side by side.

Here is decided what is begun; the attempts themselves are left to `attempts_in_flight.py`, who hands in tickets and drains, to
`tasks.py`.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Sequence
from datetime import date
from uuid import UUID

from delivery.attempts.claims import FreeShares
from delivery.attempts.endings import ClaimedDelivery
from delivery.attempts.rounds import Rounds
from delivery.tickets import Job, JobKind, Ticket
from subscriptions.ground.errors import Unavailable
from workers.attempts_in_flight import AttemptsInFlight
from workers.jobs import JobRunner
from workers.settings import WorkerSettings
from workers.webhook_slots import WebhookSlots

log = logging.getLogger("hooklake.workers")

#: Rows that one drain claims at a time.
DRAIN_ROWS = 200
#: Seconds after which a drain asks again which days have due rows: a backlog may take hours.
DAYS_ANEW = 2.0
#: Seconds after which a drain that waits for slots looks for what has fallen due since.
LOOK_AGAIN = 0.25
#: Seconds after which it looks again for rows of webhooks with a rate, where it found none and others are drained: their send
#: times are given seconds ahead.
PACED_AGAIN = 0.25
#: Rows of one claim from which the next one is made at once; after fewer, slots are waited for.
WORTHWHILE = 32
#: Seconds to let more than one slot come free before the next claim.
GATHER = 0.01
#: Messages whose tickets may wait for slots at once, of the eight that threads hold: with all of them waiting for webhooks that
#: are slow, the ticket of a quick one would wait in the broker until the sweep finds its row.
PATIENT = 6


class Engine:
    """Admits tickets and drains under this process's limits, attempts, and records."""

    def __init__(self, rounds: Rounds, settings: WorkerSettings, jobs: JobRunner) -> None:
        self._claims = rounds.claims
        self._settings = settings
        self._attempts = AttemptsInFlight(rounds, settings, self.job)
        self.slots, self.strangers = self._attempts.slots, self._attempts.strangers
        self.recorder = self._attempts.recorder
        self._freed, self._room = self._attempts.freed, self._attempts.room
        self._jobs = jobs
        self._draining = False
        #: Until when the drain looks for no paced rows of a day beside others, since a moment ago there were none.
        self._unpaced: dict[date, float] = {}
        #: Tickets that wait for a slot, to which drains leave what comes free but for what retries are kept; and their messages.
        self._asking = self._patient = 0
        #: Why this process claims nothing at the moment; None while it may (protocol.md 5.4).
        self.barred: str | None = None

    @property
    def closing(self) -> bool:
        """Whether it begins nothing more."""
        return self._attempts.closing

    @closing.setter
    def closing(self, closing: bool) -> None:
        """Before `close`, where the process learns that it is to end."""
        self._attempts.closing = closing

    async def deliver(self, tickets: Sequence[Ticket]) -> None:
        """Claims and begins what the tickets name, as slots come free; returns when each is begun, old or dropped.

        A ticket is dropped after the admission wait, at once if its webhook does not answer; its row stays due.
        """
        if self._waits:
            return
        until, waiting = time.monotonic() + self._settings.admission_wait, list(tickets)
        while waiting and not self.closing:
            taken, waiting = self._admit(waiting)
            if taken:
                await self._begin_tickets(taken)
                continue
            left = until - time.monotonic()
            if not waiting or left <= 0 or self._patient >= PATIENT:
                return
            self._patient += 1
            self._asking += len(waiting)
            self._freed.clear()
            await self._woken(self._freed, left)
            self._asking -= len(waiting)
            self._patient -= 1

    async def drain(self) -> None:
        """Claims due rows and begins them, until none is found; one at a time per process: a message meanwhile is spent."""
        if self._draining or self._waits:
            return
        self._draining = True
        self._unpaced.clear()
        try:
            while await self._drain_days(deque(await self._claims.days_due()), time.monotonic() + DAYS_ANEW):
                pass
        finally:
            self._draining = self.slots.short = False

    @property
    def _waits(self) -> bool:
        # While outcomes are kept, their rows look like lost ones: a database that is back hears of them first.
        # While file descriptors are short, what is claimed would fail here, and not there.
        return self.barred is not None or self.recorder.kept or self._attempts.short

    @property
    def free(self) -> int:
        """Attempts for which it could be sent a drain now; one that drains finds by itself what it can take on."""
        return 0 if self._waits or self._draining else self.slots.free

    def job(self, job: Job) -> None:
        """Carries a spread, challenge or job on this loop, a few at a time."""
        if self.closing or (self.barred and job.kind is JobKind.CHALLENGE):  # it would be signed
            return
        self._jobs.begin(job)

    async def probe(self, webhook: UUID) -> bool | None:
        """Attempts the next delivery of a webhook in ERROR by itself: whether it succeeded, or None where there was no attempt.

        There is none where nothing is owed, or no slot is free: that says nothing of the webhook.
        """
        if self.barred or self.slots.reserve(1, time.monotonic()) == 0:
            return None
        held: ClaimedDelivery | None = None
        try:
            held = await self._claims.probe(webhook)
        finally:
            if held is None:
                self.slots.give_back(1)
        if held is None:
            return None
        return await self._attempts.make(held, self.slots.hold(webhook, held.claimed.epoch, time.monotonic()))

    async def close(self, grace: float) -> None:
        """Begins nothing more, waits up to `grace` seconds for attempts in flight, and gives the rest back to the rows."""
        self.closing = True
        self._freed.set()
        await self._jobs.close()
        await self._attempts.close(grace)

    def _admit(self, tickets: list[Ticket]) -> tuple[list[tuple[Ticket, WebhookSlots]], list[Ticket]]:
        """Tickets that have a slot now, with their in-flight slots, and those worth waiting with."""
        now = time.monotonic()
        taken: list[tuple[Ticket, WebhookSlots]] = []
        waiting: list[Ticket] = []
        for ticket in tickets:
            if self.strangers.bars(ticket.webhook, now):
                continue
            if (webhook_slots := self.slots.take(ticket.webhook, now)) is not None:
                taken.append((ticket, webhook_slots))
            elif not self.slots.stalled(ticket.webhook, now):
                waiting.append(ticket)
        return taken, waiting

    async def _begin_tickets(self, taken: list[tuple[Ticket, WebhookSlots]]) -> None:
        begun: list[ClaimedDelivery] = []
        slots: list[WebhookSlots] = []
        asked: dict[tuple[UUID, UUID, int], tuple[Ticket, WebhookSlots]] = {}
        # The same delivery twice in one message took a slot each time, and is claimed once.
        twice = [each for each in taken if asked.setdefault(each[0][:3], each) is not each]
        try:
            begun = await self._claims.by_ticket([ticket for ticket, _ in taken])
        except Unavailable as error:
            log.debug("claim.left tickets=%d cause=%s", len(taken), error)
        finally:
            slots = [asked.pop(held.key[:3])[1] for held in begun]
            for ticket, webhook_slots in (*twice, *asked.values()):
                self.slots.unclaimed(ticket.webhook, webhook_slots)
            self._freed.set()
        now = time.monotonic()
        for held, webhook_slots in zip(begun, slots, strict=True):
            webhook, epoch = held.claimed.webhook, held.claimed.epoch
            self._attempts.begin(held, self.slots.claimed(webhook, webhook_slots, epoch, now))

    async def _drain_days(self, days: deque[date], until: float) -> bool:
        """Whether more may be due when the time is over.

        Days take turns: what an earlier one owes to webhooks that do not answer holds up nothing of a later one.
        """
        empty = 0
        while days and not self.closing and not self._waits:
            if (left := until - time.monotonic()) <= 0:
                return True
            if not self.slots.free:
                self.slots.short = True
            else:
                # Asked before the claim: by its end an answer may have made room, and rows would be left for the next sweep.
                # All of them may have, so that no other one would end the wait below: what they set is kept for it.
                crowded = self.slots.crowded()
                self._room.clear()
                begun = await self._begin_due(days[0])
                empty = 0 if begun else empty + 1
                days.rotate(-1)
                if begun >= WORTHWHILE or 0 < empty < len(days):
                    if begun and self.slots.crowded():
                        # Of a webhook that had its share it would find nothing yet.
                        await asyncio.sleep(GATHER)
                    continue
                if not begun and not crowded and not self.slots.short:
                    return False
            # What is due has to wait for slots: those of the process, or those of its webhooks, where an answer of another one
            # changes nothing, and there are hundreds a second. Meanwhile more may fall due.
            if self.slots.short:
                self._freed.clear()
            await self._woken(self._freed if self.slots.short else self._room, min(left, LOOK_AGAIN))
        return False

    async def _begin_due(self, day: date) -> int:
        """One drain statement's worth; answers how many rows it found."""
        slots, now = self.slots, time.monotonic()
        share, kept = slots.share(now), slots.kept
        shares = self.strangers.narrowed(slots.shares(now), share, now)
        reserved = slots.reserve(min(DRAIN_ROWS, max(kept, slots.free - self._asking)), now)
        begun: list[ClaimedDelivery] = []
        if not reserved:
            slots.short = True
            return 0
        paced = now >= self._unpaced.get(day, 0.0)
        try:
            begun = await self._claims.drain(
                day, wanted=reserved, retries=kept, free=FreeShares(share, shares), paced=paced
            )
        except Unavailable as error:
            log.debug("drain.left cause=%s", error)
        finally:
            slots.give_back(reserved - len(begun))
            slots.short = len(begun) == reserved
        if paced and not slots.short and not any(held.claimed.send_at for held in begun):
            self._unpaced[day] = now + PACED_AGAIN
        now = time.monotonic()
        for held in begun:
            self._attempts.begin(held, slots.hold(held.claimed.webhook, held.claimed.epoch, now))
        return len(begun)

    async def _woken(self, event: asyncio.Event, wait: float) -> None:
        try:
            async with asyncio.timeout(wait):
                await event.wait()
        except TimeoutError:
            return
        await asyncio.sleep(GATHER)
