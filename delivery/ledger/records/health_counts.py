"""What many attempts came to is counted on their webhooks, under the webhook's row lock and epoch (protocol.md 6.1, 6.2).

The judgement itself is `judgement/breaker.py`'s; what a move brings with it, `ledger/webhooks/status.py`'s.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from delivery.judgement.breaker import Health, Rules, Status, sendable
from delivery.ledger.webhooks import state_history, status
from delivery.ledger.webhooks.status import StatusMove
from subscriptions.ground import event_keys
from subscriptions.ground.database import Raw
from subscriptions.ground.statements import statement


class HealthChange(msgspec.Struct, frozen=True, kw_only=True):
    """What `change.sql` is given."""

    webhook: UUID
    failures: int
    first_failure_at: datetime | None
    last_failure_at: datetime | None
    status: Status
    state_reason: str
    moved: int
    now: datetime


CHANGE = statement(__package__, "change", HealthChange, state_history.PARTS)

# Of deliveries, not of challenges (`challenge_attempts.py`).
# Asked only when the count would halt the webhook; the newest attempts come first in its index.
SUCCEEDED = """
SELECT EXISTS (
    SELECT 1 FROM attempts WHERE webhook = $1 AND success AND started_at > $2 AND event >= $3 AND round >= 0
    ORDER BY event DESC LIMIT 1
)
"""

THERE = "SELECT EXISTS (SELECT 1 FROM webhooks WHERE id = $1 AND deleted_at IS NULL)"


class WebhookLocked(Exception):
    """Others hold the webhook's row: nothing was changed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class HealthRules:
    """How a webhook is judged."""

    now: datetime
    rules: Rules
    #: Others who hold its row are waited for.
    patient: bool = True


async def change(
    connection: Raw, of: tuple[UUID, int], judge: Callable[[Health], Health], terms: HealthRules
) -> tuple[Health, Health] | None:
    """Judges what the attempts `of` a (webhook, epoch) came to, and writes what changed.

    Answers its health before and after, or None where the epoch is over (or the webhook not sendable) and the attempts say
    nothing any more. An ERROR gets its first probe an interval later; a DISABLED one gets a new epoch, as a pause by
    hand does. No webhook that answered well within the failure window is halted (greenlake.md D.8). Raises WebhookLocked for the
    impatient.
    """
    (webhook, epoch), now, rules = of, terms.now, terms.rules
    since = now - timedelta(seconds=rules.failure_window)
    async with connection.transaction():
        standing = await status.lock(connection, webhook, patient=terms.patient)
        if standing is None and not terms.patient and await connection.fetchval(THERE, webhook):
            raise WebhookLocked
        if standing is None or standing.epoch != epoch or not sendable(standing.health.status):
            return None
        before, after = standing.health, judge(standing.health)
        if after.status is Status.ERROR and await connection.fetchval(
            SUCCEEDED, webhook, since, event_keys.floor(since)
        ):
            after = replace(after, status=Status.WARNING)
        if not sendable(after.status):
            probe = now + timedelta(seconds=rules.probe_interval) if after.status is Status.ERROR else None
            disabled = after.status is Status.DISABLED
            await status.move(
                connection, webhook, StatusMove(health=after, new_epoch=disabled, challenge_at=probe), now=now
            )
        elif after != before:
            # WARNING and ACTIVE send alike: nothing was parked, nothing needs waking.
            await CHANGE.execute(connection, _change(webhook, before, after, now))
        return before, after


def _change(webhook: UUID, before: Health, after: Health, now: datetime) -> HealthChange:
    return HealthChange(
        webhook=webhook,
        failures=after.failures,
        first_failure_at=after.first_failure_at,
        last_failure_at=after.last_failure_at,
        status=after.status,
        state_reason=after.state_reason,
        moved=int(after.status is not before.status),
        now=now,
    )
