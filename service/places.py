"""Who holds the places for connections of one process, and who goes when a newcomer finds none free.

What a connection does is left to `connections.py`: here it rests, has begun to ask, or is at work.
"""

from collections import OrderedDict
from collections.abc import Hashable
from typing import Protocol

from service.addresses import Proxies, household
from service.limits import Limits

#: Newcomers that wait at the door of a full house until they have said what they want; one more, and the first of them goes.
WAITING = 50
#: What an address beyond its share never takes: the last tenth of the places.
SPARED = 10


class Household:
    """All connections of one address."""

    __slots__ = ("begun", "held", "key", "resting", "share")

    def __init__(self, key: Hashable, share: float) -> None:
        self.key = key
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

    def make_room(self) -> None:
        """Goes: a newcomer needs its place."""

    def turn_away(self) -> None:
        """Goes: too many have waited since for a place."""


class Places:
    """Newcomers get in while anybody rests: the one that has rested longest goes, first of an address beyond its share.

    A share costs nobody anything while there is room: an address takes what others leave, but for the last tenth. All of it is
    a few steps for a newcomer, however many connections there are.
    """

    def __init__(self, limits: Limits) -> None:
        self._most = limits.connections
        self._share = max(1, int(limits.connections * limits.share))
        self._common = limits.connections - limits.connections // SPARED
        self._proxies = Proxies(limits.proxies)
        self._households: dict[Hashable, Household] = {}
        #: Those beyond their share, which are few.
        self._over: dict[Household, None] = {}
        self._resting: OrderedDict[Guest, None] = OrderedDict()
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
        if guest.household is not None:
            self._resting[guest] = guest.household.resting[guest] = None

    def begins(self, guest: Guest) -> None:
        """It has said something, and not all of it."""
        if guest.household is not None:
            guest.household.begun[guest] = None

    def works(self, guest: Guest) -> None:
        """It has something to say: it is at neither any more."""
        if (home := guest.household) is not None:
            if guest in home.resting:
                del home.resting[guest], self._resting[guest]
            else:
                home.begun.pop(guest, None)

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
        return known or Household(key, self._most + 1 if address in self._proxies else self._share)

    def _free(self, home: Household, over: bool) -> bool:
        """Ends the connection that has to go before others, if there is one."""
        # Whoever is beyond his own share takes no place but of his own.
        beyond = [home] if over else list(self._over)
        orders = [each.resting for each in beyond]
        if not over:
            orders += [*(each.begun for each in beyond), self._resting]
        longest = next((next(iter(order)) for order in orders if order), None)
        if longest is None:
            return False
        self.leaves(longest)
        self.ended += 1
        longest.make_room()
        return True
