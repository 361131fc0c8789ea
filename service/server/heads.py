"""What is asked of a request's head beside its limits.

Who refuses it is left to `connections.py`.
"""

import re
from collections.abc import Iterable, Sequence

#: A host, and a port where there is one (RFC 3986, 3.2); it may be empty.
AUTHORITY = re.compile(rb"(?:[A-Za-z0-9._~%!$&'()*+,;=-]*|\[[0-9A-Fa-f:.v]+\])(?::[0-9]*)?")

#: What is answered to whoever there is no place for.
HEALTH = b"/health/"


def for_health(url: bytes, method: bytes) -> bool:
    """Whoever looks after us is answered though the house is full: he would restart it."""
    return url.startswith(HEALTH) and method in (b"GET", b"HEAD")


def hosted(headers: Iterable[Sequence[bytes]], version: str) -> bool:
    """Whether the head has one Host that could be one, or none where the version asks for none (RFC 9112, 3.2)."""
    hosts = [value for name, value in headers if name == b"host"]
    if len(hosts) != 1:
        return not hosts and version == "1.0"
    return AUTHORITY.fullmatch(hosts[0]) is not None


def size(headers: Iterable[Sequence[bytes]]) -> int:
    """Bytes of its names and values."""
    return sum(len(name) + len(value) for name, value in headers)
