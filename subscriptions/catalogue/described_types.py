"""What is known of event types beside their names: of each version its schema, examples, attributes and deprecation.

Who says it, and how it is kept, is left to the store of event APIs; how it is shown, to the entrance.
"""

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import RowMapping, select

from subscriptions.catalogue.tables import event_apis, event_type_versions
from subscriptions.ground.database import Database

log = logging.getLogger("hooklake.subscriptions")

#: Types that are asked for in one statement.
MANY = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class DescribedVersion:
    """One version of an event type."""

    event_type: str
    version: str
    #: The name of the event API that says it; empty where the type was described by itself.
    event_api: str
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


class DescribedTypes:
    """The versions of event types, as they are kept."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(self, types: Collection[str]) -> Mapping[str, tuple[DescribedVersion, ...]]:
        """The versions of these types, the newest first; a type of which nobody said anything is not there."""
        table = event_type_versions
        named = (*table.c, event_apis.c.name.label("api_name"))
        wanted = select(*named).join(event_apis, event_apis.c.id == table.c.event_api, isouter=True)
        found: dict[str, list[DescribedVersion]] = {}
        asked = sorted(set(types))
        async with self._database.transaction() as connection:
            for at in range(0, len(asked), MANY):
                some = wanted.where(table.c.event_type.in_(asked[at : at + MANY]))
                for row in (await connection.execute(some.order_by(table.c.revision.desc()))).mappings():
                    found.setdefault(row["event_type"], []).append(_version(row))
        return {name: tuple(versions) for name, versions in found.items()}

    async def newest(self, event_type: str, most: int, offset: int = 0) -> tuple[DescribedVersion, ...]:
        """At most so many versions of one type, the newest first, without the first `offset`."""
        table = event_type_versions
        named = (*table.c, event_apis.c.name.label("api_name"))
        wanted = select(*named).join(event_apis, event_apis.c.id == table.c.event_api, isouter=True)
        wanted = wanted.where(table.c.event_type == event_type).order_by(table.c.revision.desc())
        async with self._database.transaction() as connection:
            rows = (await connection.execute(wanted.limit(most).offset(offset))).mappings()
            return tuple(_version(row) for row in rows)


def _version(row: RowMapping) -> DescribedVersion:
    schema, examples, attributes, unreadable = None, [], [], False
    try:
        schema = None if row["payload"] is None else msgspec.json.decode(row["payload"])
        examples, attributes = msgspec.json.decode(row["examples"]), msgspec.json.decode(row["attributes"])
    except msgspec.MsgspecError as error:
        # Taken before such numbers were refused: others' types are shown all the same.
        log.warning("type.unreadable type=%r version=%r cause=%s", row["event_type"], row["version"], error)
        schema, examples, attributes, unreadable = None, [], [], True
    return DescribedVersion(
        event_type=row["event_type"],
        version=row["version"],
        event_api=row["api_name"] or "",
        dataschema=row["dataschema"],
        content_type=row["content_type"],
        dialect=row["dialect"],
        schema=schema,
        examples=tuple(examples),
        attributes=tuple(attributes),
        deprecated=row["deprecated"],
        deprecated_since=row["deprecated_since"],
        unreadable=unreadable,
    )
