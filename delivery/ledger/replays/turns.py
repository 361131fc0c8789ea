"""How much a turn of a replay opens, when each is due, and of whom: so that what is fresh waits for no replay (protocol.md 11.4).

Decided without the database; who asks is `upkeep/replaying.py`.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from delivery.ledger.claims.claiming import PROBED
from delivery.ledger.claims.paces import AHEAD as PACED_AHEAD
from delivery.ledger.replays.item_rows import WaitingWebhook

#: Seconds between two turns that open, and how far ahead of it a turn opens.
EVERY, AHEAD = 1.0, 1.5
#: What a turn opens at most.
MOST = 500
#: What waits at a webhook without having been tried at most: twice what it took since the last turn, and at least so many.
LEAST = 16
#: The statuses of webhooks that are sent to.
SENDABLE = ("ACTIVE", "WARNING")


def due_times(per_second: float, next_at: datetime, now: datetime) -> list[datetime]:
    """When the next ones are due, evenly spaced; times that were missed are not made up for."""
    base = max(next_at, now)
    ahead = (now - base).total_seconds() + AHEAD
    if ahead < 0:
        return []
    return [base + timedelta(seconds=n / per_second) for n in range(min(MOST, int(ahead * per_second) + 1))]


def following(due_times: Sequence[datetime], used: int, per_second: float, next_at: datetime) -> datetime:
    """The time behind those that were used."""
    return due_times[0] + timedelta(seconds=used / per_second) if used else next_at


def room(hook: WaitingWebhook, moved: int) -> int:
    """How many more of a webhook's may be opened, of which `moved` were tried since the last turn."""
    if hook.status == "ERROR":
        # What its probe tries in turn, and no more: what is parked is woken all at once.
        return 0 if hook.probed else PROBED - hook.open
    if hook.status not in SENDABLE:
        return 0
    window = max(LEAST, 2 * moved)
    if hook.rate:
        window = min(window, max(1, int(hook.rate * PACED_AHEAD / 60)))
    return max(0, window - hook.open)


def quotas(
    hooks: Sequence[WaitingWebhook], moved: Mapping[UUID, int], many: int, shuffled: Callable[[int], Sequence[int]]
) -> list[tuple[UUID, int]]:
    """Of each webhook how many of `many` in all: each gets its first before any its second, in an order of chance's."""
    rooms = [(hook.webhook, left) for hook in hooks if (left := room(hook, moved.get(hook.webhook, 0))) > 0]
    drawn = [rooms[n] for n in shuffled(len(rooms))]
    given = dict.fromkeys((webhook for webhook, _ in drawn), 0)
    while many > 0 and drawn:
        share = max(1, many // len(drawn))
        for webhook, left in drawn:
            more = min(share, left - given[webhook], many)
            given[webhook] += more
            many -= more
        drawn = [(webhook, left) for webhook, left in drawn if given[webhook] < left]
    return [(webhook, n) for webhook, n in given.items() if n]
