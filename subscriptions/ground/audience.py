"""Whoever waits for an answer, and may go meanwhile: what is queued for him leaves the queue then.

Who tells that he has gone is left to the server, what is queued to those who keep queues.
"""

from subscriptions.ground.errors import HooklakeError


class NobodyWaits(HooklakeError):
    """Whoever asked has gone; what he asked for was not begun."""


class Audience:
    """Those at one connection: each queue looks whether they are there still when their turn comes."""

    __slots__ = ("gone",)

    def __init__(self) -> None:
        self.gone = False

    def check(self) -> None:
        """Raises NobodyWaits."""
        if self.gone:
            raise NobodyWaits("Whoever asked has gone")


#: For what is asked by no connection.
STAYS = Audience()
