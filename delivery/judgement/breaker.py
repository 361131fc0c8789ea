"""The health of a webhook: what the results of its attempts make of its status (greenlake.md D.8).

Pausing, enabling, challenges and epochs are left to their doors; writing the status and parking what waits to `ledger`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

from delivery.settings import DeliverySettings

#: The literal forms of greenlake.md 1.3; what the last failure came to follows the first.
FAILING = "Failure in Event Deliveries"
LAST = FAILING + ". The last one: {reason}"
DISABLED_BY = "Webhook Disabled by user: {principal}"


class Status(StrEnum):
    """A webhook's status, as the wire spells it (greenlake.md D.3)."""

    PENDING = "PENDING"
    ACTIVE = "ACTIVE"
    WARNING = "WARNING"
    ERROR = "ERROR"
    DISABLED = "DISABLED"


SENDABLE = frozenset({Status.ACTIVE, Status.WARNING})


@dataclass(frozen=True, kw_only=True, slots=True)
class Health:
    """What is known of a webhook's health."""

    #: Deliveries go out under ACTIVE and WARNING only.
    status: Status
    #: Why it is not ACTIVE, beginning with the literal forms of greenlake.md 1.3 where there is one; "" while it is.
    state_reason: str
    #: Failed attempts since the last success, as far as they lie within the window that ends with the last of them.
    failures: int
    #: When the first of them failed, or None where there are none.
    first_failure_at: datetime | None
    #: When an attempt failed last, successes since then or not; None where none did, or it was healed since.
    last_failure_at: datetime | None


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt that ended, as far as it concerns the webhook."""

    #: Whether it succeeded.
    ok: bool
    #: When it ended.
    at: datetime
    #: Whether its answer disables the webhook at once.
    disables: bool
    #: The outcome's sentence.
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Rules:
    """What makes a webhook halt and how it is probed; durations in seconds."""

    #: More failures than this halt it ...
    halt_failures: int
    #: ... once the first and the last of them lie at least this far apart.
    halt_after: float
    #: Failures older than this are forgotten.
    failure_window: float
    #: Until the first probe, and the longest between two.
    probe_interval: float
    probe_interval_max: float
    #: Without a failure for so long a webhook that had a success since is well again.
    calm_after: float


def rules(settings: DeliverySettings) -> Rules:
    """The rules of a deployment."""
    return Rules(
        halt_failures=settings.halt_failures,
        halt_after=settings.halt_after,
        failure_window=settings.failure_window,
        probe_interval=settings.probe_interval,
        probe_interval_max=settings.probe_interval_max,
        calm_after=settings.calm_after,
    )


def sendable(status: Status) -> bool:
    """Whether deliveries go out to a webhook of this status."""
    return status in SENDABLE


def after(health: Health, results: Sequence[Result], *, rules: Rules, now: datetime) -> Health:
    """The health after `results`, which may come in any order and late.

    A failure recorded only after its window has passed (the database was away) counts no more. A webhook that is
    PENDING or DISABLED is left as it is: such results are of attempts that began before.
    """
    for result in sorted(results, key=lambda each: each.at):
        if health.status in (Status.PENDING, Status.DISABLED):
            break
        if result.disables:
            health = replace(health, status=Status.DISABLED, state_reason=result.reason)
        elif result.ok:
            health = _succeeded(health)
        elif now - result.at <= timedelta(seconds=rules.failure_window):
            # Processes' clocks differ a little: a failure from the future would keep the webhook from calming.
            health = _failed(health, result, min(result.at, now), rules)
    return health


def calm(health: Health, *, rules: Rules, now: datetime) -> Health:
    """ACTIVE instead of WARNING, once no attempt failed for a while: a short one if one has succeeded since, else the window."""
    last = health.last_failure_at
    if health.status is not Status.WARNING or (last and now < calm_at(last, health.failures, rules=rules)):
        return health
    return healed(health)


def calm_at(last_failure_at: datetime, failures: int, *, rules: Rules) -> datetime:
    """When a webhook that warns is well again if nothing fails until then; `failures` are those since the last success."""
    quiet = rules.failure_window if failures else min(rules.calm_after, rules.failure_window)
    return last_failure_at + timedelta(seconds=quiet)


def healed(health: Health) -> Health:
    """ACTIVE with its count cleared, after a good challenge or probe; a DISABLED webhook waits for its user instead."""
    if health.status is Status.DISABLED:
        return health
    return Health(status=Status.ACTIVE, state_reason="", failures=0, first_failure_at=None, last_failure_at=None)


def probe_after(failed_probes: int, rules: Rules) -> float:
    """Seconds until the next probe of a halted webhook, doubling with each of the `failed_probes` before it."""
    # No float doubles more often than this; an ERROR webhook is probed for years.
    return min(rules.probe_interval * 2.0 ** min(failed_probes, 64), rules.probe_interval_max)


def _succeeded(health: Health) -> Health:
    if health.status is Status.ERROR:
        return healed(health)
    # The status stays: WARNING says that an attempt failed within the window, and `calm` ends it.
    return replace(health, failures=0, first_failure_at=None)


def _failed(health: Health, result: Result, at: datetime, rules: Rules) -> Health:
    recent, first = _recent(health, at - timedelta(seconds=rules.failure_window))
    failures = recent + 1
    first = min(first, at) if first else at
    last = max(health.last_failure_at, at) if health.last_failure_at else at
    counted = replace(health, failures=failures, first_failure_at=first, last_failure_at=last)
    if health.status is Status.ERROR:
        return counted
    # Both moments are the failures' own: a burst that is recorded late is still a burst.
    halts = failures > rules.halt_failures and last - first >= timedelta(seconds=rules.halt_after)
    overtaken = health.status is Status.WARNING and at < last
    said = health.state_reason if overtaken else LAST.format(reason=result.reason.rstrip("."))
    return replace(counted, status=Status.ERROR if halts else Status.WARNING, state_reason=said)


def _recent(health: Health, floor: datetime) -> tuple[int, datetime | None]:
    """How many of the counted failures lie at or after `floor`, and the first of those.

    Only the number and both ends are kept, not each moment. While all lie within, that is exact, and so it is once all
    lie before; in between they are taken as evenly spread, and the last one, known to lie within, is always counted.
    """
    first, last = health.first_failure_at, health.last_failure_at
    if health.failures == 0 or first is None or last is None or last < floor:
        return 0, None
    if first >= floor:
        return health.failures, first
    # Whole numbers: a rounding error would be carried on with every failure.
    return max(1, health.failures * (last - floor) // (last - first)), floor
