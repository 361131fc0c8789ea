"""The door for webhooks: register, change, remove, verify; and the challenges, probes and heartbeats that follow.

Rows of webhooks are the registry's, what a status move brings with it the ledger's, asking destinations `challenges.py`'s.
"""

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from delivery.judgement import breaker
from delivery.judgement.breaker import Status
from delivery.judgement.pace import KEEP, UNASKED, RateTerms
from delivery.ledger.jobs import job_rows
from delivery.ledger.jobs.job_rows import ClaimedJob
from delivery.ledger.owing import parking
from delivery.ledger.records import challenge_attempts
from delivery.ledger.webhooks import brakes, rate_limits, status
from delivery.settings import DeliverySettings
from delivery.tickets import Job, JobKind, Nudge
from delivery.verification import probes, status_moves
from delivery.verification.challenges import Challenger, ChallengeResult, DestinationResponse
from delivery.verification.probes import Deliver, ProbeResult
from delivery.verification.settling import Settling
from delivery.wire.challenge import Unverified, Verified
from delivery.wire.guard import Guard
from delivery.wire.sender import Sender
from subscriptions.events.event import Naming
from subscriptions.ground import database
from subscriptions.ground.database import Clock, Connection, Database, Raw, repeating
from subscriptions.ground.errors import Issue, Refused
from subscriptions.webhooks.webhook import Change, Owner, Registration, Webhook, check_times
from subscriptions.webhooks.webhook_store import Hook, WebhookStore

log = logging.getLogger("hooklake.delivery")

#: How much longer than its attempt a challenge's lease lasts, in seconds.
MARGIN = 5.0

#: What else belongs to a webhook's registration, change or removal, of the webhook with this id.
Beside = Callable[[Connection, UUID], Awaitable[None]]


async def _nothing(_connection: Connection, _webhook: UUID) -> None:
    """What most have beside them."""


@dataclass(frozen=True, kw_only=True)
class LifecycleTools:
    """What greeting needs; clock and wire come in from the process root."""

    database: Database
    clock: Clock
    settings: DeliverySettings
    webhook_store: WebhookStore
    sender: Sender
    guard: Guard
    naming: Naming
    announce: Callable[[Sequence[Nudge]], None]


class WebhookLifecycle:
    """Webhooks from registration to removal, and the proof that their destination wants them."""

    def __init__(self, tools: LifecycleTools) -> None:
        self._tools = tools
        self._handshake = Challenger(tools.sender, tools.clock, tools.settings, tools.naming)
        self._settling = Settling(tools.clock, tools.settings)
        self._rules = breaker.rules(tools.settings)
        self._proof = tools.settings.require_proof

    async def register(self, registration: Registration, owner: Owner, *, also: Beside = _nothing) -> Webhook:
        """A new webhook, its challenge written down with it, or its first heartbeat where it has none.

        `also`, here and below, is written in the same transaction. Raises Refused, LimitReached, TooSoon.
        """
        self.vet(registration)
        now = self._tools.clock()
        pending = status_moves.asks(registration.challenge_request_enabled, self._proof)
        async with self._tools.database.transaction() as connection:
            webhook = await self._tools.webhook_store.insert(connection, registration, owner, now=now, pending=pending)
            raw = await database.raw_of(connection)
            purpose = status.PURPOSES.get(Status(webhook.status), status.HEARTBEAT)
            nudge = await status.put_challenge(raw, webhook.id, webhook.epoch, purpose=purpose, due_at=now)
            await also(connection, webhook.id)
            await self._introduce(raw, owner.workspace_id, now)
        self._tools.announce([nudge])
        return webhook

    async def find(self, workspace_id: str | None, webhook_id: UUID) -> Webhook:
        """One of the workspace's, or anybody's for None; raises Absent."""
        async with self._tools.database.transaction() as connection:
            return await self._tools.webhook_store.find(connection, workspace_id, webhook_id)

    async def listed(
        self, workspace_id: str | None, *, status: str, limit: int, offset: int
    ) -> tuple[list[Webhook], int]:
        """A page of the workspace's webhooks (of all for None), of one status where named; newest first, and how many."""
        async with self._tools.database.transaction() as connection:
            return await self._tools.webhook_store.listed(
                connection, workspace_id, status=status, limit=limit, offset=offset
            )

    async def change(
        self, workspace_id: str | None, webhook_id: UUID, change: Change, *, by: str = "", also: Beside = _nothing
    ) -> Webhook:
        """The webhook after the change; raises Absent, Refused, TooSoon.

        Destination, secrets, credentials or `challengeRequestEnabled` begin a new epoch and ask for a new challenge;
        `paused` halts or starts the webhook (greenlake.md D.8, 5.3); `by` is the principal whom its `stateReason` then names.
        """
        self.vet(change)
        now = self._tools.clock()
        async with self._tools.database.transaction() as connection:
            before = await self._tools.webhook_store.find(connection, workspace_id, webhook_id, lock=True)
            await also(connection, webhook_id)
            await self._tools.webhook_store.update(connection, webhook_id, change, now=now)
            raw = await database.raw_of(connection)
            nudges: list[Nudge] = []
            if change.destination not in (None, before.destination):
                nudges.extend(await rate_limits.grant(raw, (webhook_id, before.epoch), UNASKED, now=now))
            move = status_moves.move_of(before, change, by or before.hpe_principal, now=now, proof=self._proof)
            if move is not None and move.challenge_at is not None:
                await self._introduce(raw, before.workspace_id, now)
            if move is not None:
                nudges.extend(await status.move(raw, webhook_id, move, now=now))
            after = await self._tools.webhook_store.find(connection, workspace_id, webhook_id)
        if before.batching and not after.batching:
            nudges.append(Job(kind=JobKind.BATCH, key=webhook_id, fence=0))
        self._tools.announce(nudges)
        return after

    async def remove(self, workspace_id: str | None, webhook_id: UUID, *, force: bool, also: Beside = _nothing) -> None:
        """Deletes it, softly (protocol.md 6.7); raises Absent, and Refused while it has subscriptions (greenlake.md D.12)."""
        now = self._tools.clock()
        async with self._tools.database.transaction() as connection:
            await self._tools.webhook_store.find(connection, workspace_id, webhook_id, lock=True)
            await also(connection, webhook_id)
            count = await self._tools.webhook_store.subscription_count(connection, webhook_id)
            if count and not force:
                said = f"the webhook has {count} subscription(s); delete them first, or say force=true"
                raise Refused(Issue(subject="force", description=said, source="query.parameter"))
            await self._tools.webhook_store.soft_delete(connection, webhook_id, now=now)
            raw = await database.raw_of(connection)
            nudge = await status.forget(raw, webhook_id, now=now)
        self._tools.announce([nudge])

    async def verify(self, workspace_id: str | None, webhook_id: UUID) -> tuple[Webhook, DestinationResponse]:
        """One handshake, answered inline; the status tells the result (greenlake.md D.13).

        Of a webhook that is sent to, a bad answer counts as one failed attempt and no more. Raises Absent, and TooSoon while
        another one is under way.
        """
        now, lasts = self._tools.clock(), self._tools.settings.challenge_timeout + MARGIN
        async with self._tools.database.transaction() as connection:
            asked = await self._tools.webhook_store.find(connection, workspace_id, webhook_id, lock=True)
            raw = await database.raw_of(connection)
            fence = await brakes.begin_verification(raw, webhook_id, now=now, lasts=lasts)
            await self._introduce(raw, asked.workspace_id, now, verifying=True)
            hook = (await self._tools.webhook_store.hooks(raw, [webhook_id]))[webhook_id]
        result = await self._shake(hook)
        webhook = await self._verified(asked, result, fence)
        response = result.response
        log.info("webhook.verified webhook=%s status=%s answer=%d", webhook_id, webhook.status, response.status_code)
        return webhook, response

    @repeating
    async def _verified(self, asked: Webhook, result: ChallengeResult, fence: int) -> Webhook:
        nudges: list[Nudge] = []
        async with self._tools.database.transaction() as connection:
            raw = await database.raw_of(connection)
            standing = await status.lock(raw, asked.id)
            nudges.extend(await rate_limits.grant(raw, (asked.id, asked.epoch), result.terms, now=self._tools.clock()))
            if standing is not None and standing.epoch == asked.epoch and status_moves.may_tell(standing, self._proof):
                nudges.extend(await self._settling.told(raw, asked.id, standing, result.proof))
            await brakes.end_verification(raw, asked.id, fence)
            webhook = await self._tools.webhook_store.find(connection, asked.workspace_id, asked.id)
        self._tools.announce(nudges)
        return webhook

    async def greet(self, job: Job, probe: Deliver) -> None:
        """One attempt of a challenge that is due, a probe or a heartbeat; `probe` attempts an owed delivery (`probes.py`)."""
        lease = self._tools.settings.challenge_timeout + self._tools.settings.delivery_timeout + MARGIN
        async with self._tools.database.raw() as connection:
            carried = await job_rows.claim(connection, job, now=self._tools.clock(), lease=lease)
            hooks = {} if carried is None else await self._tools.webhook_store.hooks(connection, [carried.key])
        if carried is None:
            return
        hook = hooks.get(carried.key)
        if hook is None or hook.epoch != carried.row["epoch"]:
            # Deleted or changed since: what replaced this challenge has a row of its own.
            async with self._tools.database.raw() as connection:
                await job_rows.end(connection, carried)
            return
        if carried.row["purpose"] == status.HEARTBEAT:
            await self._beaten(carried, await self._handshake.ask(hook))
        elif carried.row["purpose"] in (status.PROBE, status.EARNED):
            await self._probe(carried, hook, probe)
        else:
            result = await self._shake(hook)
            await self._conclude(carried, result.proof, result.terms)

    async def _shake(self, hook: Hook) -> ChallengeResult:
        result = await self._handshake.shake(hook)
        await challenge_attempts.keep(self._tools.database, result.tried)
        return result

    @repeating
    async def _beaten(self, carried: ClaimedJob, terms: RateTerms) -> None:
        """What a heartbeat came to: the terms hold from now on, and the next one is due."""
        now = self._tools.clock()
        async with self._tools.database.raw() as connection, connection.transaction():
            nudges = await rate_limits.grant(connection, (carried.key, carried.row["epoch"]), terms, now=now)
            await job_rows.again(connection, carried, due_at=self._settling.next_beat(carried.key, now), tries=0)
        self._tools.announce(nudges)
        log.info("webhook.asked webhook=%s rate=%s", carried.key, "kept" if terms.rate is KEEP else terms.rate)

    async def _probe(self, carried: ClaimedJob, hook: Hook, deliver: Deliver) -> None:
        async with self._tools.database.raw() as connection:
            halted = await status.halted(connection, carried.key, failures=self._rules.halt_failures)
        asks = self._shake if self._handshake.asks(hook) else None
        await self._probed(carried, await probes.probe(hook, asks, deliver, halted=halted))

    @repeating
    async def _probed(self, carried: ClaimedJob, probed: ProbeResult) -> None:
        """What a probe came to: it healed the webhook, or the next one is due."""
        now = self._tools.clock()
        async with self._tools.database.raw() as connection:
            async with connection.transaction():
                standing = await status.lock(connection, carried.key)
                epoch = carried.row["epoch"]
                granted = await rate_limits.grant(connection, (carried.key, epoch), probed.terms, now=now)
                nudges: list[Nudge] = [*granted]
                if standing is None or standing.epoch != epoch or not status_moves.waits(standing.health):
                    await job_rows.end(connection, carried)
                elif probed.worked:
                    nudges.extend(await self._settling.settle(connection, carried.key, standing, Verified()))
                else:
                    await probes.again(connection, carried, probed, rules=self._rules, now=now)
            if probed.worked is None and await status.waiting(connection, carried.key):
                # Parked after this probe had looked, and before it was marked as earned.
                nudges.extend(await parking.look_again(connection, [carried.key], now=now))
        self._tools.announce(nudges)
        log.info("webhook.probed webhook=%s result=%s", carried.key, probed.worked)

    @repeating
    async def _conclude(self, carried: ClaimedJob, proof: Verified | Unverified, terms: RateTerms) -> None:
        """What a challenge's try came to: the status moves, or the next attempt is due."""
        now, tries = self._tools.clock(), carried.row["tries"] + 1
        delays = self._tools.settings.challenge_delays
        nudges: list[Nudge] = []
        async with self._tools.database.raw() as connection, connection.transaction():
            standing = await status.lock(connection, carried.key)
            nudges.extend(await rate_limits.grant(connection, (carried.key, carried.row["epoch"]), terms, now=now))
            if standing is None or standing.epoch != carried.row["epoch"] or not status_moves.waits(standing.health):
                await job_rows.end(connection, carried)
            elif isinstance(proof, Unverified) and tries <= len(delays):
                due_at = now + timedelta(seconds=delays[tries - 1])
                await job_rows.again(connection, carried, due_at=due_at, tries=tries)
                said = status_moves.trying(proof.reason, tries, of=len(delays) + 1, next_at=due_at)
                await status.say(connection, carried.key, said)
            else:
                nudges.extend(await self._settling.settle(connection, carried.key, standing, proof))
                log.info("webhook.greeted webhook=%s result=%s", carried.key, type(proof).__name__.lower())
        self._tools.announce(nudges)

    def vet(self, asked: Registration | Change) -> None:
        """Raises Refused for a URL that could never be sent to, the token endpoint's too, for certificates out of date, and
        where a challenge is left out that the deployment wants."""
        for subject, url in (("destination", asked.destination), ("issuerUrl", asked.issuer_url)):
            if url:
                self._tools.guard.check_url(url, subject=subject)
        check_times(asked, self._tools.clock())
        if self._proof == "challenge" and asked.challenge_request_enabled is False:
            said = "has to be true: this deployment sends only to destinations that have answered a challenge"
            raise Refused(Issue(subject="challengeRequestEnabled", description=said))

    async def _introduce(self, connection: Raw, workspace_id: str, now: datetime, *, verifying: bool = False) -> None:
        limit = self._tools.settings.registrations_per_minute
        await brakes.introduce(connection, workspace_id, now=now, limit=limit, verifying=verifying)
