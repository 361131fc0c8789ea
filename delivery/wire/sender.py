"""One attempt: sign, address, post (or ask what is allowed), and hand back what came of it, whatever that is.

Whether it was a success and what follows is left to `delivery.judgement`; tokens, which have to be asked for first, to
`credentials`.
"""

import time
import zlib
from collections.abc import Callable, Sequence
from datetime import datetime
from importlib import metadata
from typing import NamedTuple
from uuid import UUID

import msgspec

from delivery.wire import exchange, masking, notes, signing
from delivery.wire.answers import Answer
from delivery.wire.causes import explain
from delivery.wire.dialling import Dial, Origin
from delivery.wire.notes import WireNotes
from delivery.wire.parcels import Failure, FailureKind, Parcel, Reply
from delivery.wire.transport import Transport
from subscriptions.ground.discreet import Discreet
from subscriptions.ground.kept import BoundedCache
from subscriptions.webhooks.certificates import TlsOptions
from subscriptions.webhooks.webhook import OAuthClient

__all__ = ["Attempt", "Destination", "Failure", "FailureKind", "Parcel", "Reply", "Sender", "inflated"]

Pairs = tuple[tuple[str, str], ...]

#: Bytes of beginnings of requests that a process keeps, of some 3 KB each.
OPENINGS = 32 << 20
#: What is kept of an answer's headers, in bytes of names and values together.
HEADER_BYTES = 16384
#: Kept beyond that too, where they are short, for decisions hang on them.
DECISIVE = frozenset({"retry-after", "content-type", "webhook-allowed-rate", "webhook-allowed-origin"})


class Destination(Discreet, msgspec.Struct, frozen=True, kw_only=True):
    """Where one parcel goes, and with which credentials, all unsealed."""

    webhook: UUID
    #: Used as it was registered, but for what may not stand in a URI, which is percent-encoded.
    url: str
    #: The live secrets, primary first.
    secrets: tuple[str, ...]
    #: The value of the Authorization header; None or empty for none.
    authorization: str | None = None
    #: How a token for that header is asked for; a plain Sender does not.
    oauth_client: OAuthClient | None = None
    #: The origin it allowed, which every post repeats (cloudevents.md W8); empty before a handshake.
    request_origin: str = ""
    #: What TLS connections to it need beside what all have.
    trust: TlsOptions | None = None


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One HTTP try: what was sent, and what came of it."""

    #: By the clock that was given.
    started_at: datetime
    #: From there to the last byte of the answer that was read, or to the failure.
    milliseconds: int
    #: As sent, the value of Authorization masked.
    request_headers: Pairs
    answer: Reply | Failure
    #: Where it went, and how long each step took; None where nothing was asked.
    notes: WireNotes | None = None


class _Request(NamedTuple):
    """What one exchange sends."""

    method: str
    #: Of this method, at the time of the attempt.
    headers: Callable[[datetime], Pairs]
    body: bytes
    #: Over a new connection, where a kept one turns out to be dead.
    repeatable: bool
    #: The content mode where the headers do not tell it.
    unsaid: str = ""


class _Opening(NamedTuple):
    """How every request of one method to one webhook's URL begins."""

    origin: Origin
    #: The first lines of its head, each with its end.
    lines: str
    #: The same, as they are recorded.
    headers: Pairs


class Sender:
    """Posts parcels over one transport; `clock` tells the time of each attempt, which the signatures carry."""

    def __init__(self, transport: Transport, clock: Callable[[], datetime], *, agent: str | None = None) -> None:
        self._transport = transport
        self._clock = clock
        self._agent = agent or _agent()
        self._opening = BoundedCache(self._open, size=lambda key, _opening: 2048 + 8 * len(key[1]), most=OPENINGS)

    @property
    def transport(self) -> Transport:
        """What it posts over."""
        return self._transport

    @property
    def short(self) -> bool:
        """Whether this process lacked room for a connection a moment ago."""
        return self._transport.short

    async def send(self, parcel: Parcel, destination: Destination, *, deadline: float) -> Attempt:
        """One POST within `deadline` seconds, name look-up and answer included.

        Raises nothing but CancelledError: whatever goes wrong is the attempt's Failure.
        """

        def headers(now: datetime) -> Pairs:
            origin = destination.request_origin
            return (
                *parcel.headers,
                *((("WebHook-Request-Origin", origin),) if origin else ()),
                ("Content-Length", str(len(parcel.body))),
                *signing.sign(parcel.body, parcel_id=parcel.id, secrets=destination.secrets, now=now),
            )

        request = _Request("POST", headers, parcel.body, parcel.question, parcel.unsaid)
        return await self._exchange(request, destination, deadline)

    async def options(self, destination: Destination, *, origin: str, deadline: float) -> Attempt:
        """One OPTIONS to the same URL, which asks what the destination allows (greenlake.md 5.5, cloudevents.md W8).

        As with `send`, whatever goes wrong is the attempt's Failure.
        """

        def headers(_: datetime) -> Pairs:
            return (("Content-Type", "application/json"), ("WebHook-Request-Origin", origin))

        return await self._exchange(_Request("OPTIONS", headers, b"", repeatable=True), destination, deadline)

    async def _exchange(self, asked: _Request, destination: Destination, deadline: float) -> Attempt:
        started_at, began, dial = self._clock(), time.monotonic(), Dial(repeatable=asked.repeatable)
        sent: Pairs = ()
        answer: Reply | Failure
        authorization = destination.authorization
        try:
            origin, start, constant = self._opening((asked.method, destination.url, destination.webhook.int))
            if destination.trust is not None:
                origin = origin._replace(trust=destination.trust)
            headers = asked.headers(started_at)
            sent = constant + headers
            if authorization:
                headers += (("Authorization", authorization),)
                sent += (("Authorization", masking.MASK),)
            request = exchange.message(exchange.head(start, headers), asked.body)
            answered = await self._transport.exchange(origin, request, deadline=deadline, dial=dial)
            answer = self._reply(answered, masking.hidden(destination.secrets, authorization))
        except Exception as error:
            connect = self._transport.limits.connect_timeout
            answer = explain(error, dial, connect=connect, deadline=deadline)
            hidden = masking.hidden(destination.secrets, authorization)
            answer = Failure(kind=answer.kind, cause=masking.in_text(answer.cause, hidden))
        milliseconds = round((time.monotonic() - began) * 1000)
        return Attempt(
            started_at=started_at,
            milliseconds=milliseconds,
            request_headers=sent,
            answer=answer,
            notes=notes.of(asked.method, destination.url, dial, content_mode=asked.unsaid),
        )

    def _open(self, key: tuple[str, str, int]) -> _Opening:
        method, url, owner = key
        place = self._transport.place(url)
        constant = (
            ("Host", place.host),
            ("User-Agent", self._agent),
            ("Accept", "*/*"),
            # Asked for plain, since what comes is stored rather than shown; compressed answers are read all the same.
            ("Accept-Encoding", "identity"),
        )
        origin = place.origin._replace(owner=owner)
        return _Opening(origin, exchange.start(method, place.target, constant), constant)

    def _reply(self, answer: Answer, hidden: Sequence[str]) -> Reply:
        body, truncated = answer.body, answer.truncated
        headers, cut = _kept(answer.headers)
        for name, value in headers:
            if name.lower() == "content-encoding":
                body, longer = inflated(body, value, self._transport.limits.body_bytes)
                truncated |= longer
        headers = masking.in_headers(headers, hidden)
        body = masking.in_body(body, hidden, truncated=truncated)
        return Reply(status=answer.status, headers=headers, body=body, truncated=truncated or cut)


def inflated(body: bytes, encoding: str, cap: int) -> tuple[bytes, bool]:
    """At most `cap` bytes of what a gzip or deflate body unpacks to, and whether there was more.

    Anything else, and anything that is not what its header says, comes back as it is.
    """
    if encoding.strip().lower() not in {"gzip", "x-gzip", "deflate"}:
        return body, False
    for window in (
        zlib.MAX_WBITS | 32,
        -zlib.MAX_WBITS,
    ):  # With the header of either; without one, as some servers deflate.
        try:
            plain = zlib.decompressobj(window).decompress(body, cap + 1)
        except zlib.error:
            continue
        return plain[:cap], len(plain) > cap
    return body, False


def _agent() -> str:
    try:
        return f"Hooklake/{metadata.version('hooklake')}"
    except metadata.PackageNotFoundError:
        return "Hooklake"


def _kept(raw: list[tuple[bytes, bytes]]) -> tuple[Pairs, bool]:
    # Lists, not generators: this is done for every delivery, and these take half the time.
    pairs = tuple([(_text(name), _text(value)) for name, value in raw])
    if sum([len(name) + len(value) for name, value in raw]) <= HEADER_BYTES:
        return pairs, False
    kept, room = [], HEADER_BYTES
    for name, value in pairs:
        room -= len(name) + len(value)
        if room >= 0 or (name.lower() in DECISIVE and len(value) <= 128):
            kept.append((name, value))
    return tuple(kept), True


def _text(raw: bytes) -> str:
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    # As RFC 9110 5.5 has it: either refused, which would only send again what was received, or a space.
    return text.replace("\0", " ")
