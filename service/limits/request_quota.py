"""How many requests of an hour each client or person has made and has left, and how many changes each workspace: bookkeeping in
memory, and the headers of any quota.

What is counted, and whose it is, is left to `auth.py`, events to `publish_quota.py`, the answer to one too many to `problems.py`.
"""

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from math import ceil

from subscriptions.events import attributes
from subscriptions.ground.errors import HooklakeError

HOUR = timedelta(hours=1)
#: Those that are counted at once, at some 300 bytes each; with more, the one that was away longest starts anew.
CLIENTS = 10_000


class TooMany(HooklakeError):
    """Whoever asks has used up what there is for a time."""

    def __init__(self, message: str, standing: "QuotaState") -> None:
        super().__init__(message)
        #: What is left, and when there will be more.
        self.standing = standing


@dataclass(frozen=True, kw_only=True, slots=True)
class QuotaState:
    """What is left of a quota after a request."""

    #: All that there is for the time.
    limit: int
    #: How many of them are left.
    remaining: int
    #: When all of them are there again.
    resets_at: datetime
    #: Whole seconds until then, rounded up, at least 1.
    seconds: int
    #: Whether this request was within the limit.
    within: bool

    def headers(self) -> dict[str, str]:
        """Both families of greenlake.md 1.8: `X-RateLimit-*` with a date-time, `ratelimit-*` with seconds."""
        limit, remaining = str(self.limit), str(self.remaining)
        return {
            "X-RateLimit-Limit": limit,
            "X-RateLimit-Remaining": remaining,
            "X-RateLimit-Reset": _moment(self.resets_at),
            "ratelimit-limit": limit,
            "ratelimit-remaining": remaining,
            "ratelimit-reset": str(self.seconds),
        }


#: The end of a minute is told many times.
_moment = lru_cache(64)(attributes.timestamp)


@dataclass(kw_only=True, slots=True)
class _Hour:
    """A client's hour."""

    ends: datetime
    left: int


class RequestQuota:
    """Counts what each client asks in an hour that begins with its first request, in the memory of this process.

    A fixed hour, because "all are there again at" is then one true moment, and two fields are all that a client costs. Its
    price: around the end of an hour a client may make twice its number at once. A sliding one would have no such moment.
    """

    def __init__(self, limit: int, *, clients: int = CLIENTS) -> None:
        self._limit = limit
        self._clients = clients
        #: The one that asked last stands last.
        self._hours: OrderedDict[Hashable, _Hour] = OrderedDict()

    def __len__(self) -> int:
        """How many clients are in memory."""
        return len(self._hours)

    def take(self, client: Hashable, now: datetime, count: int = 1) -> QuotaState:
        """Counts a request of the client, or as many things as `count`, unless it has none left; what it has then.

        With a count of 0 it is only asked whether there is any left.
        """
        hour = self._hours.get(client)
        if hour is None or now >= hour.ends:
            # From a whole second, so that the two resets that are told are the same moment.
            hour = self._hours[client] = _Hour(ends=now.replace(microsecond=0) + HOUR, left=self._limit)
        self._hours.move_to_end(client)
        if len(self._hours) > self._clients:
            self._hours.popitem(last=False)
        within = hour.left > 0
        hour.left -= min(hour.left, count)
        seconds = ceil((hour.ends - now).total_seconds())
        return QuotaState(limit=self._limit, remaining=hour.left, resets_at=hour.ends, seconds=seconds, within=within)
