"""What is known of event types beside their names: of each version its schema, examples, attributes and deprecation.

Who says it, and how it is kept, is left to the store of event APIs; how it is shown, to the entrance.
"""

import logging
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import RowMapping, select
from sqlalchemy.ext.asyncio import AsyncConnection

from subscriptions.catalogue import schema_room
from subscriptions.catalogue.tables import event_apis, event_type_versions
from subscriptions.ground.database import Database

log = logging.getLogger("hooklake.subscriptions")

#: Types that are asked for in one statement, and versions in one answer.
MANY, ROWS = 1000, 5000
#: What takes much room, and what stands there where it is left out.
_HEAVY = ("payload", "examples", "attributes")
_NOTHING = {"payload": None, "examples": "[]", "attributes": "[]"}


@dataclass(frozen=True, kw_only=True, slots=True)
class DescribedVersion:
    """One version of an event type."""

    id: UUID
    event_type: str
    version: str
    #: The name of the event API that says it; empty where the type was described by itself.
    event_api: str
    #: And its id; None where it was described by itself.
    event_api_id: UUID | None = None
    #: What its events have as `dataschema`; empty: nothing is said.
    dataschema: str
    content_type: str
    #: `draft-04` to `2020-12`, or the name of another schema language, whose schemas are not shown.
    dialect: str
    #: The schema of the data; None: there is none.
    schema: Any
    #: Of the data.
    examples: tuple[Any, ...]
    #: What it asks of CloudEvents attributes: `name`, `required`, and `const`, `enum` or `pattern`.
    attributes: tuple[Mapping[str, Any], ...]
    deprecated: bool
    deprecated_since: datetime | None
    #: What is said of it holds a number that cannot be read, and is left out.
    unreadable: bool = False
    #: Counts what was said of the type, from 1, and when it was; a schema of its own that was given anew is the next.
    revision: int = 0
    created_at: datetime | None = None
    #: Its schema and examples were too much for the answer, and are left out.
    omitted: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class DescribedMany:
    """What is known of many types."""

    #: By type, the newest first.
    versions: Mapping[str, tuple[DescribedVersion, ...]]
    #: Types that were too many to be read.
    unread: frozenset[str]


class DescribedTypes:
    """The versions of event types, as they are kept."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(
        self,
        types: Collection[str],
        *,
        rows: int = ROWS,
        size: float = math.inf,
        taking: Callable[[int], None] = lambda _size: None,
    ) -> "DescribedMany":
        """The versions of these types, the newest first: of so many rows at most, and so many bytes of schemas and examples.

        A type of which nobody said anything is in neither part of the answer. `taking` hears how many bytes will be read, and may
        raise.
        """
        table = event_type_versions
        bytes_of = schema_room.size().label("size")
        light = (*(each for each in table.c if each.name not in (*_HEAVY, "headers", "details")), bytes_of)
        wanted = select(*light, event_apis.c.name.label("api_name"))
        wanted = wanted.join(event_apis, event_apis.c.id == table.c.event_api, isouter=True)
        listed: list[RowMapping] = []
        asked = sorted(set(types))
        async with self._database.transaction() as connection:
            for at in range(0, len(asked), MANY):
                some = wanted.where(table.c.event_type.in_(asked[at : at + MANY]))
                some = some.order_by(table.c.event_type, table.c.revision.desc()).limit(rows + 1 - len(listed))
                listed += (await connection.execute(some)).mappings()
                if len(listed) > rows:
                    break
            unread = _behind(asked, listed[rows]["event_type"]) if len(listed) > rows else frozenset()
            listed = [row for row in listed[:rows] if row["event_type"] not in unread]
            fitting = _fitting(listed, size)
            taking(sum(row["size"] for row in fitting))
            heavy = await _heavy(connection, [row["id"] for row in fitting])
        found: dict[str, list[DescribedVersion]] = {}
        for row in listed:
            said = heavy.get(row["id"])
            found.setdefault(row["event_type"], []).append(
                _version({**row, **(said or _NOTHING)}, omitted=said is None)
            )
        return DescribedMany(versions={name: tuple(each) for name, each in found.items()}, unread=unread)

    async def newest(self, event_type: str, most: int, offset: int = 0) -> tuple[DescribedVersion, ...]:
        """At most so many versions of one type, the newest first, without the first `offset`."""
        table = event_type_versions
        named = (*table.c, event_apis.c.name.label("api_name"))
        wanted = select(*named).join(event_apis, event_apis.c.id == table.c.event_api, isouter=True)
        wanted = wanted.where(table.c.event_type == event_type).order_by(table.c.revision.desc())
        async with self._database.transaction() as connection:
            rows = (await connection.execute(wanted.limit(most).offset(offset))).mappings()
            return tuple(_version(dict(row)) for row in rows)


def _behind(asked: Sequence[str], first: str) -> frozenset[str]:
    return frozenset(asked[asked.index(first) :])


def _fitting(rows: Sequence[RowMapping], size: float) -> list[RowMapping]:
    """Those whose schemas and examples have so many bytes together; one that is too large does not keep out smaller ones."""
    fitting = []
    for row in rows:
        if row["size"] <= size:
            size -= row["size"]
            fitting.append(row)
    return fitting


async def _heavy(connection: AsyncConnection, ids: Sequence[UUID]) -> dict[UUID, RowMapping]:
    table = event_type_versions
    found: dict[UUID, RowMapping] = {}
    for at in range(0, len(ids), MANY):
        some = select(table.c.id, *(table.c[name] for name in _HEAVY)).where(table.c.id.in_(ids[at : at + MANY]))
        found |= {row["id"]: row for row in (await connection.execute(some)).mappings()}
    return found


def _version(row: Mapping[str, Any], *, omitted: bool = False) -> DescribedVersion:
    schema, examples, attributes, unreadable = None, [], [], False
    try:
        schema = None if row["payload"] is None else msgspec.json.decode(row["payload"])
        examples, attributes = msgspec.json.decode(row["examples"]), msgspec.json.decode(row["attributes"])
    except msgspec.MsgspecError as error:
        # Taken before such numbers were refused: others' types are shown all the same.
        log.warning("type.unreadable type=%r version=%r cause=%s", row["event_type"], row["version"], error)
        schema, examples, attributes, unreadable = None, [], [], True
    return DescribedVersion(
        id=row["id"],
        event_type=row["event_type"],
        version=row["version"],
        event_api=row["api_name"] or "",
        event_api_id=row["event_api"],
        dataschema=row["dataschema"],
        content_type=row["content_type"],
        dialect=row["dialect"],
        schema=schema,
        examples=tuple(examples),
        attributes=tuple(attributes),
        deprecated=row["deprecated"],
        deprecated_since=row["deprecated_since"],
        unreadable=unreadable,
        revision=row["revision"],
        created_at=row["created_at"],
        omitted=omitted,
    )
