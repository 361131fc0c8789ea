"""How many bytes of bodies are under way in a process, and in whose requests: what has been announced, and has not been answered.

Who reads them is left to `api/reading.py`, the answer to one too many to `problems.py`.
"""

from collections.abc import Hashable

from subscriptions.ground.errors import Busy

#: Bodies up to so many bytes are not counted: what they come to is bounded by the number of connections.
SMALL = 16 * 1024


class Crowded(Busy):
    """There is no room for a body now."""


class Bodies:
    """A budget of bytes, and a share of it for each client, so that one cannot have it all by announcing much."""

    def __init__(self, most: int, share: int) -> None:
        self._most = most
        #: The most that one client has.
        self.share = share
        self.held = 0
        self._of: dict[Hashable, int] = {}

    def __len__(self) -> int:
        """How many clients hold any."""
        return len(self._of)

    def take(self, client: Hashable, size: int) -> None:
        """Takes so many bytes for the client, who gives them back; raises Crowded, and takes nothing, where there is no room."""
        own = self._of.get(client, 0) + size
        if own > self.share:
            raise Crowded(f"Bodies of this client's requests that are under way fill its share of {self.share} bytes")
        if self.held + size > self._most:
            raise Crowded(f"Bodies that are under way fill the {self._most} bytes that there are for them")
        self.held += size
        self._of[client] = own

    def give(self, client: Hashable, size: int) -> None:
        """Gives back what was taken."""
        self.held -= size
        left = self._of[client] - size
        if left:
            self._of[client] = left
        else:
            del self._of[client]


class Hold:
    """What one request has taken, until it has ended."""

    __slots__ = ("_bodies", "_client", "size")

    def __init__(self, bodies: Bodies, client: Hashable) -> None:
        self._bodies = bodies
        self._client = client
        self.size = 0

    def up_to(self, size: int) -> None:
        """Takes what is missing to so many bytes; raises Crowded."""
        if size > self.size:
            self._bodies.take(self._client, size - self.size)
            self.size = size

    def answer(self, size: int) -> None:
        """Takes so many bytes for an answer, or all of the share where that is less; raises Crowded."""
        self.up_to(min(size, self._bodies.share))

    def end(self) -> None:
        """Gives back all of it."""
        if self.size:
            self._bodies.give(self._client, self.size)
            self.size = 0
