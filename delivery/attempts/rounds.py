"""The door for attempts: claim, send, judge, record; one round of a delivery's life.

How many run at once, and for how long outcomes wait to be written together, is left to `workers/engine.py`.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from uuid import UUID

from delivery import destinations
from delivery.attempts.endings import ClaimedDelivery, EndedAttempt, cut, record_of, tell
from delivery.attempts.recording import OutcomeWriter
from delivery.judgement import breaker, outcome, retry
from delivery.judgement.breaker import Result
from delivery.judgement.outcome import Outcome, OutcomeKind
from delivery.judgement.retry import Progress, Schedule
from delivery.ledger.claims import claiming, drains, paces
from delivery.ledger.claims.claiming import Claim
from delivery.ledger.claims.drains import DrainRoom, Shares
from delivery.ledger.claims.foreign import Foreign
from delivery.ledger.owing import parking
from delivery.ledger.owing.batches import BATCH
from delivery.ledger.records import outcomes
from delivery.lifecycle import State
from delivery.settings import DeliverySettings
from delivery.tickets import Job, Ticket
from delivery.wire import causes, parcels
from delivery.wire.parcels import Failure, FailureKind, Reply
from delivery.wire.sender import Attempt, Sender
from subscriptions.ground.clock import DatabaseClock
from subscriptions.ground.database import Database, Raw
from subscriptions.ground.errors import HooklakeError, Refused
from subscriptions.webhooks.webhook_store import Hook

log = logging.getLogger("hooklake.delivery")

#: What says nothing of a webhook's health.
NOT_THEIRS = frozenset(
    {
        FailureKind.unsealed,
        FailureKind.internal,
        FailureKind.unwritable,
        FailureKind.unacknowledged,
        FailureKind.stale,
    }
)
#: What opens a webhook's circuit (`workers/slots.py`); any status is an answer.
UNANSWERED = frozenset({FailureKind.timeout, FailureKind.refused, FailureKind.reset, FailureKind.tls, FailureKind.name})
#: Seconds that a slot may be held without another look at its webhook.
GLANCE = 0.5
#: Webhooks whose destination and unsealed secrets one process keeps at hand.
HOOKS = 10_000

ReadHooks = Callable[[Raw, Sequence[UUID]], Awaitable[Mapping[UUID, Hook]]]


@dataclass(frozen=True, kw_only=True)
class RoundTools:
    """What a round needs; clock, chance and wire come in from the process root."""

    database: Database
    clock: DatabaseClock
    settings: DeliverySettings
    sender: Sender
    read_hooks: ReadHooks
    #: Draws from [0, 1), for jitter.
    chance: Callable[[], float]
    #: Waits for so many seconds.
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


@dataclass
class Rounds:
    """Deliveries from claim to record."""

    tools: RoundTools
    _hooks: dict[tuple[UUID, int], Hook] = field(default_factory=dict)
    #: Tickets that named nothing of ours.
    foreign: Foreign = field(default_factory=Foreign)

    def __post_init__(self) -> None:
        settings = self.tools.settings
        self._lease = settings.delivery_timeout + settings.lease_margin
        self._deadline = timedelta(seconds=settings.delivery_timeout)
        self._between = settings.answer_body_bytes_between
        self._recording = OutcomeWriter(self.tools.database, self.tools.clock, breaker.rules(settings))
        self._schedule = Schedule(
            delays=settings.retry_delays,
            window=settings.retry_window,
            jitter=settings.retry_jitter,
            floor=settings.rate_limited_floor,
        )

    @property
    def short(self) -> bool:
        """Whether this process has no room for further connections: what is claimed now would fail by our fault."""
        return self.tools.sender.short

    async def claim(self, tickets: Sequence[Ticket]) -> list[ClaimedDelivery]:
        """Claims by ticket, the caller having taken a slot for each; raises Unavailable."""
        async with self.tools.database.raw() as connection:
            now = await self._now(connection)
            claim = await claiming.by_ticket(connection, tickets, now=now, lease=self._lease)
            held = await self._held(connection, claim)
            if len(held) < len(tickets):
                claimed = {each.key[:3] for each in held}
                await self.foreign.look(connection, [ticket for ticket in tickets if ticket[:3] not in claimed])
            return held

    async def days_due(self) -> list[date]:
        """The days that have due rows, oldest first; raises Unavailable."""
        async with self.tools.database.raw() as connection:
            return await drains.days_due(connection, now=await self._now(connection))

    async def drain(self, day: date, *, wanted: int, retries: int, share: int, shares: Shares) -> list[ClaimedDelivery]:
        """Claims at most `wanted` due rows of the day, of a webhook its share in `shares`, or `share`; raises Unavailable.

        First attempts go before retries, for which `retries` of them are kept, or a fifth, whichever is more.
        """
        # Each drain begins at another webhook, so that none is always first.
        chance = self.tools.chance()
        kept = min(wanted, max(retries, int(wanted * drains.RETRIES + chance)))
        start = UUID(int=int(chance * (1 << 128)))
        room = DrainRoom(
            wanted=wanted, retries=kept, share=share, shares=shares, start=start, chance=self.tools.chance()
        )
        async with self.tools.database.raw() as connection:
            now = await self._now(connection)
            claim = await drains.drain(connection, room, day=day, now=now, lease=self._lease)
            held = await self._held(connection, claim)
            if len(held) < wanted:
                left = replace(room, wanted=wanted - len(held))
                paced = await paces.claim(connection, left, day=day, now=now, lease=self._lease)
                held += await self._held(connection, paced)
            return held

    async def turn(self, held: ClaimedDelivery) -> bool:
        """Waits for the slot of a claim, if it has one; false where its attempt may not begin any more by then.

        Because the webhook may not be sent to, or because the attempt could outlast its lease: a process that stood still
        since its claim would send what another one has claimed meanwhile, or what was paused or deleted long ago.
        """
        slot = held.claimed.slot
        wait = 0.0 if slot is None else (slot - self.tools.clock()).total_seconds()
        if wait > 0:
            await self.tools.sleep(wait)
        if slot is not None:
            late = (self.tools.clock() - slot).total_seconds()
            if max(wait, late) >= GLANCE and not await self._still(held):
                return False
        return self.tools.clock() + self._deadline <= held.claimed.leased_until

    async def _still(self, held: ClaimedDelivery) -> bool:
        async with self.tools.database.raw() as connection:
            return await claiming.still(connection, held.claimed)

    async def probe(self, webhook: UUID) -> ClaimedDelivery | None:
        """Claims the next row of a webhook in ERROR; None where there is none, or the webhook is in ERROR no more."""
        async with self.tools.database.raw() as connection:
            now = await self._now(connection)
            claim = await claiming.by_probe(connection, webhook, now=now, lease=self._lease)
            held = await self._held(connection, claim)
        return ClaimedDelivery(claimed=held[0].claimed, hook=held[0].hook, probe=True) if held else None

    async def give_back(self, held: Sequence[ClaimedDelivery]) -> None:
        """Returns claims whose attempt will not begin: due at once, for any process."""
        async with self.tools.database.raw() as connection:
            await outcomes.give_back(connection, [h.key for h in held], now=self.tools.clock())

    async def attempt(self, held: ClaimedDelivery) -> EndedAttempt:
        """One attempt and its judgement; raises nothing but CancelledError."""
        claimed = held.claimed
        if claimed.body is None:
            return self._erased(held)
        attempt = await self._send(held, claimed.body)
        now = self.tools.clock()
        came_to = self._judge(attempt.answer, now)
        step = retry.step(
            came_to,
            Progress(attempts=claimed.attempts + 1, first_try_at=claimed.first_try_at, halted=claimed.halted),
            self._schedule,
            now=now,
            chance=self.tools.chance(),
        )
        ok = came_to.kind is OutcomeKind.SUCCESS
        failed = attempt.answer.kind if isinstance(attempt.answer, Failure) else None
        ended = EndedAttempt(
            record=cut(record_of(held, attempt, came_to, step), claimed, between=self._between),
            workspace=held.hook.workspace_id,
            result=Result(ok=ok, at=now, disables=came_to.disables, reason=came_to.reason),
            epoch=claimed.epoch,
            batch=claimed.type == BATCH,
            matters=failed not in NOT_THEIRS if not ok else claimed.ailing,
            answered=failed not in UNANSWERED,
        )
        tell(held, ended.record, step)
        return ended

    async def record(self, ended: Sequence[EndedAttempt]) -> list[Job]:
        """As `Recording.record`."""
        return await self._recording.record(ended)

    async def judge(self) -> None:
        """As `Recording.judge`."""
        await self._recording.judge()

    async def _now(self, connection: Raw) -> datetime:
        if self.tools.clock.slept():
            self.tools.clock.follow(await connection.fetchval("SELECT clock_timestamp()"))
        return self.tools.clock()

    async def _held(self, connection: Raw, claim: Claim) -> list[ClaimedDelivery]:
        if claim.told is not None:
            self.tools.clock.follow(claim.told)
        await parking.look_again(connection, claim.parked, now=self.tools.clock())
        wanted = {(c.webhook, c.generation) for c in claim.taken}
        missing = [webhook for webhook, generation in wanted if (webhook, generation) not in self._hooks]
        if missing:
            if len(self._hooks) > HOOKS:
                self._hooks.clear()
            fresh = await self.tools.read_hooks(connection, missing)
            for webhook, generation in wanted:
                if webhook in fresh:
                    # Whatever changed between claim and look-up, this attempt goes to the newer address under its old epoch.
                    self._hooks[webhook, generation] = fresh[webhook]
        # A webhook deleted since the claim has no address any more: the lease lapses, and the next claim cancels the row.
        found = ((c, self._hooks.get((c.webhook, c.generation))) for c in claim.taken)
        return [ClaimedDelivery(claimed=c, hook=hook) for c, hook in found if hook is not None]

    async def _send(self, held: ClaimedDelivery, body: bytes) -> Attempt:
        hook, claimed = held.hook, held.claimed
        if hook.sealed is not None:
            return self._unsent(FailureKind.unsealed, hook.sealed)
        try:
            make = parcels.batch if claimed.type == BATCH else parcels.single
            parcel = make(claimed.event, body, content_mode=hook.content_mode)
            to, deadline = destinations.destination(hook), self.tools.settings.delivery_timeout
            return await self.tools.sender.send(parcel, to, deadline=deadline)
        except Refused as error:
            # Only events that an earlier release took: bytes do not change, and so no other try would come further.
            return self._unsent(FailureKind.unwritable, str(error))
        except HooklakeError as error:
            return self._unsent(FailureKind.internal, str(error))
        except Exception as error:
            # Unrecorded, the row would look like one whose process was lost (protocol.md 5.4).
            failure = causes.internal(error)
            return self._unsent(failure.kind, failure.cause)

    def _unsent(self, kind: FailureKind, cause: str) -> Attempt:
        return Attempt(
            started_at=self.tools.clock(), milliseconds=0, request_headers=(), answer=Failure(kind=kind, cause=cause)
        )

    def _judge(self, answer: Reply | Failure, now: datetime) -> Outcome:
        policy = self.tools.settings.delivery_policy
        if isinstance(answer, Failure):
            return outcome.of_failure(answer.kind, answer.cause, policy=policy)
        asked = [value for name, value in answer.headers if name.lower() == "retry-after"]
        return outcome.of_reply(answer.status, asked, policy=policy, now=now)

    def _erased(self, held: ClaimedDelivery) -> EndedAttempt:
        came_to = Outcome(
            kind=OutcomeKind.FINAL, status=None, retry_after=None, reason="its payload was erased", disables=False
        )
        attempt = self._unsent(FailureKind.internal, came_to.reason)
        record = record_of(held, attempt, came_to, retry.GiveUp(reason=came_to.reason), state=State.EXPIRED)
        result = Result(ok=True, at=self.tools.clock(), disables=False, reason="")
        return EndedAttempt(
            record=record,
            workspace=held.hook.workspace_id,
            result=result,
            epoch=held.claimed.epoch,
            batch=held.claimed.type == BATCH,
            matters=False,
            answered=True,
        )
