"""Turns at something that there are few of: places that callers share, and take one after another.

What the places are, and who calls, is left to `database.py` and to whoever names a caller there.
"""

import asyncio
from collections import Counter, OrderedDict, deque
from collections.abc import Hashable

from subscriptions.ground.audience import STAYS, Audience, NobodyWaits
from subscriptions.ground.errors import Busy, TooSoon

#: Requests of one caller that may wait for a place at once.
WAITING = 100
#: Seconds after which asking again makes sense.
AGAIN = 1.0

#: One that waits, and for whom.
Wait = tuple[asyncio.Future[None], Audience]


class Turns:
    """So many places, and a share of them for each caller: those who wait get one by turns, each its oldest request first."""

    def __init__(self, places: int, share: int, *, waiting: int = WAITING, of: str = "the database") -> None:
        self.places = places
        self._of = of
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

    async def take(self, caller: Hashable, patience: float | None, audience: Audience = STAYS) -> None:
        """Takes a place, to be given back; the wait for it is at most so many seconds, None: as long as it takes.

        Raises TooSoon where it is the caller's own requests that are too many, Busy where it is those of others, NobodyWaits
        where the audience had gone when its turn came.
        """
        if self._taken < self.places and self._held[caller] < self.share:
            self._grant(caller)
        else:
            await self._wait(caller, patience, audience)

    def give(self, caller: Hashable) -> None:
        """Gives the place back: the next has it."""
        self._taken -= 1
        self._held[caller] -= 1
        if not self._held[caller]:
            del self._held[caller]
        # One place is free, so one is given; who is passed over has its share, or waits no longer.
        for each in [each for each in self._queues if self._held[each] < self.share]:
            self._dismiss(each)
            wait = next((one for one in self._queues.get(each, ()) if not one[0].done()), None)
            if wait is not None:
                wait[0].set_result(None)
                self._queues.move_to_end(each)
                self._leave(each, wait)
                self._grant(each)
                return

    async def _wait(self, caller: Hashable, patience: float | None, audience: Audience) -> None:
        self._dismiss(caller)
        queue = self._queues.setdefault(caller, deque())
        if len(queue) >= self._waiting:
            said = f"{self._waiting} requests of this client wait for {self._of} already: send fewer at once"
            raise TooSoon(said, limit=self._waiting, seconds=AGAIN)
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        wait = (place, audience)
        queue.append(wait)
        try:
            async with asyncio.timeout(patience):
                await place
        except NobodyWaits:
            raise
        except BaseException as error:
            if place.done() and not place.cancelled() and place.exception() is None:
                # The place came in the same moment; it is for the next.
                self.give(caller)
            elif not place.done() or place.cancelled():
                self._leave(caller, wait)
            if isinstance(error, TimeoutError):
                raise self._late(caller) from None
            raise

    def _late(self, caller: Hashable) -> Exception:
        if self._held[caller] or caller in self._queues:
            said = (
                f"this client's requests are many, and {self.share} of them at a time have {self._of}: this one waited in "
                "vain, and changed nothing; send fewer at once"
            )
            return TooSoon(said, limit=self.share, seconds=AGAIN)
        return Busy(f"Requests of other clients have all that there is of {self._of} beside publications")

    def _dismiss(self, caller: Hashable) -> None:
        """Sends those of the caller's requests away that nobody waits for any more."""
        for wait in [each for each in self._queues.get(caller, ()) if each[1].gone and not each[0].done()]:
            wait[0].set_exception(NobodyWaits("Whoever asked has gone"))
            self._leave(caller, wait)

    def _grant(self, caller: Hashable) -> None:
        self._taken += 1
        self._held[caller] += 1

    def _leave(self, caller: Hashable, wait: Wait) -> None:
        queue = self._queues[caller]
        queue.remove(wait)
        if not queue:
            del self._queues[caller]
