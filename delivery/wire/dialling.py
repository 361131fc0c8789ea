"""Dialling: a connection to an origin, by addresses that the guard lets through at that moment, TLS to its name.

What is said over the connection, how long it is kept and when dialling takes too long is left to `transport`.
"""

import asyncio
import contextlib
import ipaddress
import os
import socket
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from delivery.wire import kernel
from delivery.wire import proxy as proxies
from delivery.wire.guard import Guard, public
from delivery.wire.names import Lookup, Names, look_up
from delivery.wire.proxy import Connect, ProxyError
from delivery.wire.tls import Contexts
from subscriptions.webhooks.certificates import TlsOptions

#: Addresses of one name that are dialled at most; all of them are vetted.
TRIED = 4
#: Seconds that a polite end of TLS waits for the other side.
GOODBYE = 1.0

Make = Callable[[], asyncio.Protocol]
Connection = tuple[asyncio.Transport, asyncio.Protocol]


class Origin(NamedTuple):
    """What makes two requests fit for one connection."""

    tls: bool
    #: As in the URL: a name or an address, lower-case ASCII, an IPv6 address without brackets.
    host: str
    port: int
    #: What the webhook's TLS needs beside what all have; None for nothing. A change of it makes another origin.
    trust: TlsOptions | None = None
    #: The number of the webhook that it is for, 0 for none: whoever answers one may not answer another one's requests.
    owner: int = 0


@dataclass(kw_only=True, slots=True)
class Dial:
    """Notes on how far one exchange came, for the sentence that explains its failure; and whether it may be made again."""

    #: What is asked may be asked twice: where a kept connection was dead, it is asked again over a new one.
    repeatable: bool = False
    #: Name or address as the URL has it.
    host: str = ""
    port: int = 0
    #: Seconds from the beginning until a connection was at hand; None while there is none.
    connected_after: float | None = None
    #: The last address dialled.
    peer: tuple[Any, ...] | None = None
    #: The proxy that it was dialled through, empty for none.
    proxy: str = ""
    #: The connection had been kept since an exchange before.
    kept: bool = False
    #: What this process lacked for a new one, in the system's words; empty for nothing.
    lacks: str = ""
    # When its steps ended, by `time.monotonic`; 0 for those that did not, or were not taken. `asked_at`: the request was begun.
    began_at: float = 0.0
    dialled_at: float = 0.0
    looked_up_at: float = 0.0
    reached_at: float = 0.0
    secured_at: float = 0.0
    asked_at: float = 0.0
    answered_at: float = 0.0
    #: Until when the certificate holds that was shown, in seconds since 1970; None where none was, and of a kept connection.
    certificate_until: int | None = None

    def where(self) -> str:
        """`192.0.2.3:443`, or the name where no address was dialled or an inside one; and whether through a proxy."""
        host, port = self.peer[:2] if self.peer else (self.host, self.port)
        if self.host and not public(host):
            host = self.host
        by_way = " (through the proxy)" if self.proxy else ""
        return proxies.joined(host, port) + by_way

    def inside(self) -> str:
        """What `where` keeps for the log: addresses of a network that is not everybody's; empty where there is nothing."""
        address = self.peer[0] if self.peer and not public(self.peer[0]) and self.peer[0] != self.host else ""
        return " ".join(filter(None, [address and f"address={address}", self.proxy and f"proxy={self.proxy}"]))


class Unconnected(OSError):
    """The addresses of a name failed in several ways; its text lists them."""


class Dialler:
    """Dials origins, on one loop, straight or through the operator's proxy.

    Every address of a name is vetted at each dial, and before any is dialled: a name that mixes public and private ones
    is out altogether. What is dialled is the address that was vetted, so that a name which changes its addresses gains
    nothing; certificates are checked against the name. `patience` is the caller's time-out in seconds, of which a dead
    address takes only its share. Raises Misconfigured for a proxy or a CA bundle that cannot serve.
    """

    def __init__(
        self,
        guard: Guard,
        *,
        ca_bundle: str = "",
        proxy: str = "",
        lookup: Lookup = look_up,
        patience: float = 5.0,
    ) -> None:
        self._guard = guard
        self._names = Names(lookup)
        self._contexts = Contexts(ca_bundle)
        self._proxy = proxies.parse(proxy)
        self._patience = patience

    async def dial(self, origin: Origin, make: Make, dial: Dial) -> Connection:
        """A connection that is ready for requests, and the protocol that `make` made for it.

        `dial.peer` is filled in as soon as an address is dialled. Has no time-out: the caller cancels it. Raises Blocked
        before any connection, socket.gaierror where the name has no address, ProxyError, ssl.SSLError, and OSError where
        no address answered: what all of them failed with, Unconnected where they differ.
        """
        dial.dialled_at, dial.looked_up_at, dial.reached_at, dial.secured_at = time.monotonic(), 0.0, 0.0, 0.0
        addresses = await self._vetted(origin)
        dial.looked_up_at = time.monotonic()
        context = await self._contexts.of(origin.trust) if origin.tls else None
        ends, failures = time.monotonic() + self._patience, dict[str, OSError]()
        for left in range(len(addresses), 0, -1):
            address = addresses[-left]
            dial.peer, dial.proxy = (address, origin.port), self._proxy.place if self._proxy else ""
            share = (ends - time.monotonic()) / left if left > 1 else None
            try:
                async with asyncio.timeout(share):
                    connection = await self._connection(origin, context, make, dial)
                if context is not None:
                    dial.secured_at = time.monotonic()
                    dial.certificate_until = _until(connection[0])
                return connection
            except ssl.SSLError:
                # Somebody is there: another address would only hide what is wrong.
                raise
            except OSError as error:
                if kernel.short_of(error):
                    raise
                failures[address] = error
        try:
            raise _failure(origin, failures)
        finally:
            # What is raised holds this frame, and whose it is called by: it would hold itself.
            failures.clear()

    async def aclose(self) -> None:
        """Ends its look-ups; connections are the caller's."""
        self._names.close()

    async def _vetted(self, origin: Origin) -> Sequence[str]:
        addresses = await self._addresses(origin.host, origin.port)
        for address in addresses:
            self._guard.check_address(address, origin.host)
        return addresses[:TRIED]

    async def _addresses(self, host: str, port: int) -> Sequence[str]:
        with contextlib.suppress(ValueError):
            return [str(ipaddress.ip_address(host))]
        found = await self._names.addresses(host, port)
        if not found:
            raise socket.gaierror(socket.EAI_NONAME, "the name has no address")
        return found

    async def _connection(self, origin: Origin, tls: ssl.SSLContext | None, make: Make, dial: Dial) -> Connection:
        name = _name(origin.host) if tls else None
        assert dial.peer is not None
        address, port = dial.peer
        if self._proxy is None:
            reached = await _connected(address, port)
            dial.reached_at = time.monotonic()
            return await _over(reached, make, tls, name)
        transport = await self._tunnel(self._proxy, address, port)
        dial.reached_at = time.monotonic()
        try:
            protocol = make()
            loop = asyncio.get_running_loop()
            if tls is None:
                transport.set_protocol(protocol)
                inner: asyncio.Transport | None = transport
            else:
                inner = await loop.start_tls(
                    transport, protocol, tls, server_hostname=name, ssl_shutdown_timeout=GOODBYE
                )
            assert inner is not None
            protocol.connection_made(inner)
            return inner, protocol
        except BaseException:
            transport.abort()
            raise

    async def _tunnel(self, proxy: proxies.Proxy, address: str, port: int) -> asyncio.Transport:
        """A connection to the proxy that leads to the address."""
        tls = await self._contexts.of(None) if proxy.tls else None
        try:
            reached = await self._reached(proxy)
            transport, protocol = await _over(reached, lambda: Connect(proxy), tls, _name(proxy.host) if tls else None)
        except OSError as error:
            if kernel.short_of(error):
                raise
            # A certificate for somebody else is told with the name that it should have had.
            said = _said(error).replace(proxy.host, "it")
            raise ProxyError(f"the proxy cannot be reached: {said}") from None
        assert isinstance(protocol, Connect)
        try:
            await protocol.ask(transport, address, port)
        except BaseException:
            transport.abort()
            raise
        return transport

    async def _reached(self, proxy: proxies.Proxy) -> socket.socket:
        failure = OSError("it has no address")
        for address in await self._addresses(proxy.host, proxy.port):
            try:
                return await _connected(address, proxy.port)
            except OSError as error:
                failure = error
        try:
            raise failure
        finally:
            del failure


async def _connected(address: str, port: int) -> socket.socket:
    """A connected socket to a literal address; raises OSError."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    dialled = socket.socket(family, socket.SOCK_STREAM)
    try:
        dialled.setblocking(False)
        kernel.probing(dialled)
        await asyncio.get_running_loop().sock_connect(dialled, (address, port))
    except BaseException:
        dialled.close()
        raise
    return dialled


async def _over(sock: socket.socket, make: Make, tls: ssl.SSLContext | None, name: str | None) -> Connection:
    loop = asyncio.get_running_loop()
    try:
        if tls is None:
            return await loop.create_connection(make, sock=sock)
        return await loop.create_connection(
            make, sock=sock, ssl=tls, server_hostname=name, ssl_shutdown_timeout=GOODBYE
        )
    except BaseException:
        sock.close()
        raise


def _until(transport: asyncio.Transport) -> int | None:
    """The end of the certificate that the other side showed; asyncio has read it with the handshake."""
    shown = transport.get_extra_info("peercert")
    return int(ssl.cert_time_to_seconds(shown["notAfter"])) if shown and "notAfter" in shown else None


def _name(host: str) -> str:
    """As certificates have it: without the dot that ends a name in full."""
    return host.rstrip(".")


def _failure(origin: Origin, failures: Mapping[str, OSError]) -> OSError:
    *_, last = failures.values()
    kinds = {(type(error), error.errno) for error in failures.values()}
    if len(kinds) == 1 or isinstance(last, ProxyError):
        return last
    shown = {address: address if public(address) else "an inside address" for address in failures}
    said = "; ".join(f"{shown[address]}: {_said(error)}" for address, error in failures.items())
    return Unconnected(f"no address of {origin.host} could be connected to: {said}")


def _said(error: OSError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate verify failed: {error.verify_message}"
    if isinstance(error, ssl.SSLError | socket.gaierror):
        return error.strerror or str(error)
    # Event loops put words of their own in the place of the system's.
    return os.strerror(error.errno) if error.errno else str(error) or "no answer in time"
