"""The door for publications: all requests that wait at a moment share one transaction, announced after it (group commit).

Typing an occurrence is left to `subscriptions/events/event.py`, who wants it to `choosing.py`, statements to journal and ledger.
The rules are those of protocol.md 2.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg

from delivery.ledger.owing import deliveries, parking
from delivery.ledger.records.exhausted import ExhaustedFilters
from delivery.publishing import sameness
from delivery.publishing.calls import Request, fail, receive
from delivery.publishing.choosing import Chooser, topic_of
from delivery.publishing.receipts import Receipt
from delivery.publishing.turns import turn
from delivery.settings import DeliverySettings
from delivery.tickets import Nudge
from subscriptions.events import journal
from subscriptions.events.event import Event
from subscriptions.ground import event_keys, partitions
from subscriptions.ground.audience import STAYS, Audience, NobodyWaits
from subscriptions.ground.database import NAME, Clock, Database, Raw, repeating
from subscriptions.ground.effort import Effort
from subscriptions.ground.errors import Conflicting, Overloaded, Unavailable

log = logging.getLogger("hooklake.delivery")

#: Events that one transaction takes on: what arrives beyond waits for the next one.
GROUP = 2000
#: And of one workspace: so long does another one's publication wait for a flood, and for no more of it.
PART = 1000
#: Requests per transaction, on average, from which one waits for more, and seconds from one to the next then; a transaction
#: costs as much as what forty events add to it.
BUSY, GATHER = 4.0, 0.01
#: Events with which a transaction waits for no more.
ENOUGH = 100
#: Turns of the loop that it waits while each brings more: requests that came together begin four in a turn (the API's turnstile).
TURNS = ENOUGH // 4
#: Timers ring up to so many seconds early.
TICK = 0.002
#: What Unavailable calls it where the wait was spent on filters.
FILTERS = "The asking of event filters"

Announce = Callable[[Sequence[Nudge]], None]


class Intake:
    """Accepts events: `publish` answers after the commit that makes them certain to be attempted."""

    def __init__(
        self, database: Database, clock: Clock, settings: DeliverySettings, announce: Announce, *, remembered: float
    ) -> None:
        self._database = database
        self._clock = clock
        self._settings = settings
        self._announce = announce
        #: Seconds that an id is remembered.
        self._remembered = timedelta(seconds=remembered)
        self._choosing = Chooser(settings)
        self._exhausted = ExhaustedFilters(database, clock, steps=settings.filter_steps)
        #: Webhooks whose filters let events of this transaction pass undecided.
        self._undecided: set[UUID] = set()
        self._waiting: list[Request] = []
        #: The workspaces of the last transaction, whose turn comes after that of others.
        self._served: set[str] = set()
        self._committing: asyncio.Task[None] | None = None
        #: Requests per transaction, on average, lately.
        self._load = 1.0
        self._began = 0.0
        #: What is being committed.
        self._group: list[Request] = []
        #: How many webhooks each event of it is owed to.
        self._matched: dict[UUID, int] = {}
        # One timer for all that wait, not one made and taken back with each publication.
        self._patience = database.patience
        self._watch: asyncio.TimerHandle | None = None
        #: The wait for it, and its seconds.
        self._effort, self._due = Effort(), 0.0

    async def publish(self, published: Sequence[Event], audience: Audience = STAYS) -> list[Receipt]:
        """Receipts in the order given, after the commit.

        Raises Conflicting naming the index of an id that stands for another occurrence (nothing of the call is kept),
        Unavailable when PostgreSQL is away (whether it was kept is unknown: publish again under the same ids), or it or the
        filters have others to answer for longer than callers are patient; NobodyWaits where the audience went before.
        """
        loop = asyncio.get_running_loop()
        asking = self._choosing.seconds
        request = Request(
            events=published, done=loop.create_future(), since=loop.time(), asking=asking, audience=audience
        )
        self._waiting.append(request)
        if self._committing is None:
            self._committing = asyncio.create_task(self._commit_waiting())
        if self._patience is not None and self._watch is None:
            self._arm(request.since)
        return await request.done

    async def close(self) -> None:
        """Waits for what is being committed."""
        if self._committing is not None:
            await self._committing

    async def _commit_waiting(self) -> None:
        try:
            # One turn of the loop lets requests that arrived together travel together.
            await asyncio.sleep(0)
            while self._waiting:
                await self._gather()
                if group := self._next_group():
                    self._load += 0.1 * (len(group) - self._load)
                    self._group = group
                    await self._commit(group)
        finally:
            self._committing, self._group = None, []

    def _arm(self, since: float) -> None:
        assert self._patience is not None
        loop, at = asyncio.get_running_loop(), since + self._patience
        if (due := at - loop.time()) > self._patience / 2:
            self._effort, self._due = Effort(), due
        else:
            # So little says nothing.
            self._due = self._effort.lasted + due
        self._watch = loop.call_at(at, self._tire)

    def _tire(self) -> None:
        """Tells those who have waited for as long as callers are patient that nobody knows; looks again for the next one."""
        assert self._patience is not None
        loop = asyncio.get_running_loop()
        late = loop.time() - self._patience + TICK
        # Answers may have come that nobody came to hear.
        busy = self._effort.busy(self._due, self._patience)
        for request in (*self._group, *self._waiting):
            if request.since <= late:
                # An operator who is told of a database looks there.
                filters = self._choosing.seconds - request.asking
                said = f"no answer within {self._patience:g} s"
                if filters >= self._patience / 2:
                    fail([request], Unavailable(FILTERS, said))
                else:
                    fail([request], Overloaded(said) if busy else Unavailable(NAME, said))
        # Their callers try again: what has not been begun by now need not be kept twice.
        self._waiting = [request for request in self._waiting if request.since > late]
        left = [request.since for request in (*self._group, *self._waiting) if not request.done.done()]
        self._watch = None
        if left:
            self._arm(min(left))

    async def _gather(self) -> None:
        """Under load, lets more requests come in first; otherwise nobody waits."""
        now = asyncio.get_running_loop().time()
        if self._load >= BUSY:
            wait = self._began + GATHER - now
            if wait > 0 and sum([len(request.events) for request in self._waiting]) < ENOUGH:
                await asyncio.sleep(wait)
                now += wait
            came = events = 0
            for _ in range(TURNS):
                more = self._waiting[came:]
                events += sum([len(request.events) for request in more])
                if not more or events >= ENOUGH:
                    break
                came += len(more)
                await asyncio.sleep(0)
        self._began = now

    def _next_group(self) -> list[Request]:
        if gone := [each for each in self._waiting if each.audience.gone]:
            # What has not been begun by now need not be kept; what has is kept whole.
            fail(gone, NobodyWaits("Whoever published it has gone"))
            self._waiting = [each for each in self._waiting if not each.audience.gone]
        if sum(each.weight for each in self._waiting) <= PART:
            # Nobody has to wait for a turn.
            group, self._waiting = self._waiting, []
            self._served = {each.events[0].workspace_id for each in group if each.events}
            return group
        of = [(each.events[0].workspace_id if each.events else "", each.weight) for each in self._waiting]
        places = set(turn(of, self._served, most=GROUP, each=PART))
        group = [request for place, request in enumerate(self._waiting) if place in places]
        self._served = {of[place][0] for place in places}
        self._waiting = [request for place, request in enumerate(self._waiting) if place not in places]
        return group

    async def _commit(self, group: list[Request]) -> None:
        try:
            await self._write(group)
        except Unavailable as error:
            fail(group, error)
        except Exception as error:
            if len(group) == 1:
                log.error("intake.failed events=%d", len(group[0].events), exc_info=error)
                fail(group, error)
                return
            # One of them cannot be stored, and it is not known which: each by itself, with the ids it already has.
            log.warning("intake.split requests=%d cause=%r", len(group), error)
            for request in group:
                await self._commit([request])

    async def _write(self, group: list[Request]) -> None:
        """One transaction, made again once if the partition for it did not exist."""
        try:
            nudges = await self._anew(group)
        except asyncpg.CheckViolationError:
            days = {event_keys.time_of(event.key).date() for request in group for event in request.events}
            async with self._database.raw() as connection:
                await partitions.make(connection, deliveries.PARTITIONED, sorted(days))
            nudges = await self._anew(group)
        for request in group:
            if request.done.done():  # the caller went away; what was accepted stays accepted
                continue
            if request.refusal is not None:
                request.done.set_exception(request.refusal)
            else:
                for receipt in request.receipts:
                    receipt.matched = None if receipt.duplicate else self._matched.get(receipt.key)
                request.done.set_result(request.receipts)
        if nudges:
            self._announce(nudges)
        if self._undecided:
            undecided, self._undecided = self._undecided, set()
            await self._exhausted.tell(undecided)

    @repeating
    async def _anew(self, group: list[Request]) -> Sequence[Nudge]:
        for request in group:
            request.receipts, request.refusal = [], None
        return await self._transact(group)

    async def _transact(self, group: list[Request]) -> Sequence[Nudge]:
        now = self._clock()
        async with self._database.raw() as connection:
            if any(event.given_id for request in group for event in request.events):
                async with connection.transaction():
                    owed = await self._accept(connection, await self._settle(connection, group, now), now)
            else:
                # No receipts, nothing to agree on: what is written is one statement.
                fresh = [event for request in group for event in receive(request, {})]
                owed = await self._accept(connection, fresh, now)
            return [*owed.nudges, *await parking.look_again(connection, owed.parked, now=now)]

    async def _settle(self, connection: Raw, group: list[Request], now: datetime) -> list[Event]:
        """Gives every request its receipts or its refusal, and answers the events that are new.

        A refused request's receipts are taken out and the rest is settled again, so that nobody is told "duplicate" of a
        neighbour that was refused.
        """
        live = list(group)
        while True:
            wanted: dict[bytes, Event] = {}
            for request in live:
                for event in request.events:
                    if event.given_id:
                        wanted.setdefault(journal.receipt_key(event), event)
            since = now - self._remembered
            standing = await journal.claim_receipts(connection, wanted, now, since) if wanted else {}
            faults = await sameness.faults(connection, [request.events for request in live], wanted, standing)
            for place, issues in faults.items():
                live[place].refusal = Conflicting(*issues)
            refused = [live[place] for place in faults]
            if not refused:
                return [event for request in live for event in receive(request, standing)]
            await journal.withdraw_receipts(connection, [e for r in refused for e in r.events if e.given_id])
            live = [request for request in live if request.refusal is None]

    async def _accept(self, connection: Raw, fresh: Sequence[Event], now: datetime) -> deliveries.NewDeliveries:
        """Matches, and writes events with their deliveries, or as spreads where there are too many for one transaction.

        Who subscribed is asked after the publication began: a subscription whose 201 was sent before it is always seen. A
        webhook paused between the question and the writing is caught by the claim, one activated by another look.
        """
        if not fresh:
            return deliveries.NewDeliveries()
        topics = list({topic_of(event) for event in fresh})
        found = await deliveries.candidates(connection, topics, self._settings.spread_threshold + 1)
        with self._database.standing_by():
            chosen = await self._choosing.choose(fresh, found)
        self._matched = chosen.matched
        self._undecided |= chosen.exhausted
        times = deliveries.times(now, self._settings)
        return await deliveries.accept(connection, fresh, chosen.pairs, chosen.spread, times)
