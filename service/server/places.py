"""Who holds the places for connections of one process, and who goes when a newcomer finds none free.

What a connection does is left to `connections.py`: here it rests, has begun to ask, or is at work.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from itertools import islice
from typing import Protocol

from service.limits.addresses import Proxies, household
from service.server.connection_limits import ConnectionLimits

#: Newcomers that wait at the door of a full house until they have said what they want; one more, and the first of them goes.
WAITING = 50
#: What an address beyond its share never takes: the last tenth of the places.
SPARED = 10
#: Bytes a second from which on a client that sends is not slow, and the most that are looked at for a newcomer.
BRISK, LOOKED = 8192, 32


class Household:
    """All connections of one address."""

    __slots__ = ("begun", "held", "key", "resting", "share", "shared")

    def __init__(self, key: Hashable, share: float, *, shared: bool = False) -> None:
        self.key = key
        #: Whether it is a proxy, which stands for many.
        self.shared = shared
        #: Places that are its own.
        self.share = share
        self.held = 0
        #: Who neither asks nor is answered, the one that has for longest first.
        self.resting: OrderedDict[Guest, None] = OrderedDict()
        #: Who has begun to ask and has not ended, likewise.
        self.begun: OrderedDict[Guest, None] = OrderedDict()

    @property
    def over(self) -> bool:
        """Whether it holds more than its share."""
        return self.held > self.share


class Guest(Protocol):
    """A connection, as it is seen here."""

    #: Whose it is; None: it has no place.
    household: Household | None

    @property
    def taken(self) -> int:
        """Bytes of the message under way, those that came with its first ones left out."""

    def make_room(self) -> None:
        """Goes: a newcomer needs its place."""

    def turn_away(self) -> None:
        """Goes: too many have waited since for a place."""


class Places:
    """Newcomers get in while anybody rests: the one that has rested longest goes, first of an address beyond its share. Where
    nobody rests, the slowest of those that are slow goes: who has taken longest for the fewest bytes.

    A share costs nobody anything while there is room: an address takes what others leave, but for the last tenth. All of it is
    a few steps for a newcomer, however many connections there are.
    """

    def __init__(self, limits: ConnectionLimits, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._grace = limits.grace
        self._most = limits.connections
        self._share = max(1, int(limits.connections * limits.share))
        self._common = limits.connections - limits.connections // SPARED
        self._proxies = Proxies(limits.proxies)
        self._households: dict[Hashable, Household] = {}
        #: Those beyond their share, which are few.
        self._over: dict[Household, None] = {}
        self._resting: OrderedDict[Guest, None] = OrderedDict()
        #: Who has begun to ask, and since when.
        self._begun: OrderedDict[Guest, float] = OrderedDict()
        self._waiting: OrderedDict[Guest, None] = OrderedDict()
        self.held = 0
        #: Connections that went for newcomers, since somebody asked.
        self.ended = 0

    def enter(self, guest: Guest, address: str) -> bool:
        """Gives the newcomer a place, which somebody else may lose for it; False: there is none, and it waits at the door."""
        home = self._household(address)
        # Over its share with this one.
        over = home.held >= home.share
        if self.held >= (self._common if over else self._most) and not self._free(home, over):
            self._waiting[guest] = None
            if len(self._waiting) > WAITING:
                self._waiting.popitem(last=False)[0].turn_away()
            return False
        self._waiting.pop(guest, None)
        self._households[home.key] = guest.household = home
        home.held += 1
        self.held += 1
        if home.over:
            self._over[home] = None
        return True

    def rests(self, guest: Guest) -> None:
        """It has been answered, or has said nothing yet."""
        if (home := guest.household) is not None:
            self.works(guest)
            self._resting[guest] = home.resting[guest] = None

    def begins(self, guest: Guest) -> None:
        """It has said something, and not all of it; it goes on to have begun when it first did."""
        home = guest.household
        if home is not None and guest not in home.begun:
            self.works(guest)
            home.begun[guest] = None
            self._begun[guest] = self._clock()

    def works(self, guest: Guest) -> None:
        """It is at neither any more: all of what it asks is here, or something new of it."""
        if (home := guest.household) is not None:
            if guest in home.resting:
                del home.resting[guest], self._resting[guest]
            elif guest in home.begun:
                del home.begun[guest], self._begun[guest]

    def leaves(self, guest: Guest) -> None:
        """Its place is free; of one that has left already, nothing."""
        self._waiting.pop(guest, None)
        home = guest.household
        if home is None:
            return
        self.works(guest)
        guest.household = None
        home.held -= 1
        self.held -= 1
        if not home.over:
            self._over.pop(home, None)
        if not home.held:
            self._households.pop(home.key, None)

    def _household(self, address: str) -> Household:
        key = household(address)
        known = self._households.get(key)
        shared = known is None and address in self._proxies
        return known or Household(key, self._most + 1 if shared else self._share, shared=shared)

    def _free(self, home: Household, over: bool) -> bool:
        """Ends the connection that has to go before others, if there is one."""
        # Whoever is beyond his own share takes no place but of his own.
        beyond = [home] if over else list(self._over)
        subscription_store = [each.resting for each in beyond]
        if not over:
            subscription_store += [*(each.begun for each in beyond), self._resting]
        longest = next((next(iter(order)) for order in subscription_store if order), None)
        if longest is None and not over:
            longest = self._slowest()
        if longest is None:
            return False
        self.leaves(longest)
        self.ended += 1
        longest.make_room()
        return True

    def _slowest(self) -> Guest | None:
        """Of those that began first, and are slow, the one with the fewest bytes for its time; None: nobody is slow."""
        now, found, least = self._clock(), None, float(BRISK)
        for guest, since in islice(self._begun.items(), LOOKED):
            lasted = now - since
            if lasted < self._grace:
                # Nor have those that began after it had their time.
                break
            pace = guest.taken / lasted if lasted else float(guest.taken)
            if pace < least:
                found, least = guest, pace
        return found
