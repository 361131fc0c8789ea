"""A publisher's call, from its arrival to its answer.

When it is committed is left to `intake.py`.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from delivery.publishing.receipts import Receipt
from subscriptions.events import journal
from subscriptions.events.event import Event
from subscriptions.ground import event_keys
from subscriptions.ground.audience import STAYS, Audience
from subscriptions.ground.errors import Conflicting

#: Bytes of an event that cost as much as one more event.
EVENT = 2048


@dataclass(kw_only=True, eq=False, slots=True)
class Request:
    """One publisher's call, all of it or nothing."""

    events: Sequence[Event]
    done: "asyncio.Future[list[Receipt]]"
    #: The loop's time when it came.
    since: float
    #: Seconds that had been spent on filters by then.
    asking: float
    #: Who waits for its receipts.
    audience: Audience = STAYS
    #: What it counts for among those that share a transaction.
    weight: int = field(init=False)
    receipts: list[Receipt] = field(default_factory=list)
    #: Why all of it is refused, once that is known.
    refusal: Conflicting | None = None

    def __post_init__(self) -> None:
        bytes_ = len(self.events[0].body) if len(self.events) == 1 else sum(len(each.body) for each in self.events)
        self.weight = len(self.events) + bytes_ // EVENT


def fail(group: Sequence[Request], error: Exception) -> None:
    """Answers those that have no answer yet with an error."""
    for request in group:
        if not request.done.done():
            request.done.set_exception(error)


def receive(request: Request, standing: dict[bytes, journal.JournalEntry]) -> Iterable[Event]:
    """Writes the request's receipts and answers its events that are new, each once.

    A receipt with the event's own key is this publication's: of this transaction, or of a first attempt whose answer was lost.
    """
    new: list[Event] = []
    for event in request.events:
        entry = standing[journal.receipt_key(event)] if event.given_id else None
        mine = entry is None or entry.event == event.key
        if mine:
            new.append(event)
        key = event.key if entry is None else entry.event
        request.receipts.append(
            Receipt(
                key=key,
                id=event.id,
                source=event.source,
                type=event.type,
                # What the event's trace and its deliveries tell too (protocol.md 1.1).
                accepted_at=event_keys.time_of(key),
                duplicate=not mine,
            )
        )
    return new
