"""Where Hooklake may connect to: a public address, or what the operator opened by name.

When to ask is left to others: the API asks about a URL at registration, the transport about each address it is about to
dial. Only the second is protection (names change their addresses); the first is courtesy.
"""

import ipaddress
import re
import socket
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

import httpx
import idna

from subscriptions.ground.errors import HooklakeError, Issue, Misconfigured, Refused

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

MAX_URL = 2048

# What two parsers could read differently: white space, controls, invisible marks, backslashes, lone surrogates.
_UNSAFE = re.compile(r"[\s\x00-\x20\x7f-\x9f\\\xad\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ud800-\udfff]")
_AUTHORITY = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://([^/?#]*)")
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"(?=.{{1,253}}\Z)(?:{_LABEL}\.)*{_LABEL}\Z")
# A last label like these makes resolvers read the whole host as an IPv4 address.
_NUMBER = re.compile(r"(?:\d+|0x[0-9a-f]*)\Z")
_LOCAL_NAME = re.compile(
    r"(?:.*\.)?localhost\Z|localhost\.localdomain\Z|localhost6?(?:\..*)?\Z|ip6-(?:localhost|loopback)\Z"
)

# `ipaddress` knows most of these; its lists differ between Python's patch releases, so that the rule stands here whole.
_CLOSED_4 = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",  # carrier-grade NAT
        "127.0.0.0/8",
        "169.254.0.0/16",  # link-local
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
    )
)
# Global unicast is 2000::/3 and nothing else; within it, these are not for the public.
_UNICAST_6 = IPv6Network("2000::/3")
_CLOSED_6 = tuple(
    IPv6Network(text)
    for text in (
        "2001::/23",  # protocol assignments, Teredo among them
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4
        "3fff::/20",  # documentation
    )
)
_NAT64 = IPv6Network("64:ff9b::/96")
# IPv6 networks whose last 32 bits are an IPv4 address that a gateway may reach.
_CARRIERS = (_NAT64, *map(IPv6Network, ("64:ff9b:1::/48", "::/96", "::ffff:0:0:0/96")))
# Where clouds keep their machines' credentials: opened one by one only. Some of them look public.
_METADATA = (
    IPv4Network("169.254.0.0/16"),
    IPv4Network("100.100.100.200/32"),  # Alibaba
    IPv4Network("168.63.129.16/32"),  # Azure
    IPv4Network("192.0.0.192/32"),  # Oracle
    IPv6Network("fe80::/10"),
    IPv6Network("fd00:ec2::254/128"),  # AWS
    IPv6Network("fd20:ce::254/128"),  # Google
)


class Blocked(HooklakeError):
    """An address that must not be dialled; raised before any connection."""

    def __init__(self, address: str, host: str) -> None:
        of_name = "" if address.partition("%")[0] == host else f" (of name {host})"
        super().__init__(f"{address}{of_name} is not a public address")
        self.address = address
        self.host = host
        #: The same for those who own the destination: what a name leads to inside is not theirs to know.
        self.cause = f"{host} leads to an address that is not public" if of_name else str(self)


def public(address: str) -> bool:
    """Whether anybody may reach it; not so for what is no address."""
    try:
        return _public(_identity(ipaddress.ip_address(address.partition("%")[0])))
    except ValueError:
        return False


class Guard:
    """`allow` opens exactly what it names: a CIDR, an address, or a host name at whatever address it resolves to.

    Link-local and metadata addresses open only when named as a single address. Raises Misconfigured for an entry that
    is none of these.
    """

    def __init__(self, allow: Sequence[str] = (), allow_http: bool = False) -> None:
        entries = [_entry(text.strip()) for text in allow]
        self._networks = [entry for entry in entries if not isinstance(entry, str)]
        self._names = frozenset(entry for entry in entries if isinstance(entry, str))
        self._allow_http = allow_http

    def check_url(self, url: str, *, subject: str = "destination") -> None:
        """Raises Refused, with one sentence on the field `subject`, for a URL that could never be sent to."""
        problem = self._problem(url)
        if problem is not None:
            raise Refused(Issue(subject=subject, description=problem))

    def check_address(self, address: str, host: str) -> None:
        """Raises Blocked unless `address`, which `host` resolved to, is public or opened."""
        try:
            ip = _identity(ipaddress.ip_address(address.partition("%")[0]))
        except ValueError:
            raise Blocked(address, host) from None
        if not self._opens(ip, host) and not _public(ip):
            raise Blocked(address, host)

    def _problem(self, url: str) -> str | None:
        if len(url) > MAX_URL:
            return f"the URL is longer than {MAX_URL} characters"
        if _UNSAFE.search(url):
            return "the URL holds a space, a control character or a backslash"
        try:
            parsed = httpx.URL(url)
            # One dot ends a name in full; resolvers stumble over two.
            host = parsed.raw_host.decode("ascii").removesuffix(".")
        except (httpx.InvalidURL, UnicodeError, ValueError) as error:
            return f"the URL cannot be read: {error}"
        if parsed.scheme != "https" and not (self._allow_http and parsed.scheme == "http"):
            return (
                "the URL must begin with https:// or http://"
                if self._allow_http
                else "the URL must begin with https://"
            )
        if "#" in url:
            return "the URL must not have a fragment"
        authority = _AUTHORITY.match(url)
        if authority is None or not host:
            return "the URL must name a host"
        if "@" in authority[1]:
            return "the URL must not hold a user name or a password"
        if "%" in authority[1]:
            return "the host must not be percent-encoded or carry a zone"
        if parsed.port is not None and not 1 <= parsed.port <= 65535:
            return "the port must be between 1 and 65535"
        return self._host_problem(host)

    def _host_problem(self, host: str) -> str | None:
        try:
            address = _literal(host)
            if address is not None:
                self.check_address(address, host)
                if address != host and ":" not in host:
                    return f"{host} is another spelling of {address}; write the address in its usual form"
        except (Blocked, ValueError) as error:
            return str(error)
        if address is None and not _NAME.match(host):
            return f"{host} is not a valid host name"
        if _LOCAL_NAME.match(host) and host not in self._names:
            return f"{host} names this machine, not a public host"
        return None

    def _opens(self, ip: Address, host: str) -> bool:
        metadata = any(_within(form, _METADATA) for form in (ip, *_carried(ip)))
        for network in self._networks:
            if ip.version == network.version and ip in network and (not metadata or network.num_addresses == 1):
                return True
        return not metadata and host.rstrip(".").lower() in self._names


def _entry(text: str) -> Network | str:
    try:
        network = ipaddress.ip_network(text)
    except ValueError as error:
        if "host bits" in str(error):
            raise Misconfigured(f"the allowed destination `{text}` is not a network: {error}") from None
    else:
        if isinstance(network, IPv6Network) and network.prefixlen == 128:
            return ipaddress.ip_network(_identity(network.network_address))
        return network
    try:
        name = idna.encode(text.rstrip(".").lower()).decode("ascii")
    except idna.IDNAError:
        name = text.lower()
    if not _NAME.match(name) or _NUMBER.match(name.rpartition(".")[2]):
        raise Misconfigured(f"the allowed destination `{text}` is neither a network, an address nor a host name")
    return name


def _literal(host: str) -> str | None:
    """The address that a resolver would read `host` as, None for a name; raises ValueError where it is neither."""
    if ":" in host:
        return str(ipaddress.IPv6Address(host))
    if not _NUMBER.match(host.rpartition(".")[2].lower()):
        return None
    try:
        return str(IPv4Address(socket.inet_aton(host)))
    except OSError:
        raise ValueError(f"{host} is neither an address nor a host name") from None


def _identity(ip: Address) -> Address:
    """An IPv4-mapped address is the IPv4 address: the kernel dials the same peer."""
    return ip.ipv4_mapped or ip if isinstance(ip, IPv6Address) else ip


def _carried(ip: Address) -> list[IPv4Address]:
    """The IPv4 addresses that a gateway may make of an IPv6 one."""
    if isinstance(ip, IPv4Address):
        return []
    carried = [IPv4Address(int(ip) & 0xFFFFFFFF)] if _within(ip, _CARRIERS) else []
    carried += [ip.sixtofour] if ip.sixtofour else []
    return carried + (list(ip.teredo) if ip.teredo else [])


def _public(ip: Address) -> bool:
    if isinstance(ip, IPv4Address):
        return ip.is_global and not _within(ip, _CLOSED_4) and not _within(ip, _METADATA)
    if ip in _NAT64:
        # Networks without IPv4 reach all of the old internet through these.
        return all(_public(carried) for carried in _carried(ip))
    return ip in _UNICAST_6 and ip.is_global and not _within(ip, _CLOSED_6)


def _within(ip: Address, networks: Sequence[Network]) -> bool:
    return any(ip.version == network.version and ip in network for network in networks)
