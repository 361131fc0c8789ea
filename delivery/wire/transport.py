"""Connections: an httpx transport on aiohttp's pool, dialling what the guard lets through, bounded in time and size.

What is sent and what an answer means is left to `sender` and its kin; nothing here reads or writes a header.

httpx's own pool is scanned at every request (190 requests/s at 32 connections against thousands here); aiohttp's is a
dictionary, and asks for the socket to be dialled. Names stay names, so that certificates are checked against them.
"""

import asyncio
import functools
import re
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import aiohttp
import httpx
import yarl
from aiohttp.abc import AbstractResolver, ResolveResult

from delivery.wire.guard import Guard
from subscriptions.errors import Misconfigured

#: Gives the addresses of (host name, port); runs in a thread, raises OSError where there are none.
Lookup = Callable[[str, int], Sequence[str]]

# Threads for name look-ups. A name server that does not answer holds its thread for tens of seconds, and the loop's own
# pool has six of them on two cores (uvloop's has four).
_LOOKUPS = 32
_ASCII = "".join(map(chr, range(0x21, 0x7F)))


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one process allows its connections."""

    #: Open at once; the callers' in-flight limit is the real one, this is a backstop.
    connections: int = 1000
    #: Seconds for name look-up, connect and TLS together.
    connect_timeout: float = 5.0
    #: Seconds for the whole exchange, from the look-up to the last byte of the answer, where the request names none.
    deadline: float = 15.0
    #: Bytes of an answer's body that are read; the rest is left unread and the connection closed.
    body_bytes: int = 65536
    #: Seconds a connection may idle: less than the five after which many servers hang up, for a POST that meets a
    #: closing connection is a failed attempt.
    idle: float = 4.0


@dataclass(kw_only=True, slots=True)
class Dial:
    """Notes on how far one exchange came, for the sentence that explains its failure."""

    #: Name or address as the URL has it.
    host: str = ""
    port: int = 0
    #: When the exchange began (monotonic seconds).
    began: float = 0.0
    #: Seconds from there until a connection was at hand; None while there is none.
    connected_after: float | None = None
    #: The last address dialled, as the socket knows it.
    peer: tuple[Any, ...] | None = None
    #: The connection in use.
    connection: asyncio.Transport | None = None

    def where(self) -> str:
        """`10.1.2.3:443`, or the name where no address was dialled."""
        host, port = self.peer[:2] if self.peer else (self.host, self.port)
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


# aiohttp calls the socket factory with an address alone; the host that it belongs to travels in the task's context.
_DIAL: ContextVar[Dial] = ContextVar("dial")


def look_up(host: str, port: int) -> Sequence[str]:
    """All addresses of a name, in the system's order of preference; raises socket.gaierror."""
    return [str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


class _Names(AbstractResolver):
    """Vets every address of a name before any is dialled: one that mixes public and private ones is out altogether."""

    def __init__(self, guard: Guard, lookup: Lookup) -> None:
        self._guard = guard
        self._lookup = lookup
        self._threads = ThreadPoolExecutor(_LOOKUPS, thread_name_prefix="names")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        loop = asyncio.get_running_loop()
        addresses = await loop.run_in_executor(self._threads, self._lookup, host, port)
        for address in addresses:
            self._guard.check_address(address, host)
        return [
            ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=socket.AI_NUMERICHOST)
            for address in addresses
        ]

    async def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


class _Connector(aiohttp.TCPConnector):
    """Asks the guard about each address at the moment of dialling, and notes how far a connection came."""

    def __init__(self, guard: Guard, names: _Names, limits: Limits, context: ssl.SSLContext) -> None:
        super().__init__(
            resolver=names,
            ttl_dns_cache=10,  # Vetted again at each dial, whatever the cache says.
            limit=limits.connections,
            keepalive_timeout=limits.idle,
            ssl=context,
            socket_factory=self._socket,
        )
        self._guard = guard

    async def connect(
        self, req: aiohttp.ClientRequest, traces: list[Any], timeout: aiohttp.ClientTimeout
    ) -> aiohttp.connector.Connection:
        dial = _DIAL.get()
        connection = await super().connect(req, traces, timeout)
        dial.connection = connection.transport
        if dial.connection is not None:
            dial.peer = dial.connection.get_extra_info("peername") or dial.peer
        dial.connected_after = time.monotonic() - dial.began
        return connection

    def _socket(self, info: aiohttp.AddrInfoType) -> socket.socket:
        family, kind, protocol, _, address = info
        dial = _DIAL.get()
        dial.peer = address
        self._guard.check_address(str(address[0]), dial.host)
        return socket.socket(family, kind, protocol)


class Transport(httpx.AsyncBaseTransport):
    """Requests to guarded destinations: HTTP/1.1, no redirects, no cookies, no proxies, TLS always verified.

    An answer's body comes as it was sent, still compressed if it was, cut at `limits.body_bytes`; the response's
    extension `truncated` says so. Extensions of a request, all optional: `destination`, the URL to the letter (httpx
    normalises its own); `deadline` in seconds; `body_bytes` in place of the limit; `timeout` as httpx has it, of which
    `connect` counts; `dial`, a Dial to be filled in. Raises Blocked or Refused before a connection, TimeoutError at the
    deadline, and aiohttp's ClientError family. Made by `open_transport`.
    """

    def __init__(self, session: aiohttp.ClientSession, names: _Names, guard: Guard, limits: Limits) -> None:
        self.limits = limits
        self._session = session
        self._names = names
        self._guard = guard
        self._url = functools.lru_cache(8192)(self._parse)
        self._timeout = functools.lru_cache(16)(_timeout)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """One exchange; raises aiohttp's errors, OSError, TimeoutError and Blocked, for `sender.explain` to word."""
        extensions = request.extensions
        dial = extensions.get("dial") or Dial()
        dial.began = time.monotonic()
        url = self._url(extensions.get("destination") or str(request.url))
        dial.host, dial.port = url.raw_host or "", url.port or 0
        _DIAL.set(dial)
        connect = extensions.get("timeout", {}).get("connect") or self.limits.connect_timeout
        headers = [(name.decode("ascii"), value.decode()) for name, value in request.headers.raw]
        body = await request.aread()
        answer, whole = None, False
        try:
            async with asyncio.timeout(extensions.get("deadline", self.limits.deadline)):
                answer = await self._session.request(
                    request.method,
                    url,
                    data=body or None,
                    headers=headers,
                    allow_redirects=False,
                    timeout=self._timeout(connect),
                )
                received, whole = await self._receive(
                    answer.content, extensions.get("body_bytes", self.limits.body_bytes)
                )
        finally:
            # Closing a TLS connection politely waits up to 30 s for the peer, and goes on receiving meanwhile.
            if not whole and dial.connection is not None:
                dial.connection.abort()
            if not whole and answer is not None:
                answer.close()
        return httpx.Response(
            answer.status,
            headers=list(answer.raw_headers),
            stream=httpx.ByteStream(received),
            extensions={"http_version": b"HTTP/1.1", "truncated": not whole},
        )

    async def _receive(self, content: aiohttp.StreamReader, cap: int) -> tuple[bytes, bool]:
        """The body up to the cap, and whether that is all of it."""
        received = bytearray()
        while len(received) <= cap:
            chunk = await content.readany()
            if not chunk:
                return bytes(received), True
            received += chunk
        return bytes(received[:cap]), False

    def _parse(self, text: str) -> yarl.URL:
        """The URL as registered: the host in ASCII, path and query byte for byte. Raises Refused."""
        self._guard.check_url(text)
        parsed = httpx.URL(text)
        found = re.search(r"[/?].*", text.partition("://")[2])
        target = quote(found[0], safe=_ASCII) if found else "/"
        slash = "" if target.startswith("/") else "/"
        return yarl.URL(f"{parsed.scheme}://{parsed.netloc.decode('ascii')}{slash}{target}", encoded=True)

    async def aclose(self) -> None:
        """Closes its connections and ends its look-ups."""
        await self._session.close()
        await self._names.close()


async def open_transport(
    guard: Guard, *, limits: Limits | None = None, ca_bundle: str = "", lookup: Lookup = look_up
) -> Transport:
    """A transport on the running loop; close it with `aclose`.

    `ca_bundle` is the path of further authorities in PEM; raises Misconfigured when it cannot be read. `lookup`
    replaces the system's name look-up.
    """
    limits = limits or Limits()
    names = _Names(guard, lookup)
    session = aiohttp.ClientSession(
        connector=_Connector(guard, names, limits, _tls(ca_bundle)),
        cookie_jar=aiohttp.DummyCookieJar(),
        # Inflating is the reader's, who does it up to a cap: a bomb is a kilobyte here.
        auto_decompress=False,
        read_bufsize=min(65536, limits.body_bytes + 1),
        trust_env=False,
    )
    return Transport(session, names, guard, limits)


def _tls(ca_bundle: str) -> ssl.SSLContext:
    # The list that comes with httpx makes a bare container work; the system's own is where operators add theirs.
    context = httpx.create_ssl_context(trust_env=False)
    context.load_default_certs()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if ca_bundle:
        try:
            context.load_verify_locations(cafile=ca_bundle)
        except (OSError, ssl.SSLError) as error:
            raise Misconfigured(f"the CA bundle {ca_bundle} cannot be read: {error}") from None
    return context


def _timeout(connect: float) -> aiohttp.ClientTimeout:
    # aiohttp rounds time-outs over the threshold up to whole seconds.
    return aiohttp.ClientTimeout(total=None, connect=connect, ceil_threshold=3600)
