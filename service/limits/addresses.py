"""Whose an address is: counts go by households, which have one address of IPv4 or 2^64 of IPv6.

What is counted is left to `throttle.py` and `server/places.py`.
"""

from collections.abc import Hashable, Iterable
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network


def household(address: str) -> Hashable:
    """The IPv4 address, or the /64 of an IPv6 one; a text that is no address stands for itself."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        return parsed.ipv4_mapped or IPv6Network((int(parsed) >> 64 << 64, 64))
    return parsed


class Proxies:
    """The addresses and networks that stand for many clients (`HOOKLAKE_TRUSTED_PROXIES`); `*` is all there are."""

    def __init__(self, named: Iterable[str] = ()) -> None:
        self._names: set[str] = set()
        self._networks: list[IPv4Network | IPv6Network] = []
        for each in named:
            try:
                self._networks.append(ip_network(each, strict=False))
            except ValueError:
                self._names.add(each)

    def __contains__(self, address: str) -> bool:
        if not self._networks and not self._names:
            return False
        if address in self._names or "*" in self._names:
            return True
        try:
            parsed = ip_address(address)
        except ValueError:
            return False
        plain = (parsed.ipv4_mapped or parsed) if isinstance(parsed, IPv6Address) else parsed
        return any(plain in network for network in self._networks)
