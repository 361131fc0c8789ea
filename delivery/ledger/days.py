"""Statements that name one day's partitions outright, and rows sorted by the day that they belong to.

Planning a statement over all partitions costs several times what running it costs; nearly every batch is of one day.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from functools import lru_cache
from typing import Generic, TypeVar
from uuid import UUID

from subscriptions.ground import partitions, statements
from subscriptions.ground.statements import P, Statement

T = TypeVar("T")

TABLES = ("events", "deliveries", "attempts", "parcels")


class DayStatement(Generic[P]):
    """A statement for one day, to be told which."""

    def __init__(self, text: str) -> None:
        #: With `{deliveries}` and the like where a day's partition goes.
        self.text = text
        self._days: dict[date, Statement[P]] = {}

    def on(self, day: date) -> Statement[P]:
        """The statement of that day."""
        found = self._days.get(day)
        if found is None:
            if len(self._days) >= KEPT:
                self._days.clear()
            found = self._days[day] = Statement(on_day(self.text, day))
        return found


#: Days for which a statement is kept ready.
KEPT = 64


def day_statement(
    package: str, name: str, of: type[P], fragments: Mapping[str, object] | None = None
) -> DayStatement[P]:
    """The statement in `sql/NAME.sql` of the package, as `statements.statement` reads it."""
    return DayStatement(statements.text(package, name, of, fragments, later=TABLES))


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
