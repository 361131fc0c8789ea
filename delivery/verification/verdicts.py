"""What a proof, or the lack of one, makes of a webhook, in the transaction of whoever asked for it.

Asking is left to `challenges.py`, when it is done to `webhook_lifecycle.py`.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from delivery.judgement import breaker, pace
from delivery.judgement.breaker import Health, Result, Status, sendable
from delivery.ledger.records import health_counts
from delivery.ledger.webhooks import status
from delivery.ledger.webhooks.status import LockedWebhook, StatusMove
from delivery.settings import DeliverySettings
from delivery.tickets import Nudge
from delivery.verification import status_moves
from delivery.wire.challenge import Unverified, Verified
from subscriptions.ground.database import Clock, Raw


class Verdicts:
    """Moves statuses by what destinations answered."""

    def __init__(self, clock: Clock, settings: DeliverySettings) -> None:
        self._clock = clock
        self._rules = breaker.rules(settings)
        self._interval = settings.heartbeat_interval

    async def verified(
        self, connection: Raw, webhook_id: UUID, standing: LockedWebhook, proof: Verified | Unverified
    ) -> Sequence[Nudge]:
        """What a verification makes of the status: one bad answer halts nothing that is sent to."""
        if isinstance(proof, Verified) or not sendable(standing.health.status):
            return await self.apply(connection, webhook_id, standing, proof)
        now = self._clock()
        failed = Result(ok=False, at=now, disables=False, reason=proof.reason)

        def judge(of: Health) -> Health:
            return replace(breaker.after(of, [failed], rules=self._rules, now=now), state_reason=proof.reason)

        await health_counts.change(
            connection, (webhook_id, standing.epoch), judge, health_counts.HealthRules(now=now, rules=self._rules)
        )
        return ()

    async def apply(
        self, connection: Raw, webhook_id: UUID, standing: LockedWebhook, proof: Verified | Unverified
    ) -> Sequence[Nudge]:
        """ACTIVE after a good answer, ERROR with its reason and a probe to come after a bad one."""
        now = self._clock()
        if isinstance(proof, Verified):
            healed = status_moves.fresh(Status.ACTIVE, "")
            if standing.health == healed:
                return ()
            beat_at = self.next_beat(webhook_id, now)
            return await status.move(connection, webhook_id, StatusMove(health=healed, challenge_at=beat_at), now=now)
        if standing.health.status is Status.ERROR:
            # Its next probe, and how far apart they are by now, stay.
            await status.explain(connection, webhook_id, proof.reason, now=now)
            return ()
        failed = replace(standing.health, status=Status.ERROR, state_reason=proof.reason)
        probe_at = now + timedelta(seconds=self._rules.probe_interval)
        await status.move(connection, webhook_id, StatusMove(health=failed, challenge_at=probe_at), now=now)
        return ()

    def next_beat(self, webhook_id: UUID, now: datetime) -> datetime:
        """When the webhook's destination is asked next what it allows."""
        return now + timedelta(seconds=pace.beat_after(webhook_id, self._interval))
