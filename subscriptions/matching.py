"""Matching: which of those who subscribed to an event's type want this event.

Pure; who subscribed is read by `delivery/ledger/owing.py`, what a filter says is `filters.py`'s.
"""

import logging
from collections.abc import Sequence
from typing import Protocol, TypeVar

from subscriptions import filters
from subscriptions.errors import Refused

log = logging.getLogger("hooklake.subscriptions")


class Candidate(Protocol):
    """Whoever subscribed to the type of an event."""

    @property
    def event_filter(self) -> str:
        """Empty: every event of the type."""


C = TypeVar("C", bound=Candidate)


def matched(body: bytes, candidates: Sequence[C]) -> Sequence[C]:
    """Those of the candidates who want the event with this structured JSON, in order; never raises.

    The event is decoded once, and only where somebody has a filter.
    """
    if not any(each.event_filter for each in candidates):
        return candidates
    data = filters.data_of(body)
    return [each for each in candidates if not each.event_filter or _passes(each.event_filter, data)]


def _passes(text: str, data: object) -> bool:
    try:
        return filters.compile(text).passes(data)
    except Refused as error:
        # Kept by a release that took it. One event too many can be ignored by its subscriber, one too few can not be made up.
        log.error("filter.unreadable %s text=%r", error, text)
        return True
