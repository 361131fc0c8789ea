"""The handshake: a destination is asked to prove that it knows a secret, and what it allows, side by side.

What its answers make of the webhook is left to `webhook_lifecycle.py`.
"""

import asyncio
import functools
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from uuid import UUID, uuid4

import msgspec
from msgspec.structs import replace

from delivery import destinations
from delivery.judgement import pace
from delivery.judgement.pace import KEEP, SILENCE, RateTerms
from delivery.kept_answers import KeptAnswers
from delivery.ledger.records.challenge_attempts import ChallengeAttempt
from delivery.settings import DeliverySettings
from delivery.wire import causes, challenge, parcels
from delivery.wire.challenge import Unverified, Verified
from delivery.wire.credentials import LEAST, Exchange
from delivery.wire.parcels import Failure, Reply
from delivery.wire.sender import Attempt, Sender
from subscriptions.events.event import Naming
from subscriptions.ground import event_keys
from subscriptions.webhooks.webhook_store import Hook

_json = msgspec.json.Encoder().encode

UNALLOWED = "The answer to OPTIONS ({status}) has to allow {origin} by WebHook-Allowed-Origin, and does not"
#: Answers by which a destination asks for credentials; gateways that want a key say 403.
ASKING = frozenset({401, 403})
#: What a question that proved its destination is recorded with, and what one without a body is called where it is listed.
PROVED, ALLOWED, OPTIONS = "the destination has proved itself", "the destination allows us", "OPTIONS"


@dataclass(frozen=True, kw_only=True)
class DestinationResponse:
    """What the destination answered to a challenge (greenlake.md 1.4)."""

    #: Its HTTP status; 0 where no answer came.
    status_code: int
    #: The status's phrase, or why there was no answer.
    message: str
    #: Requests per minute it asked for, -1 for any number; None where it named none, or none that makes sense.
    requested_rate: int | None = None


@dataclass(frozen=True, kw_only=True)
class ChallengeResult:
    """What one handshake came to."""

    #: Whether the destination knows a secret; the terms have no say in it (greenlake.md 2.1).
    proof: Verified | Unverified
    response: DestinationResponse
    terms: RateTerms
    #: The question, to be kept; None where none was sent.
    tried: ChallengeAttempt | None = None


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A question as it is listed."""

    #: A UUID that tells its time.
    key: UUID
    type: str
    body: bytes
    #: What is said of it where it proved the destination.
    proved: str


class Challenger:
    """Asks destinations, and judges what they answer; writes nothing down."""

    def __init__(
        self, sender: Sender, clock: Callable[[], datetime], settings: DeliverySettings, naming: Naming
    ) -> None:
        self._sender = sender
        self._clock = clock
        self._settings = settings
        self._naming = naming
        per_hour, between = settings.answer_bytes_per_hour, settings.answer_body_bytes_between
        self._answers = KeptAnswers(per_hour=per_hour, between=between)

    async def shake(self, hook: Hook) -> ChallengeResult:
        """One challenge and one OPTIONS at the same time, each within the challenge's time-out."""
        if hook.sealed is not None:
            response = DestinationResponse(status_code=0, message=hook.sealed)
            return ChallengeResult(proof=Unverified(reason=hook.sealed), response=response, terms=SILENCE)
        if not hook.challenge_request_enabled and self._settings.require_proof != "never":
            return await self._consent(hook)
        (proof, answer, tried), terms = await asyncio.gather(self._challenge(hook), self.ask(hook))
        rate = None if terms.rate is KEEP else terms.rate
        return ChallengeResult(proof=proof, response=_response(answer, rate), terms=terms, tried=tried)

    async def ask(self, hook: Hook) -> RateTerms:
        """What the destination allows (greenlake.md 5.5); SILENCE where it does not answer in time."""
        if hook.sealed is not None:
            return SILENCE
        return (await self._options(hook))[1]

    def asks(self, hook: Hook) -> bool:
        """Whether a probe of the webhook is a question, and not one of its deliveries."""
        proves = self._settings.require_proof != "never" and not hook.request_origin
        return hook.challenge_request_enabled or proves

    async def _options(self, hook: Hook) -> tuple[Attempt, RateTerms]:
        origin, deadline = self._settings.request_origin, self._settings.challenge_timeout
        asking = self._introduced(hook, functools.partial(self._sender.options, origin=origin), deadline)
        attempt = await _attempt(asking, started_at=self._clock())
        if isinstance(attempt.answer, Failure):
            return attempt, SILENCE
        return attempt, pace.terms(attempt.answer.status, attempt.answer.headers, origin=origin)

    async def _consent(self, hook: Hook) -> ChallengeResult:
        """Of a destination that is not challenged: whether it allows us (HOOKLAKE_REQUIRE_PROOF)."""
        key = event_keys.new(self._clock())
        attempt, terms = await self._options(hook)
        origin, answer = self._settings.request_origin, attempt.answer
        proof: Verified | Unverified = Verified()
        if isinstance(answer, Failure):
            proof = Unverified(reason=challenge.UNREACHABLE.format(error=answer.cause))
        elif terms.origin != origin:
            proof = Unverified(reason=UNALLOWED.format(status=answer.status, origin=origin))
        rate = None if terms.rate is KEEP else terms.rate
        kept = self._tried(hook, Asked(key=key, type=OPTIONS, body=b"{}", proved=ALLOWED), attempt, proof)
        return ChallengeResult(proof=proof, response=_response(answer, rate), terms=terms, tried=kept)

    async def _challenge(self, hook: Hook) -> tuple[Verified | Unverified, Reply | Failure, ChallengeAttempt]:
        """Signed as a delivery is, and in its content mode (greenlake.md 2.1, D.5, D.6); of batches as a single event."""
        now = self._clock()
        question, key = str(uuid4()), event_keys.new(now)
        body = challenge.event(
            challenge=question, event_id=str(key), workspace_id=hook.workspace_id, now=now, naming=self._naming
        )
        parcel = replace(parcels.single(key, body, content_mode=hook.content_mode), question=True)
        deadline = self._settings.challenge_timeout
        attempt = await _attempt(
            self._introduced(hook, functools.partial(self._sender.send, parcel), deadline), started_at=now
        )
        proof = challenge.judge(attempt.answer, challenge=question, secrets=hook.secrets)
        asked = Asked(key=key, type=challenge.type_of(self._naming), body=body, proved=PROVED)
        return proof, attempt.answer, self._tried(hook, asked, attempt, proof)

    def _tried(self, hook: Hook, asked: Asked, attempt: Attempt, proof: Verified | Unverified) -> ChallengeAttempt:
        reply = attempt.answer if isinstance(attempt.answer, Reply) else None
        headers, body = self._answers.keep(hook.workspace_id, reply, self._clock()) if reply else (None, None)
        return ChallengeAttempt(
            webhook=hook.id,
            workspace_id=hook.workspace_id,
            key=asked.key,
            source=challenge.source_of(self._naming),
            type=asked.type,
            body=asked.body,
            started_at=attempt.started_at,
            milliseconds=attempt.milliseconds,
            success=isinstance(proof, Verified),
            status=None if reply is None else reply.status,
            reason=proof.reason if isinstance(proof, Unverified) else asked.proved,
            request_headers=_json(attempt.request_headers),
            response_headers=headers,
            response_body=body,
            wire=None if attempt.notes is None else _json(attempt.notes),
        )

    async def _introduced(self, hook: Hook, exchange: Exchange, deadline: float) -> Attempt:
        """One exchange; credentials go along where the destination has proved itself, or once it asks for them.

        Until then a mistyped host, or one that was given up to somebody else, would be told them (decision 10).
        """
        to = destinations.destination(hook)
        bare = destinations.bare(to)
        if hook.sendable or to == bare:
            return await exchange(to, deadline=deadline)
        began = time.monotonic()
        first = await exchange(bare, deadline=deadline)
        left = round(deadline - (time.monotonic() - began), 1)
        asks = isinstance(first.answer, Reply) and first.answer.status in ASKING
        return await exchange(to, deadline=left) if asks and left > deadline * LEAST else first


async def _attempt(trying: Awaitable[Attempt], *, started_at: datetime) -> Attempt:
    """What came of it, an exception that nobody foresaw included: with one the challenge would be repeated for ever."""
    try:
        return await trying
    except Exception as error:
        return Attempt(started_at=started_at, milliseconds=0, request_headers=(), answer=causes.internal(error))


def _response(answer: Reply | Failure, rate: int | None) -> DestinationResponse:
    if isinstance(answer, Failure):
        return DestinationResponse(status_code=0, message=answer.cause, requested_rate=rate)
    try:
        phrase = HTTPStatus(answer.status).phrase
    except ValueError:
        phrase = ""
    return DestinationResponse(status_code=answer.status, message=phrase, requested_rate=rate)
