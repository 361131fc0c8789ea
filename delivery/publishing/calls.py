"""A publisher's call, from its arrival to its answer.

When it is committed is left to `intake.py`.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from delivery.publishing.receipts import Receipt
from subscriptions.events.event import Event
from subscriptions.ground.audience import STAYS, Audience
from subscriptions.ground.errors import Conflicting


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
    receipts: list[Receipt] = field(default_factory=list)
    #: Why all of it is refused, once that is known.
    refusal: Conflicting | None = None


def fail(group: Sequence[Request], error: Exception) -> None:
    """Answers those that have no answer yet with an error."""
    for request in group:
        if not request.done.done():
            request.done.set_exception(error)
