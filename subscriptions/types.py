"""The catalogue as it is kept: which event types a deployment knows.

How a type is spelled is left to `catalogue.py`; who may add one, to the entrance.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert

from subscriptions.catalogue import EventType
from subscriptions.database import Database
from subscriptions.errors import Conflicting, Issue
from subscriptions.tables import event_types

#: What an entry says beside its type, and what the API calls it.
DETAILS = {
    "api_group": "apiGroup",
    "service_manager": "serviceManager",
    "friendly_name": "friendlyName",
    "description": "description",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """A type as the catalogue has it."""

    type: str
    service_manager: str
    api_group: str
    friendly_name: str
    description: str
    generation: int
    created_at: datetime
    updated_at: datetime


class Types:
    """The catalogue's table, with the types that this process has seen in it: none is ever taken out."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: set[str] = set()

    async def unknown(self, wanted: Iterable[str]) -> set[str]:
        """Those of the wanted types that are not in the catalogue; asks the database only for types not seen before."""
        missing = set(wanted) - self._known
        if not missing:
            return missing
        async with self._database.raw() as connection:
            rows = await connection.fetch("SELECT type FROM event_types WHERE type = ANY($1::text[])", list(missing))
        found = {row["type"] for row in rows}
        self._known |= found
        return missing - found

    async def register(self, entry: EventType, *, told: Collection[str], now: datetime) -> tuple[Entry, bool]:
        """The catalogue's entry of this type, and whether it is new.

        `told` are the details that somebody chose, by their names in DETAILS. Raises Conflicting naming those in which an
        entry that stands already differs: it may be another publisher's.
        """
        details = {name: getattr(entry, name) for name in DETAILS}
        values = {"type": entry.type, **details, "generation": 1, "created_at": now, "updated_at": now}
        put = insert(event_types).values(values).on_conflict_do_nothing().returning(event_types.c.type)
        async with self._database.transaction() as connection:
            new = (await connection.execute(put)).first() is not None
            row = (
                (await connection.execute(select(event_types).where(event_types.c.type == entry.type))).mappings().one()
            )
        standing = Entry(**row)
        issues = [
            Issue(subject=DETAILS[name], description=f"the type is registered with {getattr(standing, name)!r}")
            for name in told
            if getattr(standing, name) != details[name]
        ]
        if issues:
            raise Conflicting(*issues)
        return standing, new

    async def page(self, *, limit: int, offset: int) -> tuple[list[Entry], int]:
        """One page of the catalogue in alphabetical order, and how many types there are."""
        async with self._database.transaction() as connection:
            total = (await connection.execute(select(func.count()).select_from(event_types))).scalar_one()
            listed = select(event_types).order_by(event_types.c.type).limit(limit).offset(offset)
            rows = (await connection.execute(listed)).mappings().all()
        return [Entry(**row) for row in rows], total
