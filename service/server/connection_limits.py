"""How much a connection may ask for: bytes of a head, seconds of a request.

Who holds a connection to them is left to `connections.py`.
"""

from dataclasses import dataclass

#: Names and values of a request's header; a token of another issuer may have 16 KB.
HEAD_BYTES = 32 * 1024
#: Lines of a request's header.
HEADERS = 100
#: Path and query.
URL_BYTES = 8 * 1024
#: Requests that a client may send ahead of the answer it waits for: each costs far more than its bytes while it waits.
AHEAD = 64
#: The least time that a client gets, in seconds, however many others there are.
LEAST = 2.0
#: Seconds that a connection may rest between two requests while nobody needs its place: longer than clients and load balancers
#: keep theirs. Whoever ends it first must not be us: a request that was on its way then gets no answer.
KEEP_ALIVE = 75


@dataclass(frozen=True, kw_only=True)
class ConnectionLimits:
    """What one process takes."""

    #: Connections at once; for one more another one has to go.
    connections: int
    #: Seconds for a whole request, from its first byte or from the connection's beginning, and again for reading the answer.
    timeout: float
    #: Bytes of a whole message as it travels, whoever reads them.
    message_bytes: int
    #: Seconds between two looks at all connections.
    interval: float = 1.0
    #: Seconds that a client may take for a request before it counts as slow where newcomers find no place.
    grace: float = 0.5
    #: What part of the connections one address has while others want them.
    share: float = 0.25
    #: Addresses and networks that stand for many clients: they have all.
    proxies: tuple[str, ...] = ()

    def patience(self, connections: int) -> float:
        """Seconds that each of so many gets: all while half of the places are free, then the fuller it is the fewer.

        So that slow clients hold no place for long when places are what others need.
        """
        free = 1 - connections / self.connections
        return min(self.timeout, max(LEAST, self.timeout * 2 * free))
