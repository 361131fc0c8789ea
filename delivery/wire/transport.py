"""The way out: requests to guarded destinations over kept connections, each under one deadline, httpx's seam on top.

What is sent and what an answer means is left to `sender` and its kin, the rules of HTTP to `exchange`, connections to
`pool` and `dialling`.
"""

import asyncio
import re
import time
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import quote

import httpx

from delivery.wire import exchange
from delivery.wire.answers import Answer
from delivery.wire.dialling import Dial, Dialler, Origin
from delivery.wire.exchange import HungUp, Message, Unacknowledged
from delivery.wire.guard import Guard
from delivery.wire.names import Lookup, look_up
from delivery.wire.pool import Pool
from subscriptions.ground.kept import BoundedCache

# What stands in a request target as it is; the rest has no place in a URI (RFC 3986 2), and some servers answer it with 400.
_STANDS = "".join(set(map(chr, range(0x21, 0x7F))) - set('"<>\\^`{|}'))
# Said by us, whatever a request of httpx's has: bodies go as a whole.
_OURS = frozenset({"content-length", "transfer-encoding"})


#: Bytes of places of URLs that a process keeps.
PLACES = 16 << 20


@dataclass(frozen=True, kw_only=True)
class TransportLimits:
    """What one process allows its connections."""

    #: Open at once; the callers' in-flight limit is the real one, this is a backstop.
    connections: int = 1000
    #: Seconds for name look-up, connect and TLS together.
    connect_timeout: float = 5.0
    #: Seconds for the whole exchange, from the look-up to the last byte of the answer, where the request names none.
    deadline: float = 15.0
    #: Seconds that the bytes of a request may go unacknowledged, where the system tells (Linux does).
    acknowledge_timeout: float = 3.0
    #: Bytes of an answer's body that are read; the rest is left unread and the connection closed.
    body_bytes: int = 65536
    #: Seconds a connection may idle: less than the five after which many servers hang up, for a POST that meets a
    #: closing connection is a failed attempt.
    idle: float = 4.0


class RequestTarget(NamedTuple):
    """A URL as requests name it."""

    origin: Origin
    #: The value of Host.
    host: str
    #: Path and query as registered; what may not stand in a URI is percent-encoded.
    target: str


class Transport(httpx.AsyncBaseTransport):
    """Requests to guarded destinations: HTTP/1.1, no redirects, no cookies, TLS always verified.

    An answer's body comes as it was sent, still compressed if it was, cut at `limits.body_bytes`. Made by
    `open_transport`.
    """

    def __init__(self, dialler: Dialler, guard: Guard, limits: TransportLimits) -> None:
        self.limits = limits
        self._guard = guard
        self._loop = asyncio.get_running_loop()
        self._pool = Pool(dialler, most=limits.connections, idle=limits.idle)
        #: The place of a URL; raises Refused where it may not be sent to.
        self.place = BoundedCache(self._place, size=lambda url, _place: 1024 + 8 * len(url), most=PLACES)

    @property
    def short(self) -> bool:
        """Whether this process lacked room for a connection a moment ago: what is begun now would wait for it."""
        return self._pool.short

    async def exchange(
        self, origin: Origin, request: Message, *, deadline: float, dial: Dial, body_bytes: int | None = None
    ) -> Answer:
        """One exchange, within `deadline` seconds from the look-up to the last byte; `dial` is filled in.

        Nothing is ever sent twice but what `dial` says to be repeatable: a kept connection that closes while it is asked may
        have been heard. That is sent once more, over a new one, if nothing of an answer had come. Raises what the
        dialler raises, and TimeoutError, Unacknowledged, HungUp, NotHttp and OSError, for `causes.explain` to word.
        """
        began, dial.began_at = self._loop.time(), time.monotonic()
        until, cap = began + deadline, self.limits.body_bytes if body_bytes is None else body_bytes
        dial.host, dial.port = origin.host, origin.port
        connection = self._pool.take(origin)
        while True:
            dial.kept = connection is not None
            if connection is None:
                async with asyncio.timeout_at(min(until, self._loop.time() + self.limits.connect_timeout)):
                    connection = await self._pool.dial(origin, dial)
            dial.peer, dial.proxy = connection.way
            dial.connected_after, dial.asked_at = self._loop.time() - began, time.monotonic()
            asked, patience = connection, self.limits.acknowledge_timeout
            try:
                answer = await connection.exchange(request, deadline=until, cap=cap, patience=patience)
                break
            except (Unacknowledged, HungUp, ConnectionError) as error:
                if dial.kept or isinstance(error, Unacknowledged):
                    self._pool.forget(origin)
                begun = isinstance(error, HungUp) and error.begun
                if not (dial.kept and dial.repeatable) or begun or self._loop.time() >= until:
                    raise
                connection, dial.connected_after = None, None
            finally:
                dial.answered_at = asked.answered_at
        if connection.open:
            self._pool.keep(origin, connection)
        return answer

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """One exchange, as httpx has it; the response's extension `truncated` says whether there was more.

        Extensions of a request, all optional: `destination`, the URL to the letter (httpx normalises its own); `trust`, a
        Trust for its TLS; `owner`, the number of the webhook that it is for; `deadline` in seconds; `body_bytes` in place
        of the limit; `dial`, a Dial to be filled in.
        """
        extensions = request.extensions
        place = self.place(extensions.get("destination") or str(request.url))
        body = await request.aread()
        pairs = [(name.decode("ascii"), value.decode()) for name, value in request.headers.raw]
        pairs = [(name, value) for name, value in pairs if name.lower() not in _OURS]
        if body:
            pairs.append(("Content-Length", str(len(body))))
        answer = await self.exchange(
            place.origin._replace(trust=extensions.get("trust"), owner=extensions.get("owner", 0)),
            exchange.message(exchange.head(exchange.start(request.method, place.target, pairs), ()), body),
            deadline=extensions.get("deadline", self.limits.deadline),
            dial=extensions.get("dial") or Dial(),
            body_bytes=extensions.get("body_bytes"),
        )
        return httpx.Response(
            answer.status,
            headers=answer.headers,
            stream=httpx.ByteStream(answer.body),
            extensions={"http_version": b"HTTP/1.1", "truncated": answer.truncated},
        )

    async def aclose(self) -> None:
        """Closes its connections and ends its look-ups."""
        await self._pool.aclose()

    def _place(self, url: str) -> RequestTarget:
        self._guard.check_url(url)
        parsed = httpx.URL(url)
        found = re.search(r"[/?].*", url.partition("://")[2])
        target = quote(found[0], safe=_STANDS) if found else "/"
        tls = parsed.scheme == "https"
        port = parsed.port or (443 if tls else 80)
        origin = Origin(tls=tls, host=parsed.raw_host.decode("ascii"), port=port)
        slash = "" if target.startswith("/") else "/"
        return RequestTarget(origin, parsed.netloc.decode("ascii"), slash + target)


async def open_transport(
    guard: Guard,
    *,
    limits: TransportLimits | None = None,
    ca_bundle: str = "",
    proxy: str = "",
    lookup: Lookup = look_up,
) -> Transport:
    """A transport on the running loop; close it with `aclose`.

    `ca_bundle` is the path of further authorities in PEM, `proxy` the URL of an egress proxy; raises Misconfigured for
    either where it cannot be used. `lookup` replaces the system's name look-up.
    """
    limits = limits or TransportLimits()
    dialler = Dialler(guard, ca_bundle=ca_bundle, proxy=proxy, lookup=lookup, patience=limits.connect_timeout)
    return Transport(dialler, guard, limits)
