"""One look a second at all connections of a process, instead of a timer for each.

What a connection is found to have kept us waiting for is left to `connections.py`.
"""

import asyncio
import logging
from collections.abc import Collection
from typing import Any, Protocol, cast

from service.server.connection_limits import ConnectionLimits
from service.server.places import Places
from service.server.turnstile import Turnstile

log = logging.getLogger("hooklake.service")


class Watched(Protocol):
    """A connection, as the sweep sees it."""

    def look(self, now: float, patience: float) -> bool:
        """Cuts it off if it has kept us waiting for so many seconds; whether it did."""


class Sweep:
    """Looks at all connections of a process every second, for as long as there are any."""

    def __init__(
        self, connections: Collection[Watched], loop: asyncio.AbstractEventLoop, limits: ConnectionLimits
    ) -> None:
        self._connections = connections
        self._loop = loop
        self._limits = limits
        self._next: asyncio.TimerHandle | None = None
        #: Who holds what there is for connections.
        self.places = Places(limits)
        #: Which request begins next.
        self.turnstile = Turnstile(loop)
        #: Connections that were turned away since the last look.
        self.refused = 0

    @classmethod
    def over(cls, state: Any, loop: asyncio.AbstractEventLoop, limits: ConnectionLimits) -> "Sweep":
        """The one of the server, whose connections share nothing but its state."""
        if not hasattr(state, "sweep"):
            state.sweep = cls(state.connections, loop, limits)
        return cast(Sweep, state.sweep)

    def begin(self) -> None:
        """Goes on, if it had come to an end."""
        if self._next is None:
            self._next = self._loop.call_later(self._limits.interval, self._look)

    def _look(self) -> None:
        self._next = None
        now, patience = self._loop.time(), self._limits.patience(len(self._connections))
        slow = sum(connection.look(now, patience) for connection in list(self._connections))
        if slow or self.refused or self.places.ended:
            # One line a second, however many they are.
            figures = (slow, self.refused, self.places.ended, len(self._connections))
            log.warning("connections.cut slow=%d refused=%d ended=%d open=%d", *figures)
            self.refused = self.places.ended = 0
        if self._connections:
            self.begin()
