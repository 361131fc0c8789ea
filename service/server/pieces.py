"""Long work in the loop, by turns: one piece in each turn of the loop, whoever's it is.

What the work is, is left to its caller; whose it is, to `api/long_work.py`.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Hashable, Iterable
from typing import TypeVar

from subscriptions.ground.audience import Audience, NobodyWaits

T = TypeVar("T")

#: Bytes that are worked through before others get a turn, and what one item counts for beside its own: half a millisecond.
TURN, ITEM = 64 * 1024, 2048

Piece = asyncio.Future[None]


class LongWork:
    """All long work of one process. Clients take turns, not requests; of each client the one that began first goes on first.

    However many requests of a client are long, a turn of the loop has one piece of work, and so is no longer for those who
    want little of it.
    """

    def __init__(self) -> None:
        #: The client that had its turn last stands last.
        self._lines: OrderedDict[Hashable, deque[tuple[Piece, Audience]]] = OrderedDict()
        self._granting = False

    def __len__(self) -> int:
        """How many wait."""
        return sum(map(len, self._lines.values()))

    async def turn(self, whose: Hashable, audience: Audience, *, goes_on: bool) -> None:
        """Waits for the client's turn, before its other requests if this one `goes_on`; raises NobodyWaits."""
        loop = asyncio.get_running_loop()
        piece = loop.create_future()
        line = self._lines.get(whose)
        if line is None:
            line = self._lines[whose] = deque()
        (line.appendleft if goes_on else line.append)((piece, audience))
        if not self._granting:
            self._granting = True
            loop.call_soon(self._grant, loop)
        await piece

    def _grant(self, loop: asyncio.AbstractEventLoop) -> None:
        granted = False
        while self._lines and not granted:
            whose, line = next(iter(self._lines.items()))
            piece, audience = line.popleft()
            if line:
                self._lines.move_to_end(whose)
            else:
                del self._lines[whose]
            if piece.done():
                continue
            if audience.gone:
                piece.set_exception(NobodyWaits("Whoever sent it has gone"))
            else:
                piece.set_result(None)
                granted = True
        self._granting = bool(self._lines)
        if self._granting:
            # After the piece that was granted, which comes back to the head of its line.
            loop.call_soon(self._grant, loop)


async def taken(pieces: Iterable[tuple[int, T]], turn: Callable[[], Awaitable[None]]) -> list[T]:
    """What an iterator makes of pieces of so many bytes; a first turn of them is taken without letting go of the loop."""
    made = []
    size = 0
    for bytes_, one in pieces:
        made.append(one)
        size += bytes_ + ITEM
        if size > TURN:
            size = 0
            await turn()
    return made
