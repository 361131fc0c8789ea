"""The door for webhooks: register, change, remove, verify. Challenges, probes and heartbeats that follow: `challenge_jobs.py`.

Rows of webhooks are the registry's, what a status move brings with it the ledger's, asking destinations `challenges.py`'s.
"""

import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime
from uuid import UUID

from delivery.foundation import WiredFoundation
from delivery.judgement.breaker import Status
from delivery.judgement.pace import UNASKED
from delivery.ledger.webhooks import brakes, rate_limits, state_history, status
from delivery.tickets import Job, JobKind, Nudge
from delivery.verification import status_moves
from delivery.verification.challenge_jobs import MARGIN, ChallengeJobs
from delivery.verification.challenges import ChallengeResult, DestinationResponse
from delivery.verification.verdicts import Verdicts
from subscriptions.ground import audit, database
from subscriptions.ground.database import Connection, Raw, repeating
from subscriptions.ground.errors import Issue, Refused
from subscriptions.webhooks import audited, webhook_list
from subscriptions.webhooks.webhook import Change, Owner, Registration, Webhook, check_times
from subscriptions.webhooks.webhook_list import WebhookPage, WebhookQuery

log = logging.getLogger("hooklake.delivery")

#: What else belongs to a webhook's registration, change or removal, of the webhook with this id.
Beside = Callable[[Connection, UUID], Awaitable[None]]


async def _nothing(_connection: Connection, _webhook: UUID) -> None:
    """What most have beside them."""


class _RehearsedError(Exception):
    """Undoes what was only tried."""


class WebhookLifecycle:
    """Webhooks from registration to removal, and the proof that their destination wants them."""

    def __init__(self, base: WiredFoundation) -> None:
        self._base = base
        self._verdicts = Verdicts(base.clock, base.settings)
        #: What is due at a webhook.
        self.challenge_jobs = ChallengeJobs(base, self._verdicts)
        self._proof = base.settings.require_proof

    async def register(self, registration: Registration, owner: Owner, *, also: Beside = _nothing) -> Webhook:
        """A new webhook, its challenge written down with it, or its first heartbeat where it has none.

        `also`, here and below, is written in the same transaction. Raises Refused, LimitReached, TooSoon.
        """
        self.vet(registration)
        now = self._base.clock()
        pending = status_moves.asks(registration.challenge_request_enabled, self._proof)
        async with self._base.database.transaction() as connection:
            webhook = await self._base.webhook_store.insert(connection, registration, owner, now=now, pending=pending)
            raw = await database.raw_of(connection)
            await state_history.begin(raw, webhook.id, Status(webhook.status), now=now)
            purpose = status.PURPOSES.get(Status(webhook.status), status.HEARTBEAT)
            nudge = await status.put_challenge(raw, webhook.id, webhook.epoch, purpose=purpose, due_at=now)
            await also(connection, webhook.id)
            await self._introduce(raw, owner.workspace_id, now)
            await audit.note(raw, audited.registered(webhook, registration))
        self._base.announce([nudge])
        return webhook

    async def rehearse(self, registration: Registration, owner: Owner) -> None:
        """Raises what `register` would raise now, but for the limit of a minute; nothing is kept, and nobody is asked."""
        self.vet(registration)
        with suppress(_RehearsedError):
            async with self._base.database.transaction() as connection:
                await self._base.webhook_store.insert(connection, registration, owner, now=self._base.clock())
                raise _RehearsedError

    async def find(self, workspace_id: str | None, webhook_id: UUID) -> Webhook:
        """One of the workspace's, or anybody's for None; raises Absent."""
        async with self._base.database.transaction() as connection:
            return await self._base.webhook_store.find(connection, workspace_id, webhook_id)

    async def listed(self, query: WebhookQuery) -> WebhookPage:
        """A page of webhooks."""
        async with self._base.database.transaction() as connection:
            return await webhook_list.listed(connection, query)

    async def change(
        self, workspace_id: str | None, webhook_id: UUID, change: Change, *, by: str = "", also: Beside = _nothing
    ) -> Webhook:
        """The webhook after the change; raises Absent, Refused, TooSoon.

        Destination, secrets, credentials or `challengeRequestEnabled` begin a new epoch and ask for a new challenge;
        `paused` halts or starts the webhook (greenlake.md D.8, 5.3); `by` is the principal whom its `stateReason` then names.
        """
        self.vet(change)
        now = self._base.clock()
        async with self._base.database.transaction() as connection:
            before = await self._base.webhook_store.find(connection, workspace_id, webhook_id, lock=True)
            await also(connection, webhook_id)
            await self._base.webhook_store.update(connection, webhook_id, change, now=now)
            raw = await database.raw_of(connection)
            nudges: list[Nudge] = []
            if change.destination not in (None, before.destination):
                nudges.extend(await rate_limits.allow(raw, (webhook_id, before.epoch), UNASKED, now=now))
            move = status_moves.move_of(before, change, by or before.hpe_principal, now=now, proof=self._proof)
            if move is not None and move.challenge_at is not None:
                await self._introduce(raw, before.workspace_id, now)
            if move is not None:
                nudges.extend(await status.move(raw, webhook_id, move, now=now))
            after = await self._base.webhook_store.find(connection, workspace_id, webhook_id)
            await audit.note(raw, audited.changed(before, after, change))
        if before.batching and not after.batching:
            nudges.append(Job(kind=JobKind.BATCH, key=webhook_id, fence=0))
        self._base.announce(nudges)
        return after

    async def promote(self, workspace_id: str | None, webhook_id: UUID, *, by: str = "") -> Webhook:
        """The second secret becomes the only one: the last step of a rotation. Raises as `change` does, Refused without one."""

        async def second(connection: Connection) -> str:
            hooks = await self._base.webhook_store.hooks(await database.raw_of(connection), [webhook_id])
            if webhook_id in hooks and hooks[webhook_id].sealed is not None:
                raise Refused(Issue(subject="secondarySecret", description=str(hooks[webhook_id].sealed)))
            if webhook_id not in hooks or len(hooks[webhook_id].secrets) < 2:
                raise Refused(
                    Issue(subject="secondarySecret", description="there is none that could become the secret")
                )
            return hooks[webhook_id].secrets[1]

        async with self._base.database.transaction() as connection:
            await self._base.webhook_store.find(connection, workspace_id, webhook_id)
            promoted = await second(connection)

        async def unchanged(connection: Connection, _webhook: UUID) -> None:
            if await second(connection) != promoted:
                raise Refused(Issue(subject="secondarySecret", description="was changed by somebody else just now"))

        change = Change(secret=promoted, secondary_secret="")
        return await self.change(workspace_id, webhook_id, change, by=by, also=unchanged)

    async def remove(self, workspace_id: str | None, webhook_id: UUID, *, force: bool, also: Beside = _nothing) -> None:
        """Deletes it, softly (protocol.md 6.7); raises Absent, and Refused while it has subscriptions (greenlake.md D.12)."""
        now = self._base.clock()
        async with self._base.database.transaction() as connection:
            standing = await self._base.webhook_store.find(connection, workspace_id, webhook_id, lock=True)
            await also(connection, webhook_id)
            count = await self._base.webhook_store.subscription_count(connection, webhook_id)
            if count and not force:
                said = f"the webhook has {count} subscription(s); delete them first, or say force=true"
                raise Refused(Issue(subject="force", description=said, source="query.parameter"))
            await self._base.webhook_store.soft_delete(connection, webhook_id, now=now)
            raw = await database.raw_of(connection)
            nudge = await status.forget(raw, webhook_id, now=now)
            await audit.note(raw, audited.removed(standing))
        self._base.announce([nudge])

    async def verify(self, workspace_id: str | None, webhook_id: UUID) -> tuple[Webhook, DestinationResponse]:
        """One handshake, answered inline; the status tells the result (greenlake.md D.13).

        Of a webhook that is sent to, a bad answer counts as one failed attempt and no more. Raises Absent, and TooSoon while
        another one is under way.
        """
        now, lasts = self._base.clock(), self._base.settings.challenge_timeout + MARGIN
        async with self._base.database.transaction() as connection:
            asked = await self._base.webhook_store.find(connection, workspace_id, webhook_id, lock=True)
            raw = await database.raw_of(connection)
            fence = await brakes.begin_verification(raw, webhook_id, now=now, lasts=lasts)
            await self._introduce(raw, asked.workspace_id, now, verifying=True)
            hook = (await self._base.webhook_store.hooks(raw, [webhook_id]))[webhook_id]
        result = await self.challenge_jobs.shake(hook)
        webhook = await self._verified(asked, result, fence)
        response = result.response
        log.info("webhook.verified webhook=%s status=%s answer=%d", webhook_id, webhook.status, response.status_code)
        return webhook, response

    @repeating
    async def _verified(self, asked: Webhook, result: ChallengeResult, fence: int) -> Webhook:
        nudges: list[Nudge] = []
        async with self._base.database.transaction() as connection:
            raw = await database.raw_of(connection)
            standing = await status.lock(raw, asked.id)
            nudges.extend(await rate_limits.allow(raw, (asked.id, asked.epoch), result.terms, now=self._base.clock()))
            if standing is not None and standing.epoch == asked.epoch and status_moves.may_tell(standing, self._proof):
                nudges.extend(await self._verdicts.verified(raw, asked.id, standing, result.proof))
            await brakes.end_verification(raw, asked.id, fence)
            webhook = await self._base.webhook_store.find(connection, asked.workspace_id, asked.id)
            await audit.note(raw, audited.verified(webhook, result.response.status_code))
        self._base.announce(nudges)
        return webhook

    def vet(self, asked: Registration | Change) -> None:
        """Raises Refused for a URL that could never be sent to, the token endpoint's too, for certificates out of date, and
        where a challenge is left out that the deployment wants."""
        for subject, url in (("destination", asked.destination), ("issuerUrl", asked.issuer_url)):
            if url:
                self._base.guard.check_url(url, subject=subject)
        check_times(asked, self._base.clock())
        if self._proof == "challenge" and asked.challenge_request_enabled is False:
            said = "has to be true: this deployment sends only to destinations that have answered a challenge"
            raise Refused(Issue(subject="challengeRequestEnabled", description=said))

    async def _introduce(self, connection: Raw, workspace_id: str, now: datetime, *, verifying: bool = False) -> None:
        limit = self._base.settings.registrations_per_minute
        await brakes.introduce(connection, workspace_id, now=now, limit=limit, verifying=verifying)
