"""The status move that a change of a webhook asks for (greenlake.md D.8).

Writing it, and all that follows from it, is left to `ledger/webhooks/status.py`; what a destination's answers make of
it to `webhook_lifecycle.py`.
"""

from datetime import UTC, datetime

from delivery.judgement.breaker import DISABLED_BY, Health, Status, sendable
from delivery.ledger.webhooks.status import LockedWebhook, StatusMove
from subscriptions.webhooks import webhook
from subscriptions.webhooks.webhook import Change, Webhook


def asks(challenged: bool, proof: str) -> bool:
    """Whether a webhook is PENDING at first: its destination is challenged, or has to allow what it is to be sent."""
    return challenged or proof != "never"


def trying(reason: str, tries: int, *, of: int, next_at: datetime) -> str:
    """What PENDING says after an attempt of the challenge that failed."""
    return f"{reason.rstrip('.')} (try {tries} of {of}; the next at {next_at.astimezone(UTC):%H:%M:%S} UTC)"


def move_of(before: Webhook, change: Change, principal: str, *, now: datetime, proof: str) -> StatusMove | None:
    """The status move that a change asks for, or None where the status stays.

    `proof` is HOOKLAKE_REQUIRE_PROOF: with one, nobody is sent to before it was asked for.
    """
    decisive = webhook.raises_epoch(before, change)
    challenged = (
        before.challenge_request_enabled
        if change.challenge_request_enabled is None
        else change.challenge_request_enabled
    )
    if change.paused or (before.paused and change.paused is None and decisive):
        reason = before.state_reason if before.paused else DISABLED_BY.format(principal=principal)
        if before.paused and not decisive:
            return None
        return StatusMove(health=fresh(Status.DISABLED, reason), new_epoch=True, generations=_counted(change))
    if (before.paused and change.paused is False) or decisive:
        status = Status.PENDING if asks(challenged, proof) else Status.ACTIVE
        return StatusMove(
            health=fresh(status, ""),
            new_epoch=True,
            challenge_at=now,
            generations=_counted(change),
        )
    return None


def fresh(status: Status, reason: str) -> Health:
    """A status without failures."""
    return Health(status=status, state_reason=reason, failures=0, first_failure_at=None, last_failure_at=None)


def waits(health: Health) -> bool:
    """Whether a webhook is waiting to be sent to: not paused, and neither active nor warned."""
    return not sendable(health.status) and health.status is not Status.DISABLED


def may_tell(standing: LockedWebhook, proof: str) -> bool:
    """Whether a verification says anything of the status: not of a paused webhook, nor of one that has to prove nothing."""
    return asks(standing.challenge_request_enabled, proof) and standing.health.status is not Status.DISABLED


def _counted(change: Change) -> int:
    """The registry counts a change of columns as one generation; `paused` alone is counted by the move."""
    return 0 if set(change.given()) - {"paused"} else 1
