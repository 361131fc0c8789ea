"""What an API process listens with: several descriptors of each socket, so that a turn of its loop takes several connections.

What becomes of one that is there is left to `connections.py`.
"""

import asyncio
import socket

from subscriptions.ground.errors import Misconfigured

#: Descriptors of one socket. uvloop takes one connection from each in a turn of the loop, and a turn that answers requests is
#: long: clients that connect anew for each request filled the system's queue, where others wait behind them.
DESCRIPTORS = 8


def bound(host: str, port: int) -> list[socket.socket]:
    """Sockets at all addresses of the host, which do not listen yet; raises Misconfigured where nobody could."""
    each: list[socket.socket] = []
    try:
        for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
            each.append(socket.socket(family, kind, protocol))
            each[-1].setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            each[-1].bind(address)
    except OSError as error:
        for one in each:
            one.close()
        why = (error.strerror or "").partition(" (")[0]
        raise Misconfigured(f"HOOKLAKE_PORT: {host} port {port} cannot be listened on: {why}") from None
    return each + [one.dup() for one in each for _ in range(DESCRIPTORS - 1)]


def hung_up(transport: asyncio.Transport) -> bool:
    """Whether its client has reset the connection: the system knows, and the loop hears of it after what was sent before."""
    known = transport.get_extra_info("socket")
    try:
        return known is not None and not known.getpeername()
    except OSError:
        return True
