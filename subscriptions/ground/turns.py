"""Turns at something that there are few of: places that callers share, and take one after another.

What the places are, and who calls, is left to `database.py` and to whoever names a caller there.
"""

import asyncio
from collections import Counter, OrderedDict, deque
from collections.abc import Hashable

from subscriptions.ground.errors import Busy, TooSoon

#: Requests of one caller that may wait for a place at once.
WAITING = 100
#: Seconds after which asking again makes sense.
AGAIN = 1.0

Wait = asyncio.Future[None]


class Turns:
    """So many places, and a share of them for each caller: those who wait get one by turns, each its oldest request first."""

    def __init__(self, places: int, share: int, *, waiting: int = WAITING) -> None:
        self.places = places
        #: The most that one caller has at once.
        self.share = share
        self._waiting = waiting
        self._taken = 0
        self._held: Counter[Hashable] = Counter()
        #: The one that was given a place last stands last; who has all of its share is passed over.
        self._queues: OrderedDict[Hashable, deque[Wait]] = OrderedDict()

    def __len__(self) -> int:
        """How many callers have a place, or wait for one."""
        return len(self._held.keys() | self._queues.keys())

    async def take(self, caller: Hashable, patience: float | None) -> None:
        """Takes a place, to be given back; the wait for it is at most so many seconds, None: as long as it takes.

        Raises TooSoon where it is the caller's own requests that are too many, Busy where it is those of others.
        """
        if self._taken < self.places and self._held[caller] < self.share:
            self._grant(caller)
        else:
            await self._wait(caller, patience)

    def give(self, caller: Hashable) -> None:
        """Gives the place back: the next has it."""
        self._taken -= 1
        self._held[caller] -= 1
        if not self._held[caller]:
            del self._held[caller]
        # One place is free, so one is given; who is passed over has its share, or waits no longer.
        for each, queue in self._queues.items():
            wait = next((one for one in queue if not one.done()), None)
            if wait is not None and self._held[each] < self.share:
                wait.set_result(None)
                self._queues.move_to_end(each)
                self._leave(each, wait)
                self._grant(each)
                return

    async def _wait(self, caller: Hashable, patience: float | None) -> None:
        queue = self._queues.setdefault(caller, deque())
        if len(queue) >= self._waiting:
            said = f"{self._waiting} requests of this client wait for the database already: send fewer at once"
            raise TooSoon(said, limit=self._waiting, seconds=AGAIN)
        wait: Wait = asyncio.get_running_loop().create_future()
        queue.append(wait)
        try:
            async with asyncio.timeout(patience):
                await wait
        except BaseException as error:
            if wait.done() and not wait.cancelled():
                # The place came in the same moment; it is for the next.
                self.give(caller)
            else:
                self._leave(caller, wait)
            if isinstance(error, TimeoutError):
                raise self._late(caller) from None
            raise

    def _late(self, caller: Hashable) -> Exception:
        if self._held[caller] or caller in self._queues:
            said = (
                f"this client's requests are many, and {self.share} of them at a time have the database: this one waited in "
                "vain, and changed nothing; send fewer at once"
            )
            return TooSoon(said, limit=self.share, seconds=AGAIN)
        return Busy("Requests of other clients have all that there is of the database beside publications")

    def _grant(self, caller: Hashable) -> None:
        self._taken += 1
        self._held[caller] += 1

    def _leave(self, caller: Hashable, wait: Wait) -> None:
        queue = self._queues[caller]
        queue.remove(wait)
        if not queue:
            del self._queues[caller]
