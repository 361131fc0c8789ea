"""Filters of `deleted` types: such an event carries the type and the id of its resource alone (greenlake.md 3.3).

How a filter is spelled is left to `filters/grammar.py`.
"""

from collections.abc import Iterable

from subscriptions.events import catalogue
from subscriptions.events.catalogue import Category
from subscriptions.webhooks.filters import grammar

_CARRIED = {("id",), ("type",)}


def fault(event_type: str, event_filter: str, *, prefix: str) -> str | None:
    """Why a vetted filter could never match a `deleted` type of ours: it asks for what the event does not carry; else None."""
    parts = catalogue.parse(event_type, prefix=prefix)
    if not event_filter or parts is None or parts.event != "deleted":
        return None
    if catalogue.category_of(parts.event, parts.resource_collection) is not Category.RESOURCE:
        return None
    asked = (each.path for each in grammar.conditions(grammar.parse(event_filter)))
    strange = _first(path for path in asked if path not in _CARRIED)
    if strange is None:
        return None
    return f"asks for `{strange}`, which no event of {event_type} carries: its data are `type` and `id` alone"


def _first(paths: Iterable[tuple[str, ...]]) -> str | None:
    return next(("/".join(path)[:100] for path in paths), None)
