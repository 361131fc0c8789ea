"""So many of one asker's requests at once: the others wait for those before them.

Which requests are counted is left to whoever asks; connections are counted by `server/places.py`.
"""

import asyncio
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager


class AtOnce:
    """Places of askers, kept while anybody has one or waits for it."""

    def __init__(self, most: int) -> None:
        self._most = most
        #: Of each asker the places, and how many have one or wait.
        self._known: dict[Hashable, tuple[asyncio.Semaphore, int]] = {}

    def __len__(self) -> int:
        """How many askers have a place."""
        return len(self._known)

    @asynccontextmanager
    async def place(self, whose: Hashable) -> AsyncIterator[None]:
        """Waits for one of the asker's places, and has it within the block; first come, first served."""
        places, number = self._known.get(whose, (asyncio.Semaphore(self._most), 0))
        self._known[whose] = places, number + 1
        try:
            async with places:
                yield
        finally:
            places, number = self._known.pop(whose)
            if number > 1:
                self._known[whose] = places, number - 1
