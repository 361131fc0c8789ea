"""Statements that name one day's partitions outright, and rows sorted by the day that they belong to.

Planning a statement over all partitions costs several times what running it costs; nearly every batch is of one day.
"""

from collections.abc import Callable, Sequence
from datetime import date
from functools import lru_cache
from typing import TypeVar
from uuid import UUID

from subscriptions.ground import partitions

T = TypeVar("T")

TABLES = ("events", "deliveries", "attempts", "parcels")


@lru_cache(512)
def on_day(statement: str, day: date) -> str:
    """The statement with `{events}`, `{deliveries}`, `{attempts}` and `{parcels}` as that day's partitions."""
    return statement.format(**{table: f'"{partitions.name_of(table, day)}"' for table in TABLES})


def by_day(rows: Sequence[T], event: Callable[[T], UUID]) -> dict[date, list[T]]:
    """The rows by the day of their event, oldest first; the order within a day stays."""
    found: dict[date, list[T]] = {}
    for row in rows:
        found.setdefault(partitions.day_of(event(row)), []).append(row)
    return dict(sorted(found.items()))
