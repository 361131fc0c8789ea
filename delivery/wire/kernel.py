"""What the system knows of a connection, and what it is short of: asked where an attempt would otherwise be misjudged.

What follows from it is left to `pool` and `exchange`.
"""

import contextlib
import errno
import os
import socket
import ssl
import struct
import sys
from typing import NamedTuple

#: Seconds without a byte after which the other side is asked for a sign of life, between two such probes, and how many of
#: them go unanswered until the connection is given up. Kept ones rest for four seconds: one probe tells whether a middlebox
#: still knows them, and reminds it.
PROBE_AFTER, PROBE_EVERY, PROBES = 1, 1, 5

#: What a process or its machine can be short of; no destination has anything to do with it.
_SHORTAGES = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
# Of Linux's tcp_info (its uapi/linux/tcp.h, whose members are only ever added to at the end): the unanswered probes, the
# segments without acknowledgement, the milliseconds since one came, and, since 5.4, the window that the other end leaves us.
_INFO = struct.Struct("=3xB20xI28xI168xI")


class Path(NamedTuple):
    """What the other end of a connection has let us know, whatever the application behind it does."""

    #: Segments that were sent and not acknowledged; none while the other end has said that it has no room for more.
    unacknowledged: int
    #: Seconds since anything was acknowledged.
    silent: float
    #: Probes that are unanswered.
    probes: int


#: A system that does not tell.
UNTOLD = Path(0, 0.0, 0)


def probing(dialled: socket.socket) -> None:
    """Has the system ask the other end for a sign of life, where it can be told when."""
    options = {"TCP_KEEPIDLE": PROBE_AFTER, "TCP_KEEPINTVL": PROBE_EVERY, "TCP_KEEPCNT": PROBES}
    if all(hasattr(socket, name) for name in options):
        dialled.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in options.items():
            dialled.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def path(connected: socket.socket) -> Path:
    """How the connection stands; UNTOLD where the system does not tell it, or not in Linux's way, and once it is closed."""
    if sys.platform != "linux":
        return UNTOLD
    try:
        info = connected.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _INFO.size)
    except (OSError, ValueError):
        # The second is uvloop's of a closed transport, whose file descriptor is negative.
        return UNTOLD
    probes, unacknowledged, silent, window = _INFO.unpack(info.ljust(_INFO.size, b"\xff"))
    return Path(unacknowledged if window else 0, silent / 1000, probes)


def short_of(error: OSError) -> str:
    """What this process or its machine lacks, in the system's words, where that is why; else an empty text."""
    if error.errno in _SHORTAGES and not isinstance(error, ssl.SSLError):
        return os.strerror(error.errno)
    # The resolver and OpenSSL read files, and say something else where none can be opened: an unknown name, a busy device.
    if not isinstance(error, ConnectionError | TimeoutError | ssl.SSLCertVerificationError):
        try:
            with contextlib.closing(socket.socket()):
                return ""
        except OSError as lacking:
            return os.strerror(lacking.errno) if lacking.errno in _SHORTAGES else ""
    return ""
