"""Which heads are refused, and with what: those that are too large, of another version, without a Host, or for a tunnel.

What is asked of a head is left to `heads.py`, the words to `refusals.py`, how a connection ends then to `connections.py`.
"""

from collections.abc import Sequence
from typing import Any

from service.server import heads, refusals
from service.server.connection_limits import HEAD_BYTES, HEADERS, URL_BYTES
from service.server.refusals import Over


def vet(parser: Any, url: bytes, headers: Sequence[Sequence[bytes]], *, at_most: int) -> bool:
    """Whether the head that `parser` (httptools') has read offers another protocol; raises Over for one that is refused.

    `at_most` is how many bytes came of it, and of what follows it: only if these are too many are its own counted.
    """
    if len(url) > URL_BYTES:
        raise Over(refusals.LONG_URL)
    if len(headers) > HEADERS or (at_most > HEAD_BYTES and heads.size(headers) > HEAD_BYTES):
        raise Over(refusals.LONG_HEAD)
    version = parser.get_http_version()
    if version not in ("1.1", "1.0"):
        raise Over(refusals.NO_VERSION if version == "0.9" else refusals.VERSION)
    if not heads.hosted(headers, version):
        raise Over(refusals.HOST)
    offering: bool = parser.should_upgrade()
    if offering and parser.get_method() == b"CONNECT":
        raise Over(refusals.TUNNEL)
    return offering
