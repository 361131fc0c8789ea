"""Choosing: to whom the events of one transaction are owed at once, and which of them are spread (protocol.md 2.6).

What filters say is left to `subscriptions/webhooks/matching.py`, writing what is owed to `ledger/owing/deliveries.py`.
"""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from delivery.ledger.owing import filtering
from delivery.ledger.owing.deliveries import Pair, SubscribedWebhook, Topic
from delivery.settings import DeliverySettings
from subscriptions.events.event import Event
from subscriptions.webhooks.matching import Steps

#: Delivery rows that one transaction writes at most; events beyond are spread, so that a burst of fan-outs holds nobody up.
ROWS = 5000
#: Steps of filters that one transaction takes for the events of one workspace, and for all: some 5 and 50 ms. An event that
#: takes more is spread, and so are those after it that have filters to ask.
OF_ONE, OF_ALL = 50_000, 500_000


@dataclass(kw_only=True, slots=True)
class Choice:
    """What is to be written."""

    pairs: list[Pair] = field(default_factory=list)
    #: Events with more candidates, rows or steps than a transaction takes on.
    spread: list[tuple[UUID, Topic]] = field(default_factory=list)
    #: How many want each event that is not spread.
    matched: dict[UUID, int] = field(default_factory=dict)
    #: Webhooks whose filter let an event pass for want of steps.
    exhausted: set[UUID] = field(default_factory=set)


class Chooser:
    """Asks the filters, and knows how long that took."""

    def __init__(self, settings: DeliverySettings) -> None:
        self._settings = settings
        self._seconds = 0.0
        self._since: float | None = None

    @property
    def seconds(self) -> float:
        """Spent on asking, so far."""
        return self._seconds + (0.0 if self._since is None else time.monotonic() - self._since)

    async def choose(self, fresh: Sequence[Event], found: Mapping[Topic, Sequence[SubscribedWebhook]]) -> Choice:
        """Of each event, who is owed it; others on the loop get their turn meanwhile."""
        self._since = time.monotonic()
        try:
            return await self._choose(fresh, found)
        finally:
            self._seconds, self._since = self.seconds, None

    async def _choose(self, fresh: Sequence[Event], found: Mapping[Topic, Sequence[SubscribedWebhook]]) -> Choice:
        each, threshold = self._settings.filter_steps, self._settings.spread_threshold
        rows, of_one, of_all = max(ROWS, threshold), max(OF_ONE, each), max(OF_ALL, each)
        chosen, steps, taken = Choice(), Steps(each), Counter[str]()
        filtered = {topic for topic, there in found.items() if any(one.event_filter for one in there)}
        for event in fresh:
            topic = topic_of(event)
            wanted = candidates = found.get(topic, ())
            over = len(candidates) > threshold
            if topic in filtered and not over:
                before = steps.taken
                room = min(of_one - taken[event.workspace_id], of_all - before)
                asked = await filtering.asked(event.body, candidates, steps, room=room)
                taken[event.workspace_id] += steps.taken - before
                wanted, over = asked.wanted, asked.asked < len(candidates)
                chosen.exhausted.update([candidate.webhook for candidate in asked.exhausted])
            if over or len(chosen.pairs) + len(wanted) > rows:
                chosen.spread.append((event.key, topic))
            else:
                chosen.matched[event.key] = len(wanted)
                chosen.pairs.extend([(event.key, candidate) for candidate in wanted])
        return chosen


def topic_of(event: Event) -> Topic:
    """What candidates are found by."""
    return event.workspace_id, event.type
