"""Strangers: destination hosts that have not answered 2xx yet, as far as this process knows, and how seldom they are tried.

Pure bookkeeping on one event loop. Whoever has passed a challenge is none. Of the others each process learns for itself, at
the cost of one answer: nothing has to be stored. What a webhook may hold in flight is left to `slots.py`.
The rule is cloudevents.md W13.
"""

from collections.abc import Mapping
from functools import lru_cache
from uuid import UUID

from subscriptions.webhooks import origins
from subscriptions.webhooks.webhook_store import Hook

#: Attempts that a stranger gets at once, before it is one at a time.
BURST = 5
#: Webhooks that one look may try for each attempt that their host has left: most have nothing due. What is too much is
#: given back.
SPARE = 8
#: Hosts that are remembered as no strangers, and webhooks of strangers that are known.
REMEMBERED, KNOWN = 10_000, 1000

Shares = Mapping[UUID, tuple[int, int | None]]

host_of = lru_cache(8192)(origins.host)


class UnprovenHosts:
    """Hosts by name, whatever the port, over all webhooks; `interval` in seconds between two attempts, 0 for no limit."""

    def __init__(self, interval: float) -> None:
        self._interval = interval
        #: In the order in which they answered first.
        self._friends: dict[str, None] = {}
        #: Those of strangers, by webhook.
        self._hosts: dict[UUID, str] = {}
        #: Until when each stranger's attempts are used up, were they evenly spaced.
        self._until: dict[str, float] = {}

    def begin(self, hook: Hook, now: float) -> bool:
        """Counts an attempt of the webhook's destination, if it may be made now."""
        if not self._interval or (host := host_of(hook.destination)) in self._friends:
            return True
        if hook.challenge_request_enabled:
            # It may be sent to, and so has passed its challenge.
            return self.answered(hook.destination)
        self._hosts.pop(hook.id, None)
        self._hosts[hook.id] = host
        if len(self._hosts) > KNOWN:
            del self._hosts[next(iter(self._hosts))]
        if self._left(host, now) < 1:
            return False
        self._until[host] = max(self._until.get(host, now), now) + self._interval
        if len(self._until) > REMEMBERED:
            self._until = {each: until for each, until in self._until.items() if until > now}
        return True

    def answered(self, url: str) -> bool:
        """The destination answered 2xx; whether its host was a stranger until now."""
        if not self._interval or (host := host_of(url)) in self._friends:
            return False
        self._friends[host] = None
        if len(self._friends) > REMEMBERED:
            del self._friends[next(iter(self._friends))]
        self._until.pop(host, None)
        self._hosts = {webhook: at for webhook, at in self._hosts.items() if at != host}
        return True

    def bars(self, webhook: UUID, now: float) -> bool:
        """Whether a ticket of the webhook would be given back: its host is a stranger, and has no attempt left."""
        host = self._hosts.get(webhook)
        return host is not None and self._left(host, now) < 1

    def narrowed(self, shares: Shares, share: int, now: float) -> Shares:
        """The free `shares` as `Lanes.shares` has them, of strangers no more than their host has left; others have `share`."""
        if not self._hosts:
            return shares
        narrow = dict(shares)
        left = {host: SPARE * self._left(host, now) for host in set(self._hosts.values())}
        for webhook, host in list(self._hosts.items()):
            given = min(1, left[host], narrow.get(webhook, (share, None))[0])
            narrow[webhook] = given, None
            left[host] -= given
            if given:
                # Taken or not, the others come first at the next look.
                del self._hosts[webhook]
                self._hosts[webhook] = host
        return narrow

    def _left(self, host: str, now: float) -> int:
        """Attempts that the host has left now."""
        used = max(0.0, self._until.get(host, now) - now)
        return int(BURST - used / self._interval)
