"""What a destination allows, read from its OPTIONS answer; and when it is asked again (greenlake.md 5.5).

Sending the question is left to the wire, giving the send times of a granted rate to `ledger/claims/paces.py`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final, Literal
from uuid import UUID

RATE, ORIGIN = "webhook-allowed-rate", "webhook-allowed-origin"
#: `endpointRateLimit` of a destination that takes any number of requests.
UNLIMITED = -1
#: What the column holds; nobody is sent to as often as this.
MOST = 2**31 - 1
#: Refusals that come before anybody looked at what was asked: they say nothing of what is allowed.
REFUSALS = frozenset({401, 403, 407, 408, 425, 429})
NOT_IMPLEMENTED = 501

_NUMBER = re.compile(r"0*([1-9][0-9]*)\Z", re.ASCII)


class Keep(Enum):
    """The answer says nothing of it, or nothing that makes sense: what held before goes on to hold."""

    KEEP = auto()


KEEP: Final = Keep.KEEP
Kept = Literal[Keep.KEEP]


@dataclass(frozen=True, kw_only=True, slots=True)
class RateTerms:
    """What one OPTIONS exchange says of a destination."""

    #: Requests per minute, UNLIMITED, or None where the destination answers and names no rate.
    rate: int | Kept | None
    #: The origin that was asked for, where it was allowed, and empty where not; posts repeat it.
    origin: str | Kept


#: No answer came.
SILENCE = RateTerms(rate=KEEP, origin=KEEP)
#: What holds of a destination that nobody has asked.
UNASKED = RateTerms(rate=None, origin="")


def terms(status: int, headers: Sequence[tuple[str, str]], *, origin: str) -> RateTerms:
    """What the answer to an OPTIONS from `origin` allows.

    A header counts whatever the status, and a status never stands for one (cloudevents.md W10). Without them an answer
    means "no rate, no origin" if it comes from the destination itself: also a 404, a 405 or a 501, which is how handlers
    that know nothing of OPTIONS answer. A redirect, a refusal and a server that is broken mean nothing.
    """
    rates = _values(headers, RATE)
    origins = _values(headers, ORIGIN)
    says = 200 <= status <= 299 or status == NOT_IMPLEMENTED or (400 <= status <= 499 and status not in REFUSALS)
    return RateTerms(
        rate=_rate(rates) if rates else (None if says else KEEP),
        origin=(origin if _allows(origins, origin) else "") if origins else ("" if says else KEEP),
    )


def beat_after(webhook: UUID, interval: float) -> float:
    """Seconds from one heartbeat of the webhook to its next: from half of `interval` to the whole of it.

    Its id, which is random, says where between: webhooks that became active together do not beat together, and nobody
    has to draw.
    """
    return interval * (0.5 + (webhook.int >> 112) / (1 << 17))


def _values(headers: Sequence[tuple[str, str]], name: str) -> list[str]:
    """Each value given: a list in one header is the same as several headers (RFC 9110 5.3)."""
    return [part.strip() for key, text in headers if key.lower() == name for part in text.split(",")]


def _rate(values: Sequence[str]) -> int | Kept:
    """The rate that all of them name; 0, negatives, empty ones and words are not allowed, nor are two that disagree."""
    named = {_number(value) for value in values}
    return named.pop() if len(named) == 1 else KEEP


def _number(text: str) -> int | Kept:
    if text == "*":
        return UNLIMITED
    found = _NUMBER.match(text)
    if found is None:
        return KEEP
    return min(int(found[1]), MOST) if len(found[1]) <= len(str(MOST)) else MOST


def _allows(values: Sequence[str], origin: str) -> bool:
    """Scheme and host are compared as a browser would: in any case."""
    return any(value == "*" or value.lower() == origin.lower() for value in values)
