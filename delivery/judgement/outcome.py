"""What one attempt came to: success, worth another attempt, or final; by the deployment's policy (greenlake.md D.7, 5.1).

When the next attempt is made is left to `retry`, what it means for the webhook's health to `breaker`.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from functools import lru_cache
from http import HTTPStatus
from typing import Literal

import msgspec
from msgspec.structs import replace

Policy = Literal["standard", "greenlake"]

#: What greenlake.md 5.1 retries; every other answer from 300 to 599 fails at once and disables the webhook.
GREENLAKE_RETRIED = frozenset({404, 413, 415, 425, 429, 502, 503, 504})

SECONDS = re.compile(r"[0-9]+")
#: A year. No number of seconds beyond it is a wait: it is a moment, in seconds or milliseconds since 1970.
LONGEST_WAIT = 31_536_000.0
#: Characters of one that is read; no date and no wait is longer.
LONGEST_VALUE = 64

#: How the reason of an answer ends that disables its webhook.
DISABLED = ": the webhook was disabled"

#: Put before a failure's cause where that alone does not say what kind of failure it was.
PREFIXES = {"timeout": "time-out: ", "blocked": "blocked: "}


class OutcomeKind(StrEnum):
    """What can follow: nothing more to do, another attempt, or giving up at once."""

    SUCCESS = "success"
    RETRYABLE = "retryable"
    FINAL = "final"


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What an attempt came to."""

    #: Whether it succeeded, may be tried again, or is final.
    kind: OutcomeKind
    #: The HTTP status, or None where no answer came.
    status: int | None
    #: Seconds that a retryable answer asked to be left alone for, or None where it named none.
    retry_after: float | None
    #: One readable sentence for logs, records and the webhook's state.
    reason: str
    #: Whether it disables the webhook at once.
    disables: bool


def of_reply(status: int, retry_after: Sequence[str], *, policy: Policy, now: datetime) -> Outcome:
    """The outcome of an answer of this status and with these `Retry-After` values; dates count from `now` (aware)."""
    outcome = _of_status(status, policy)
    if not retry_after or outcome.kind is not OutcomeKind.RETRYABLE:
        return outcome
    return replace(outcome, retry_after=_longest_wait(retry_after, now))


def of_failure(kind: str, cause: str, *, policy: Policy) -> Outcome:
    """The outcome of an attempt that no answer came to: retried (greenlake.md D.7), but for what can never be written.

    `kind` is the word of the sender's failure kind, `cause` its readable sentence. Only `blocked` parts the policies:
    no connection failed there, and GreenLake drops events where a name leads to a private address (greenlake.md 1.2).
    """
    dropped = kind == "unwritable" or (policy == "greenlake" and kind == "blocked")
    return Outcome(
        kind=OutcomeKind.FINAL if dropped else OutcomeKind.RETRYABLE,
        status=None,
        retry_after=None,
        reason=f"{PREFIXES.get(kind, '')}{cause}" if cause else kind,
        disables=False,
    )


@lru_cache(maxsize=2048)
def _of_status(status: int, policy: Policy) -> Outcome:
    kind, disables = _standard(status) if policy == "standard" else _greenlake(status)
    return Outcome(
        kind=kind, status=status, retry_after=None, reason=_reason(status, disables=disables), disables=disables
    )


def _standard(status: int) -> tuple[OutcomeKind, bool]:
    if 200 <= status < 300:
        return OutcomeKind.SUCCESS, False
    if status == 410:
        return OutcomeKind.FINAL, True
    # greenlake.md D.7 sets 3xx apart from all else, which is retried: a redirect is an address to be corrected, and
    # asking the old one again for half a day does not do that.
    if 300 <= status < 400:
        return OutcomeKind.FINAL, False
    return OutcomeKind.RETRYABLE, False


def _greenlake(status: int) -> tuple[OutcomeKind, bool]:
    if 200 <= status < 300:
        return OutcomeKind.SUCCESS, False
    # Outside 300-599 the table is silent: no verdict of the destination, so it is asked again like after a time-out.
    if status in GREENLAKE_RETRIED or not 300 <= status < 600:
        return OutcomeKind.RETRYABLE, False
    return OutcomeKind.FINAL, True


def _reason(status: int, *, disables: bool) -> str:
    try:
        said = f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        said = str(status)
    if disables:
        return said + DISABLED
    return f"{said}: redirects are not followed" if 300 <= status < 400 else said


def _longest_wait(values: Iterable[str], now: datetime) -> float | None:
    """Several headers contradict each other: the longest wait is the one that disobeys none of them."""
    waits = (_wait(value.strip(), now) for value in values)
    return max((wait for wait in waits if wait is not None), default=None)


def _wait(value: str, now: datetime) -> float | None:
    """Seconds from one `Retry-After` value (RFC 9110, 10.2.3), at least 0; None where it is neither a wait nor a date."""
    if len(value) > LONGEST_VALUE:
        return None
    if SECONDS.fullmatch(value):
        # By float: int() refuses thousands of digits.
        seconds = float(value)
        return seconds if seconds <= LONGEST_WAIT else None
    try:
        when = parsedate_to_datetime(value)
    except (ValueError, OverflowError, IndexError):
        return None
    # The asctime form carries no zone and means UTC.
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    return min(max((when - now).total_seconds(), 0.0), LONGEST_WAIT)
