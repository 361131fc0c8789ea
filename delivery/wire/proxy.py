"""The egress proxy: its URL, and the CONNECT that makes its connection lead to an address.

Which address, and whether it may be dialled, is left to `dialling`: the proxy is told an address, never a name.
"""

import asyncio
import base64
import re
from dataclasses import dataclass, field
from urllib.parse import unquote

import httpx

from subscriptions.ground.errors import Misconfigured

SETTING = "HOOKLAKE_EGRESS_PROXY"
#: Bytes of its answer's head.
HEAD_BYTES = 16384

_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})(?: [^\r\n]*)?\r?\n")
_END = re.compile(rb"\r?\n\r?\n")


class ProxyError(OSError):
    """The proxy made no connection; its text is a sentence that names the proxy, and never its password."""


@dataclass(frozen=True, kw_only=True)
class Proxy:
    """Where all connections go through; the operator's own, and not vetted."""

    #: Whether it is spoken to over TLS.
    tls: bool
    #: Its name or address, an IPv6 one without brackets.
    host: str
    port: int
    #: The value of Proxy-Authorization, empty for none.
    authorization: str = field(repr=False)

    @property
    def place(self) -> str:
        """`proxy.internal:3128`."""
        return joined(self.host, self.port)

    def request(self, address: str, port: int) -> bytes:
        """The CONNECT to an address."""
        target = joined(address, port)
        credentials = f"Proxy-Authorization: {self.authorization}\r\n" if self.authorization else ""
        return f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{credentials}\r\n".encode()


def parse(url: str) -> Proxy | None:
    """From `http[s]://[user:password@]host:port`, None from an empty text; raises Misconfigured, which never quotes it."""
    if not url:
        return None
    try:
        parsed = httpx.URL(url)
        usual = {"http": 80, "https": 443}[parsed.scheme]
        host, port = parsed.raw_host.decode("ascii"), usual if parsed.port is None else parsed.port
    except (httpx.InvalidURL, ValueError, KeyError):
        host, port = "", 0
    if not host or not 0 < port < 65536 or parsed.raw_path != b"/" or "#" in url:
        raise Misconfigured(f"{SETTING} is of the form http://[user:password@]host:port, or https://")
    user, _, password = parsed.userinfo.decode("ascii").partition(":")
    pair = f"{unquote(user)}:{unquote(password)}".encode()
    authorization = "Basic " + base64.b64encode(pair).decode() if parsed.userinfo else ""
    return Proxy(tls=parsed.scheme == "https", host=host, port=port, authorization=authorization)


def joined(host: str, port: int) -> str:
    """`host:port`, an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class Connect(asyncio.Protocol):
    """The protocol of a connection to the proxy until it leads where it should."""

    def __init__(self, proxy: Proxy) -> None:
        self._proxy = proxy
        self._head = bytearray()
        #: What the proxy did in place of connecting, empty where it has connected. No error: it would hold whoever it is raised
        #: in, and so itself.
        self._answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def ask(self, transport: asyncio.Transport, address: str, port: int) -> None:
        """Makes the connection lead to the address; raises ProxyError where the proxy does not."""
        transport.write(self._proxy.request(address, port))
        if said := await self._answer:
            raise ProxyError(f"the proxy {said}")

    def data_received(self, data: bytes) -> None:
        """The answer's head, as it comes."""
        self._head += data
        end = _END.search(self._head)
        if self._answer.done():
            return
        if end is None:
            if len(self._head) > HEAD_BYTES:
                self._fail(f"answered with a head of more than {HEAD_BYTES} bytes")
            return
        status = _STATUS.match(self._head)
        if status is None:
            self._fail("answered with what is not HTTP")
        elif not status[1].startswith(b"2"):
            self._fail(_refusal(int(status[1])))
        elif end.end() != len(self._head):
            # Both TLS and HTTP wait for us to begin: this would be read as the destination's.
            self._fail("sent more than an answer")
        else:
            self._answer.set_result("")

    def connection_lost(self, exc: Exception | None) -> None:
        """The proxy hung up."""
        self._fail("closed the connection before it answered")

    def _fail(self, said: str) -> None:
        if not self._answer.done():
            self._answer.set_result(said)


def _refusal(status: int) -> str:
    if status == 407:
        return "wants other credentials (407)"
    return f"refused the connection ({status})"
