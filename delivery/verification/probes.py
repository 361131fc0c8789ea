"""Probes of a webhook in ERROR: what heals it, and what a probe that did not heal it leaves (protocol.md 6.6).

Where its challenge had failed, an answered one heals it. Where it was halted since its deliveries failed, it has to take a
delivery: an answered challenge, if it has any, earns it one. What healing brings with it is left to `webhook_lifecycle.py`.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from delivery.judgement import breaker
from delivery.judgement.breaker import FAILING, Rules
from delivery.judgement.pace import SILENCE, RateTerms
from delivery.ledger.jobs import job_rows
from delivery.ledger.jobs.job_rows import ClaimedJob
from delivery.ledger.webhooks import status
from delivery.verification.challenges import ChallengeResult
from delivery.wire.challenge import Unverified
from subscriptions.ground.database import Raw
from subscriptions.webhooks.webhook_store import Hook

#: Attempts an owed delivery: whether it was taken, or None where there was none to try, or no slot for it.
Deliver = Callable[[UUID], Awaitable[bool | None]]

#: Asks its question, and keeps what came of it.
Shake = Callable[[Hook], Awaitable[ChallengeResult]]

ANSWERED = "The challenge was answered; "
REFUSED = "the delivery that followed it as a probe failed"
PROBE_REFUSED = "the last probe, a delivery, failed too"
WAITS = "the next event is sent at once, as a probe"


@dataclass(frozen=True, kw_only=True)
class ProbeResult:
    """What a probe came to."""

    #: Whether the webhook is well; None where there was nothing to try.
    worked: bool | None
    terms: RateTerms
    #: What its `stateReason` is to say from now on; "" where that stays.
    reason: str = ""


async def probe(hook: Hook, shake: Shake | None, deliver: Deliver, *, halted: bool) -> ProbeResult:
    """A question where the webhook is asked any (`shake`), and a delivery where it was halted, or is asked none."""
    terms, asked = SILENCE, shake is not None
    if shake is not None:
        result = await shake(hook)
        terms = result.terms
        if isinstance(result.proof, Unverified):
            reason = f"{FAILING}. The last challenge failed too: {result.proof.reason}" if halted else ""
            return ProbeResult(worked=False, terms=terms, reason=reason)
        if not halted:
            return ProbeResult(worked=True, terms=terms)
    worked = await deliver(hook.id)
    if worked is None:
        said = f"{ANSWERED}{WAITS}" if asked else WAITS[0].upper() + WAITS[1:]
    else:
        said = f"{ANSWERED}{REFUSED}" if asked else PROBE_REFUSED[0].upper() + PROBE_REFUSED[1:]
    return ProbeResult(worked=worked, terms=terms, reason=f"{FAILING}. {said}")


async def again(connection: Raw, carried: ClaimedJob, probed: ProbeResult, *, rules: Rules, now: datetime) -> None:
    """The next probe, each that failed doubling the wait; one with nothing to try counts for none, and is marked as earned.

    Under the webhook's lock.
    """
    tries, purpose, reason = carried.row["tries"] + 1, status.PROBE, probed.reason
    if probed.worked is None:
        tries, reason = carried.row["tries"], ""
        if not await status.waiting(connection, carried.key):
            purpose, reason = status.EARNED, probed.reason
    due_at = now + timedelta(seconds=breaker.probe_after(tries, rules))
    await job_rows.again(connection, carried, due_at=due_at, tries=tries, purpose=purpose)
    if reason:
        await status.explain(connection, carried.key, reason, now=now)
