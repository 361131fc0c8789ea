"""The handshake: the question a destination is asked, and whether its answer proves that it knows a secret.

Sending, repeating and what becomes of the webhook are left to `delivery.verification.webhook_lifecycle`.
"""

import codecs
import hmac
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus

import msgspec

from delivery.wire import signing
from delivery.wire.parcels import Failure, Reply
from subscriptions.events.event import Naming

#: The literal forms of greenlake.md 1.3.
WRONG_ANSWER = "HMAC validation failed. Please verify webhook secret."
UNREACHABLE = "Webhook URL unreachable. error: {error}"
#: What is said besides where the answer cannot be right, whatever the secret is: nothing that tells how near it came.
MISSHAPEN = " The answer {what}; an HMAC-SHA256 is 64 hexadecimal digits."
#: Behind the answers of those who believe neither signature nor credentials.
UNBELIEVED = ": it was reached, and has another secret than the webhook, or asks for credentials (authType)"
#: For a 2xx that holds no HMAC at all, wrong or right.
UNANSWERED = (
    'The challenge was answered {phrase} {what}; expected is {{"verification": "<HMAC of challengeRequest, in hex>"}}'
)


@dataclass(frozen=True, kw_only=True)
class Verified:
    """The destination knows a live secret."""


@dataclass(frozen=True, kw_only=True)
class Unverified:
    """The destination was not reached, or does not know a secret."""

    #: For the webhook's `stateReason`.
    reason: str


class _Answer(msgspec.Struct):
    verification: str


GREENLAKE = Naming()
_decoder = msgspec.json.Decoder(_Answer)


def event(*, challenge: str, event_id: str, workspace_id: str, now: datetime, naming: Naming = GREENLAKE) -> bytes:
    """The verification event as it is sent: keys sorted at both levels, whole seconds (greenlake.md 2.1, D.1)."""
    question = {
        "data": {"challengeRequest": challenge},
        "datacontenttype": "application/json",
        "id": event_id,
        "source": source_of(naming),
        "specversion": "1.0",
        "subject": workspace_id,
        "time": now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "type": type_of(naming),
    }
    return msgspec.json.encode(question, order="sorted")


def source_of(naming: Naming) -> str:
    """The `source` of a deployment's challenges."""
    return f"https://global.{naming.host}/events"


def type_of(naming: Naming) -> str:
    """Their `type`."""
    return f"{naming.prefix}.events.v1beta1.webhooks.verification"


def judge(answer: Reply | Failure, *, challenge: str, secrets: tuple[str, ...]) -> Verified | Unverified:
    """Any 2xx whose JSON object holds the right `verification` proves it, whatever else it holds (greenlake.md 2.2).

    `secrets`: primary, then secondary. The digest may be spelled in either case.
    """
    if isinstance(answer, Failure):
        return Unverified(reason=UNREACHABLE.format(error=answer.cause))
    if not 200 <= answer.status <= 299:
        hint = UNBELIEVED if answer.status in (401, 403) else ""
        return Unverified(reason=UNREACHABLE.format(error=f"the destination answered {_phrase(answer.status)}{hint}"))
    try:
        # A byte-order mark may be passed over (RFC 8259 8.1); some frameworks write one.
        given = _decoder.decode(answer.body.removeprefix(codecs.BOM_UTF8)).verification.strip()
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        return Unverified(reason=UNANSWERED.format(phrase=_phrase(answer.status), what=_what(answer, error)))
    # No early end: the time taken must not tell which secret came how close.
    digest = given.lower().encode()
    matches = [hmac.compare_digest(signing.answer(secret, challenge).encode(), digest) for secret in secrets]
    return Verified() if any(matches) else Unverified(reason=WRONG_ANSWER + _shape(given))


def _shape(given: str) -> str:
    """Why a text is no digest in hexadecimal digits, which says nothing of any secret; empty for one that could be."""
    if re.fullmatch("[0-9A-Fa-f]{64}", given):
        return ""
    if re.fullmatch("(?i)sha256=[0-9a-f]{64}", given):
        what = "begins with sha256=, which belongs to signatures alone"
    elif re.fullmatch("[A-Za-z0-9+/_-]{43}=?", given):
        what = "looks like base64"
    elif re.fullmatch("[0-9A-Fa-f]+", given):
        what = f"has {len(given)} hexadecimal digits"
    else:
        what = f"is another text, of {len(given)} characters" if given else "is empty"
    return MISSHAPEN.format(what=what)


def _what(answer: Reply, error: Exception) -> str:
    """What an answer is that holds no verification."""
    if not answer.body.strip():
        return "with an empty body"
    if answer.truncated:
        return "with more than is read of an answer"
    if isinstance(error, msgspec.ValidationError):
        return "with JSON that holds no `verification` as a text"
    return "with what is not JSON"


def _phrase(status: int) -> str:
    try:
        said = f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        said = str(status)
    return f"{said}: redirects are not followed" if 300 <= status <= 399 else said
