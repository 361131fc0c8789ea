"""Bearer tokens: asked for at webhooks' token endpoints, kept until shortly before they expire.

What carries them, and what a destination's 401 means, is left to `credentials`.
"""

import asyncio
import base64
import codecs
import math
import re
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from urllib.parse import quote_plus
from uuid import UUID

import httpx
import msgspec

from delivery.wire.causes import explain
from delivery.wire.dialling import Dial
from delivery.wire.parcels import Failure, FailureKind, Reply
from delivery.wire.sender import inflated
from delivery.wire.transport import Transport
from subscriptions.ground.discreet import Discreet
from subscriptions.webhooks.webhook import OAuthClient

#: Bytes of tokens that one process keeps, those that were used longest ago leaving first: some 10,000 of 1 KB.
TOKENS = 32 << 20
#: Bytes of a token endpoint's answer that are read, whatever is kept of destinations' answers.
ANSWER_BYTES = 65536
#: Seconds that a token is taken to last where its endpoint does not say, and for which one is kept at most.
UNSTATED, LONGEST = 300.0, 86400.0
#: Characters of a token: it goes into the head of each request, and what it is spelled as is kept.
MOST_CHARACTERS = 4096
#: A token that is said to last for less, or to be over, lasts so long: asking for one before each delivery helps nobody.
SHORTEST = 30.0
#: Seconds before its end from which on a token is not used any more, or a tenth of its life where that is less.
EARLY = 30.0

_NEVER = datetime.min.replace(tzinfo=UTC)
_VALUE = re.compile(r"[!-~]+\Z")
# RFC 6749 5.2, and short enough for a sentence.
_ERROR = re.compile(r"[ !#-\[\]-~]{1,64}\Z")
# What the endpoint is no cause of; one that is late is told apart as well.
_OWN_KINDS = frozenset({FailureKind.timeout, FailureKind.internal, FailureKind.unacknowledged, FailureKind.stale})


@dataclass(frozen=True, kw_only=True, slots=True)
class BearerToken:
    """A bearer token."""

    value: str = field(repr=False)
    #: From when on it is not used any more.
    renew_at: datetime
    #: Whether its endpoint wanted the client to name itself by HTTP Basic.
    basic: bool


#: Whose token it is: a change of the client makes it another. Webhooks do not share tokens (greenlake.md 4.2).
Key = tuple[UUID, OAuthClient]


@dataclass(kw_only=True, slots=True)
class _Flight:
    """One request for a token, for all who wait for it."""

    task: asyncio.Task[BearerToken | Failure]
    dial: Dial
    waiting: int = 0


class Tokens:
    """The live tokens of one process, asked for by the client credentials grant (RFC 6749 4.4).

    The client names itself in the form; where the endpoint does not know it so, by HTTP Basic, once, and that is
    remembered. The endpoint is dialled as destinations are: through the guard, no redirects, capped.
    """

    def __init__(self, transport: Transport, clock: Callable[[], datetime], *, agent: str) -> None:
        self._transport = transport
        self._clock = clock
        self._agent = agent
        self._kept: OrderedDict[Key, BearerToken] = OrderedDict()
        self._bytes = 0
        self._flights: dict[Key, _Flight] = {}

    async def token(self, key: Key, *, within: float) -> BearerToken | Failure:
        """The live one in memory, else a new one within so many seconds; who asks meanwhile waits for the same request."""
        kept = self._kept.get(key)
        if kept is not None and self._clock() < kept.renew_at:
            self._kept.move_to_end(key)
            return kept
        flight = self._flights.get(key)
        if flight is None:
            dial = Dial(repeatable=True)
            flight = self._flights[key] = _Flight(task=asyncio.create_task(self._fly(key, dial)), dial=dial)
        flight.waiting += 1
        try:
            done, _ = await asyncio.wait({flight.task}, timeout=within)
        finally:
            flight.waiting -= 1
            if self._flights.get(key) is flight and (flight.task.done() or not flight.waiting):
                # Nobody waits any more: a request of nobody's would outlive its process's loop.
                del self._flights[key]
                flight.task.cancel()
        return flight.task.result() if done else self._failure(TimeoutError(), flight.dial, within)

    def drop(self, key: Key, token: BearerToken) -> None:
        """The token was refused: it is not used again. One that came since stays."""
        if self._kept.get(key) is token:
            self._kept[key] = replace(token, renew_at=_NEVER)

    async def _fly(self, key: Key, dial: Dial) -> BearerToken | Failure:
        try:
            return await self._renew(key, dial)
        except Exception as error:
            # All who wait would be told of it as an exception, which none of them expects: an attempt that ends in one
            # is recorded nowhere. What endpoints answer is theirs to choose.
            return self._failure(error, dial, self._transport.limits.deadline)

    async def _renew(self, key: Key, dial: Dial) -> BearerToken | Failure:
        now, began, deadline = self._clock(), time.monotonic(), self._transport.limits.deadline
        kept, client = self._kept.get(key), key[1]
        basic = kept is not None and kept.basic
        answer = await self._ask(key, dial, basic=basic, deadline=deadline)
        found = token_of(answer, now=now, basic=basic, secret=client.client_secret)
        left = deadline - (time.monotonic() - began)
        if _knows_no_client(answer) and left > 0:
            second = await self._ask(key, dial, basic=not basic, deadline=left)
            other = token_of(second, now=now, basic=not basic, secret=client.client_secret)
            # Where neither way does, the first answer is about the client, the second perhaps about the way.
            found = other if isinstance(other, BearerToken) else found
        if isinstance(found, BearerToken):
            self._keep(key, found)
        return found

    def _keep(self, key: Key, token: BearerToken) -> None:
        if former := self._kept.pop(key, None):
            self._bytes -= _size(key, former)
        self._kept[key] = token
        self._bytes += _size(key, token)
        while self._bytes > TOKENS:
            self._bytes -= _size(*self._kept.popitem(last=False))

    async def _ask(self, key: Key, dial: Dial, *, basic: bool, deadline: float) -> Reply | Failure:
        webhook, client = key
        form = {"grant_type": "client_credentials"}
        headers = {"User-Agent": self._agent, "Accept": "application/json", "Accept-Encoding": "identity"}
        if basic:
            # RFC 6749 2.3.1: both halves are form-encoded before they are joined.
            pair = f"{quote_plus(client.client_id)}:{quote_plus(client.client_secret)}"
            headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
        else:
            form |= {"client_id": client.client_id, "client_secret": client.client_secret}
        extensions = {
            "destination": client.issuer_url,
            "trust": client.trust,
            "owner": webhook.int,
            "deadline": deadline,
            "dial": dial,
            "body_bytes": ANSWER_BYTES,
        }
        try:
            request = httpx.Request("POST", client.issuer_url, data=form, headers=headers, extensions=extensions)
            return await _reply(await self._transport.handle_async_request(request))
        except Exception as error:
            return self._failure(error, dial, deadline)

    def _failure(self, error: Exception, dial: Dial, deadline: float) -> Failure:
        found = explain(error, dial, connect=self._transport.limits.connect_timeout, deadline=round(deadline, 1))
        kind = found.kind if found.kind in _OWN_KINDS else FailureKind.token
        return Failure(kind=kind, cause=f"token endpoint: {found.cause}")


class _Granted(Discreet, msgspec.Struct):
    """RFC 6749 5.1, as far as it is needed."""

    access_token: str
    token_type: str | None = None
    expires_in: object = None


class _Denied(msgspec.Struct):
    """RFC 6749 5.2."""

    error: str


async def _reply(response: httpx.Response) -> Reply:
    assert isinstance(response.stream, httpx.ByteStream)
    body = b"".join([part async for part in response.stream])
    body, longer = inflated(body, response.headers.get("content-encoding", ""), ANSWER_BYTES)
    body = body.removeprefix(codecs.BOM_UTF8)
    truncated = longer or bool(response.extensions["truncated"])
    return Reply(status=response.status_code, headers=(), body=body, truncated=truncated)


def token_of(answer: Reply | Failure, *, now: datetime, basic: bool, secret: str) -> BearerToken | Failure:
    """The token in an answer to a request made at `now`, or why there is none; `secret` is never repeated."""
    if isinstance(answer, Failure):
        return answer
    if not 200 <= answer.status <= 299:
        said = _error(answer)
        more = f" {said}" if said and secret not in said else ""
        more += ": redirects are not followed" if 300 <= answer.status <= 399 else ""
        return _unusable(f"answered {answer.status}{more}")
    if answer.truncated:
        long = len(answer.body) >= ANSWER_BYTES
        return _unusable(f"answered with more than {ANSWER_BYTES} bytes" if long else "broke its answer off")
    try:
        granted = msgspec.json.decode(answer.body, type=_Granted)
    except msgspec.ValidationError:
        return _unusable("answered without an access_token")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _unusable("answered with what is not JSON")
    if (granted.token_type or "bearer").lower() != "bearer":
        return _unusable("answered with a token whose token_type is not Bearer")
    if len(granted.access_token) > MOST_CHARACTERS:
        return _unusable(f"answered with an access_token of more than {MOST_CHARACTERS} characters")
    if not _VALUE.match(granted.access_token):
        return _unusable("answered with an access_token that cannot be sent as a header")
    life = _seconds(granted.expires_in)
    renew_at = now + timedelta(seconds=life - min(EARLY, life / 10))
    return BearerToken(value=granted.access_token, renew_at=renew_at, basic=basic)


def _size(key: Key, token: BearerToken) -> int:
    """Bytes that it takes, with the client that it is kept under."""
    client = key[1]
    return 2048 + len(token.value) + 4 * (len(client.issuer_url) + len(client.client_id) + len(client.client_secret))


def _unusable(what: str) -> Failure:
    return Failure(kind=FailureKind.token, cause=f"token endpoint {what}")


def _knows_no_client(answer: Reply | Failure) -> bool:
    if isinstance(answer, Failure):
        return False
    return answer.status == 401 or (answer.status == 400 and _error(answer) == "invalid_client")


def _error(answer: Reply) -> str:
    """The code that a refusal names, or nothing."""
    try:
        code = msgspec.json.decode(answer.body, type=_Denied).error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    return code if _ERROR.match(code) else ""


def _seconds(expires_in: object) -> float:
    """Some endpoints spell the number as text, some leave it out."""
    if not isinstance(expires_in, int | float | str) or isinstance(expires_in, bool):
        return UNSTATED
    try:
        seconds = float(expires_in)
    except ValueError:
        return UNSTATED
    except OverflowError:
        return LONGEST
    # What is not a number passes min and max, and no date can be made of it.
    return UNSTATED if math.isnan(seconds) else min(max(seconds, SHORTEST), LONGEST)
