"""The catalogue as a tree: service managers, their API groups, and the event types of a group (greenlake.md 1.10).

A type's own entry is left to `event_types.py`; how the levels are spelled on the wire, to the entrance.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any, Generic, TypeVar
from uuid import NAMESPACE_URL, UUID, uuid5

from sqlalchemy import Column, ColumnElement, Row, Select, func, select

from subscriptions.events import catalogue
from subscriptions.events.event_type_rows import (
    CatalogueEntry,
)
from subscriptions.ground.database import Database
from subscriptions.ground.errors import Absent
from subscriptions.ground.tables import event_types

T = TypeVar("T")

#: GreenLake's own service manager, as captured (greenlake.md 1.6).
GREENLAKE = UUID(int=0)
#: All ids below follow from names: every process, and every deployment, gives a thing the same one.
_SPACE = uuid5(NAMESPACE_URL, "https://hooklake/catalogue")
_LIVE = event_types.c.retired_at.is_(None)


@dataclass(frozen=True, kw_only=True, slots=True)
class TypeGroup:
    """A service manager or an API group: it stands for the types in it, and for nothing of its own."""

    id: UUID
    name: str
    #: The highest of its types'.
    generation: int
    #: When the first of its types was registered.
    created_at: datetime
    #: When one of them was changed last.
    updated_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class GroupedTypes(Generic[T]):
    """The types of an API group, within its service manager."""

    manager: str
    name: str
    types: Sequence[T]


def grouped(types: Iterable[T], entry: Callable[[T], CatalogueEntry]) -> list[GroupedTypes[T]]:
    """Types, or what is shown of them, by service manager, API group and type, each in alphabetical order."""

    def place(each: T) -> tuple[str, str]:
        return entry(each).service_manager, entry(each).api_group

    ordered = sorted(types, key=lambda each: (*place(each), entry(each).type))
    return [
        GroupedTypes(manager=manager, name=name, types=list(found))
        for (manager, name), found in groupby(ordered, key=place)
    ]


def manager_id(name: str) -> UUID:
    """The id of a service manager."""
    return GREENLAKE if name == catalogue.SERVICE_MANAGER else uuid5(_SPACE, f"manager\n{name}")


def group_id(manager: str, name: str) -> UUID:
    """The id of a service manager's API group."""
    return uuid5(_SPACE, f"group\n{manager}\n{name}")


def type_id(event_type: str) -> UUID:
    """The id of an event type."""
    return uuid5(_SPACE, f"type\n{event_type}")


class TypeDirectory:
    """The levels of the tree, each a page at a time."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def managers(self, *, limit: int, offset: int) -> tuple[list[TypeGroup], int]:
        """A page of the service managers by name, and how many there are."""
        name = event_types.c.service_manager
        statement = _shelves(name).where(_LIVE).group_by(name).order_by(name)
        async with self._database.transaction() as connection:
            rows = (await connection.execute(statement)).all()
        found = [_shelf(manager_id(row.name), row) for row in rows]
        return found[offset : offset + limit], len(found)

    async def groups(self, manager: UUID, *, limit: int, offset: int) -> tuple[list[TypeGroup], int]:
        """A page of a service manager's API groups by name, and how many it has; raises Absent."""
        name, owner = event_types.c.api_group, event_types.c.service_manager
        statement = _shelves(name, owner).where(_LIVE).group_by(owner, name).order_by(name)
        async with self._database.transaction() as connection:
            rows = (await connection.execute(statement)).all()
        found = [
            _shelf(group_id(row.service_manager, row.name), row)
            for row in rows
            if manager_id(row.service_manager) == manager
        ]
        if not found:
            raise Absent("Service manager", str(manager))
        return found[offset : offset + limit], len(found)

    async def types(self, group: UUID, *, limit: int, offset: int) -> tuple[list[CatalogueEntry], int]:
        """A page of an API group's event types in alphabetical order, and how many it has; raises Absent."""
        manager, name = event_types.c.service_manager, event_types.c.api_group
        async with self._database.transaction() as connection:
            pairs = (await connection.execute(select(manager, name).where(_LIVE).distinct())).all()
            pair = next((pair for pair in pairs if group_id(*pair) == group), None)
            if pair is None:
                raise Absent("API group", str(group))
            mine = (manager == pair[0], name == pair[1], _LIVE)
            total = await connection.scalar(select(func.count()).select_from(event_types).where(*mine))
            ordered = select(event_types).where(*mine).order_by(event_types.c.type)
            rows = (await connection.execute(ordered.limit(limit).offset(offset))).mappings()
            return [CatalogueEntry(**row) for row in rows], total or 0

    async def find(self, wanted: UUID) -> CatalogueEntry:
        """The event type of this id; raises Absent."""
        async with self._database.transaction() as connection:
            known = await connection.scalars(select(event_types.c.type).where(_LIVE))
            named = next((each for each in known if type_id(each) == wanted), None)
            if named is None:
                raise Absent("Event type", str(wanted))
            rows = await connection.execute(select(event_types).where(event_types.c.type == named))
            return CatalogueEntry(**rows.mappings().one())


def _shelves(name: Column[str], *more: Column[str]) -> Select[Any]:
    entries = event_types.c
    columns: list[ColumnElement[Any]] = [
        name.label("name"),
        *more,
        func.max(entries.generation).label("generation"),
        func.min(entries.created_at).label("created_at"),
        func.max(entries.updated_at).label("updated_at"),
    ]
    return select(*columns)


def _shelf(identifier: UUID, row: Row[Any]) -> TypeGroup:
    return TypeGroup(
        id=identifier,
        name=row.name,
        generation=row.generation,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
