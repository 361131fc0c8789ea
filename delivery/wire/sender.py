"""One attempt: sign, address, post (or ask what is allowed), and hand back what came of it, whatever that is.

Whether it was a success and what follows is left to `delivery.judgement`; tokens, which have to be asked for first, to
`credentials`.
"""

import functools
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from importlib import metadata
from uuid import UUID

import httpx

from delivery.wire import signing
from delivery.wire.causes import explain
from delivery.wire.parcels import Failure, FailureKind, Parcel, Reply
from delivery.wire.transport import Dial, Transport
from subscriptions.webhooks import Grant

__all__ = ["Attempt", "Destination", "Failure", "FailureKind", "Parcel", "Reply", "Sender", "inflated"]

Pairs = tuple[tuple[str, str], ...]

MASK = "***"
#: What is kept of an answer's headers, in bytes of names and values together.
HEADER_BYTES = 16384
#: Kept beyond that too, where they are short, for decisions hang on them.
DECISIVE = frozenset({"retry-after", "content-type", "webhook-allowed-rate", "webhook-allowed-origin"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Destination:
    """Where one parcel goes, and with which credentials, all unsealed."""

    webhook: UUID
    #: Used as it was registered, to the letter.
    url: str
    #: The live secrets, primary first.
    secrets: tuple[str, ...]
    #: The value of the Authorization header; None or empty for none.
    authorization: str | None = None
    #: How a token for that header is asked for; a plain Sender does not.
    grant: Grant | None = None
    #: The origin it allowed, which every post repeats (cloudevents.md W8); empty before a handshake.
    request_origin: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Attempt:
    """One HTTP try: what was sent, and what came of it."""

    #: By the clock that was given.
    started_at: datetime
    #: From there to the last byte of the answer that was read, or to the failure.
    milliseconds: int
    #: As sent, the value of Authorization masked.
    request_headers: Pairs
    answer: Reply | Failure


class Sender:
    """Posts parcels over one transport; `clock` tells the time of each attempt, which the signatures carry."""

    def __init__(self, transport: Transport, clock: Callable[[], datetime], *, agent: str | None = None) -> None:
        self._transport = transport
        self._clock = clock
        self._agent = agent or _agent()
        self._url = functools.lru_cache(8192)(_url)

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

        return await self._exchange("POST", destination, headers, parcel.body, deadline)

    async def options(self, destination: Destination, *, origin: str, deadline: float) -> Attempt:
        """One OPTIONS to the same URL, which asks what the destination allows (greenlake.md 5.5, cloudevents.md W8).

        As with `send`, whatever goes wrong is the attempt's Failure.
        """

        def headers(_: datetime) -> Pairs:
            return (("Content-Type", "application/json"), ("WebHook-Request-Origin", origin))

        return await self._exchange("OPTIONS", destination, headers, b"", deadline)

    async def _exchange(
        self, method: str, destination: Destination, own: Callable[[datetime], Pairs], body: bytes, deadline: float
    ) -> Attempt:
        """One request; `own` gives the headers of its method at the time of the attempt."""
        started_at, began, dial = self._clock(), time.monotonic(), Dial()
        sent: Pairs = ()
        answer: Reply | Failure
        try:
            url, host = self._url(destination.url)
            headers = self._headers(host, own(started_at), destination.authorization)
            sent = _masked(headers) if destination.authorization else headers
            request = httpx.Request(
                method,
                url,
                headers=[(name.encode("ascii"), value.encode()) for name, value in headers],
                stream=httpx.ByteStream(body),
                extensions={"destination": destination.url, "deadline": deadline, "dial": dial},
            )
            response = await self._transport.handle_async_request(request)
            answer = await self._reply(response, destination.authorization)
        except Exception as error:
            connect = self._transport.limits.connect_timeout
            answer = explain(error, dial, connect=connect, deadline=deadline)
            if destination.authorization:
                cause = answer.cause.replace(_credential(destination.authorization), MASK)
                answer = Failure(kind=answer.kind, cause=cause)
        milliseconds = round((time.monotonic() - began) * 1000)
        return Attempt(started_at=started_at, milliseconds=milliseconds, request_headers=sent, answer=answer)

    def _headers(self, host: str, own: Pairs, authorization: str | None) -> Pairs:
        return (
            ("Host", host),
            ("User-Agent", self._agent),
            ("Accept", "*/*"),
            # Asked for plain, since what comes is stored rather than shown; compressed answers are read all the same.
            ("Accept-Encoding", "identity"),
            *own,
            *((("Authorization", authorization),) if authorization else ()),
        )

    async def _reply(self, response: httpx.Response, authorization: str | None) -> Reply:
        stream = response.stream
        assert isinstance(stream, httpx.ByteStream)
        body = b"".join([part async for part in stream])
        truncated = bool(response.extensions["truncated"])
        headers, cut = _kept(response.headers.raw)
        for name, value in headers:
            if name.lower() == "content-encoding":
                body, longer = inflated(body, value, self._transport.limits.body_bytes)
                truncated |= longer
        if authorization:
            secret = _credential(authorization)
            headers = tuple((name, value.replace(secret, MASK)) for name, value in headers)
            body = _without(body, secret.encode(), truncated)
        return Reply(status=response.status_code, headers=headers, body=body, truncated=truncated or cut)


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


def _url(text: str) -> tuple[httpx.URL, str]:
    """For httpx, and the Host header."""
    try:
        url = httpx.URL(text)
    except (httpx.InvalidURL, ValueError):
        # The guard says it better.
        return httpx.URL("https://invalid"), "invalid"
    return url, url.netloc.decode("ascii")


def _kept(raw: list[tuple[bytes, bytes]]) -> tuple[Pairs, bool]:
    pairs = tuple((_text(name), _text(value)) for name, value in raw)
    if sum(len(name) + len(value) for name, value in raw) <= HEADER_BYTES:
        return pairs, False
    kept, room = [], HEADER_BYTES
    for name, value in pairs:
        room -= len(name) + len(value)
        if room >= 0 or (name.lower() in DECISIVE and len(value) <= 128):
            kept.append((name, value))
    return tuple(kept), True


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _credential(authorization: str) -> str:
    """The part that is secret: an answer may echo a token without its scheme."""
    scheme, _, token = authorization.partition(" ")
    return token.strip() if token.strip() and scheme.lower() in {"bearer", "basic"} else authorization


def _masked(headers: Pairs) -> Pairs:
    return tuple((name, MASK if name == "Authorization" else value) for name, value in headers)


def _without(body: bytes, secret: bytes, truncated: bool) -> bytes:
    body = body.replace(secret, MASK.encode())
    if truncated:
        # The cap may have cut through the secret.
        for length in range(min(len(secret), len(body)), 0, -1):
            if body.endswith(secret[:length]):
                return body[:-length]
    return body
