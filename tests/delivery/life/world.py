"""Several processes over one real database and one told clock: each operation is one real door, stopped where a fault may come.

Which operation comes next is left to `machine.py`, what has to hold after it to `watch.py`.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from delivery.attempts.endings import ClaimedDelivery, EndedAttempt
from delivery.reports.recent_deliveries import History
from delivery.tickets import Job, JobKind, Nudge, Ticket
from delivery.upkeep.by_hand import ByHand
from delivery.upkeep.erasure import Erasure
from delivery.wire.parcels import Failure, Parcel, Reply
from delivery.wire.sender import Destination
from subscriptions.events.event import Event
from subscriptions.ground.database import Database
from tests.clock import Clock
from tests.delivery.craft import Craft
from tests.delivery.destinations import obliging, reply
from tests.delivery.life.marks import Mark
from tests.delivery.life.stage import Actor, Gate, Stage

#: Everything short, so that a life of fifty steps has all of its ages in it.
SETTINGS = {
    "retry_delays": (1.0, 5.0, 20.0),
    "retry_jitter": 0.0,
    "halt_failures": 1,
    "halt_after": 0.0,
    "failure_window": 60.0,
    "challenge_delays": (1.0, 2.0),
    "probe_interval": 5.0,
    "probe_interval_max": 20.0,
    "heartbeat_interval": 40.0,
    "keep_undelivered": 200.0,
    "batch_wait": 10.0,
    "spread_threshold": 3,
    "spread_chunk": 2,
    "replays_per_workspace": 2,
}
#: Kinds of events; the first has more subscribers than one transaction serves.
KINDS = tuple(f"com.hpe.greenlake.compute.v1.servers.{word}" for word in ("created", "updated", "deleted"))

Key = tuple[UUID, UUID, int]


@dataclass(eq=False, kw_only=True)
class Try:
    """One claim in a process's hands, and what became of it."""

    process: "Process"
    held: ClaimedDelivery
    #: Number of the step, and the time, of its claim.
    step: int
    claimed_at: datetime
    actor: Actor = field(default_factory=Actor)
    begun_at: datetime | None = None
    sent_at: datetime | None = None
    #: The fences that its tickets had; None where it was found due.
    told: frozenset[int] | None = None
    #: What came of it, to be recorded.
    ended: EndedAttempt | None = None
    #: Recorded, or given back.
    done: bool = False

    @property
    def key(self) -> Key:
        return self.held.key[:3]

    @property
    def lease_ends(self) -> datetime:
        """By the claim's rule: so long from the claim, or from the send time that the pace gave it."""
        return (self.held.claimed.send_at or self.claimed_at) + timedelta(seconds=20)


@dataclass(eq=False, kw_only=True)
class Exchange:
    """A request on the wire, unanswered."""

    parcel: Parcel
    destination: Destination
    actor: Actor
    #: The attempt that it is of; None for a challenge.
    of: Try | None


class Process:
    """One process: its doors, and what it holds in memory."""

    def __init__(self, world: "World", *, chance: float, stalls: bool = False) -> None:
        self.gate = Gate(world.database, world.stage, stalls=stalls)
        self.craft = Craft(
            self.gate, world.clock, announce=world.announce, chance=chance, sleep=world.stage.sleep, **SETTINGS
        )
        self.craft.wire.answering = world.answer
        self.history = History(self.gate, world.clock, world.announce)
        self.erasure = Erasure(self.gate, world.clock, world.announce)
        self.by_hand = ByHand(self.gate, world.clock, world.announce)
        self.tries: list[Try] = []
        self.challenge_jobs: list[Actor] = []


class World:
    """The processes, the broker, the wire, and what an onlooker knows of them."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self.database, self.clock, self.stage = database, clock, Stage(clock)
        self.step = 0
        self.broker: list[Nudge] = []
        self.exchanges: list[Exchange] = []
        self.claims: list[Try] = []
        self.probing: dict[Actor, Try] = {}
        #: Of the webhook when its challenge went out, or its verification was asked for.
        self.epochs: dict[Actor, int] = {}
        self.verifying: set[Actor] = set()
        #: How often each situation arose.
        self.marks: Counter[Mark] = Counter()
        #: Every request that carried a delivery, in order.
        self.sent: list[Exchange] = []
        #: Those whose destination said 2xx, by (event, webhook).
        self.taken: set[tuple[UUID, UUID]] = set()
        self.processes = [Process(self, chance=chance) for chance in (0.1, 0.6)]
        #: Processes whose commits stand still.
        self.slow: list[Process] = []
        self.answers_at_once = False

    def announce(self, nudges: Sequence[Nudge]) -> None:
        # Sorted, so that the same steps meet the same broker; jobs, whose keys are drawn, stay in the order given.
        self.broker.extend(sorted(nudges, key=_place))

    async def answer(self, parcel: Parcel, destination: Destination) -> Reply | Failure:
        """The wire: stands still with the request until the destination answers."""
        actor = self.stage.acting()
        of = next((t for t in self.claims if t.actor is actor and not t.done), None) or self.probing.get(actor)
        exchange = Exchange(parcel=parcel, destination=destination, actor=actor, of=of)
        if of is not None:
            of.sent_at = self.clock()
            self.sent.append(exchange)
        if self.answers_at_once:
            return await self._good(exchange)
        self.exchanges.append(exchange)
        try:
            answer: Reply | Failure = await self.stage.stand_still()
        finally:
            self.exchanges.remove(exchange)
        if of is not None and isinstance(answer, Reply) and 200 <= answer.status < 300:
            self.taken.add(of.key[:2])
        return answer

    async def _good(self, exchange: Exchange) -> Reply | Failure:
        if exchange.of is None:
            return await obliging(exchange.parcel, exchange.destination)
        self.taken.add(exchange.of.key[:2])
        return reply(200)

    async def let(self, exchange: Exchange, answer: Reply | Failure | None) -> None:
        """The destination answers; None: as a good one does."""
        if answer is None:
            good = await obliging(exchange.parcel, exchange.destination) if exchange.of is None else reply(200)
            answer = good
        if exchange.actor.still is not None:
            exchange.actor.still.set_result(answer)

    # What processes do.

    def event(self, number: int, *, kind: int, id: str | None = None) -> Event:
        # A millisecond for each, so that they stand in a known order.
        self.clock.advance(0.001)
        return self.processes[0].craft.event(number, id=id, kind=KINDS[kind])

    async def claim(self, process: Process, tickets: Sequence[Ticket]) -> list[Try]:
        made = self._hold(process, await process.craft.rounds.claims.by_ticket(tickets))
        for each in made:
            each.told = frozenset(ticket.fence for ticket in tickets if ticket[:3] == each.key)
        return made

    async def drain(self, process: Process, wanted: int, share: int) -> list[Try]:
        return self._hold(process, await process.craft.drain(wanted, share))

    def _hold(self, process: Process, held: Sequence[ClaimedDelivery]) -> list[Try]:
        ordered = sorted(held, key=lambda each: each.key)
        made = [Try(process=process, held=each, step=self.step, claimed_at=self.clock()) for each in ordered]
        self.claims.extend(made)
        process.tries.extend(made)
        return made

    def begin(self, trial: Try) -> None:
        """As the engine does: it waits for its send time, sends, and has an outcome to record."""
        rounds, actor = trial.process.craft.rounds, trial.actor
        trial.begun_at = self.clock()

        async def attempt() -> None:
            if await rounds.claims.turn(trial.held):
                trial.ended = await rounds.attempts.make(trial.held)
            else:
                # Not because it came too late.
                lasts = timedelta(seconds=trial.process.craft.settings.delivery_timeout)
                self.marks[Mark.HALTED_WAIT] += self.clock() + lasts <= trial.held.claimed.leased_until
                await self.give_back([trial])

        self.stage.begin(actor, attempt())

    async def give_back(self, tries: Sequence[Try]) -> None:
        for each in tries:
            each.done = True
            each.process.tries.remove(each)
        await tries[0].process.craft.rounds.claims.give_back([each.held for each in tries])

    async def record(self, process: Process, tries: Sequence[Try]) -> None:
        """As the recorder does: outcomes of different deliveries together."""
        if not tries:
            return
        ended = [each.ended for each in tries if each.ended is not None]
        for each in tries:
            each.done = True
            process.tries.remove(each)
        self.announce(await process.craft.rounds.outcomes.record(ended))

    def carry(self, process: Process, queued_job: Job) -> Actor:
        """A spread, job, closing, challenge, probe or heartbeat."""
        actor = Actor()
        craft = process.craft

        async def probe(webhook: UUID) -> bool | None:
            return await self._probe(process, actor, webhook)

        work = (
            craft.webhook_lifecycle.challenge_jobs.carry(queued_job, probe)
            if queued_job.kind is JobKind.CHALLENGE
            else craft.jobs.run(queued_job)
        )
        process.challenge_jobs.append(actor)
        self.stage.begin(actor, work)
        return actor

    async def _probe(self, process: Process, actor: Actor, webhook: UUID) -> bool | None:
        rounds = process.craft.rounds
        held = await rounds.claims.probe(webhook)
        if held is None:
            return None
        [trial] = self._hold(process, [held])
        trial.actor = actor
        self.probing[actor] = trial
        self.marks[Mark.EARNED_PROBE] += held.hook.challenge_request_enabled
        if not await rounds.claims.turn(held):
            await self.give_back([trial])
            return None
        trial.ended = await rounds.attempts.make(held)
        ok = trial.ended.result.ok
        await self.record(process, [trial])
        return ok

    async def die(self, process: Process) -> None:
        """All that it held in memory is gone; another one starts in its place."""
        await self.stage.kill([*(each.actor for each in process.tries), *process.challenge_jobs])
        place = self.processes.index(process)
        self.processes[place] = Process(self, chance=process.craft.chance)

    async def fused(self, process: Process, passes: int, queued_job: Job) -> None:
        """Carries a job out and dies as it asks for the database once more than `passes` times, if it does."""
        process.gate.fuse = passes
        self.carry(process, queued_job)
        await self.stage.settled()
        if process.gate.fuse < 0:
            await self.die(process)
        process.gate.fuse = None

    # What is known of it.

    def idle(self, process: Process) -> list[Try]:
        """Claimed, and not begun."""
        return [each for each in process.tries if each.actor.task is None]

    def delivering(self) -> list[Exchange]:
        """Deliveries on the wire."""
        return [each for each in self.exchanges if each.of is not None]

    def challenging(self) -> list[Exchange]:
        """Challenges on the wire."""
        return [each for each in self.exchanges if each.of is None]

    def recordable(self, process: Process) -> list[Try]:
        return [each for each in process.tries if each.ended is not None]

    async def close(self) -> None:
        """Nothing of it runs any more."""
        await self.stage.kill(list(self.stage.actors))
        await asyncio.gather(*(each.craft.intake.close() for each in self.slow), return_exceptions=True)


def _place(nudge: Nudge) -> tuple[str, bytes, bytes]:
    if isinstance(nudge, Ticket):
        return "", nudge.event.bytes, nudge.webhook.bytes
    return nudge.kind, b"" if nudge.kind is JobKind.JOB else nudge.key.bytes, b""
