"""The event APIs of many applications at once, and their documents: a bounded number of statements, however many there are.

What an application is, and what a document says, is left to `applications.py` and `event_apis.py`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import and_, func, literal, or_, select, true, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from subscriptions.catalogue import api_rows
from subscriptions.catalogue.api_rows import EventApi
from subscriptions.catalogue.tables import event_apis
from subscriptions.ground.database import Database

_apis = event_apis
#: What an API is read from, but for its digest, which would read every document through.
_LISTED = api_rows.SHOWN.with_only_columns(
    *(column for column in api_rows.SHOWN.selected_columns if column.key != "digest"), literal("").label("digest")
)


@dataclass(frozen=True, kw_only=True, slots=True)
class ApiPageKey:
    """A page of what an application has registered."""

    workspace_id: str
    #: Its name.
    application: str
    #: Empty: of any group.
    group: str = ""
    limit: int
    offset: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class ApiPage:
    """Event APIs without their digests, by name, of a name the newest first, and how many there are beside the page."""

    items: tuple[EventApi, ...]
    total: int


class ApplicationApis:
    """Look-ups for many applications, each call one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def pages(self, keys: Sequence[ApiPageKey]) -> Mapping[ApiPageKey, ApiPage]:
        """The page of each key: two statements, and one more for each further group and extent that keys have."""
        alike: dict[tuple[str, int, int], list[ApiPageKey]] = {}
        for key in keys:
            alike.setdefault((key.group, key.limit, key.offset), []).append(key)
        async with self._database.transaction() as connection:
            numbered = {
                key: each for those in alike.values() for key, each in (await _numbered(connection, those)).items()
            }
            wanted = {one for ids, _ in numbered.values() for one in ids}
            rows = (await connection.execute(_LISTED.where(_apis.c.id.in_(wanted)))).mappings().all()
        found = {row["id"]: api_rows.read(row) for row in rows}
        return {
            key: ApiPage(items=tuple(found[one] for one in ids if one in found), total=total)
            for key, (ids, total) in numbered.items()
        }

    async def document_bytes(self, wanted: Iterable[UUID]) -> int:
        """Bytes of their documents together."""
        size = select(func.coalesce(func.sum(func.octet_length(_apis.c.document)), 0))
        async with self._database.transaction() as connection:
            return int(await connection.scalar(size.where(_apis.c.id.in_(set(wanted)))) or 0)

    async def documents(self, wanted: Iterable[UUID]) -> dict[UUID, bytes]:
        """Their documents as they were given; those that there are."""
        found = select(_apis.c.id, _apis.c.document).where(_apis.c.id.in_(set(wanted)))
        async with self._database.transaction() as connection:
            return {row.id: row.document for row in await connection.execute(found)}


async def _numbered(
    connection: AsyncConnection, keys: Sequence[ApiPageKey]
) -> dict[ApiPageKey, tuple[list[UUID], int]]:
    """The ids of each page and how many there are beside it, of keys that are alike but for the application."""
    one, place = keys[0], (_apis.c.workspace_id, _apis.c.application)
    of = tuple_(*place).in_([(key.workspace_id, key.application) for key in keys])
    within: dict[str, Any] = {"partition_by": place}
    order = (_apis.c.name, _apis.c.created_at.desc(), _apis.c.id)
    numbers = (
        select(
            _apis.c.id,
            *place,
            func.row_number().over(**within, order_by=order).label("number"),
            func.count().over(**within).label("total"),
        )
        .where(of, _apis.c.api_group == one.group if one.group else true())
        .subquery()
    )
    n = numbers.c.number
    # The first tells the number of all, where the page is behind the last.
    chosen = select(numbers).where(or_(n == 1, and_(n > one.offset, n <= one.offset + one.limit)))
    found: dict[ApiPageKey, tuple[list[UUID], int]] = {key: ([], 0) for key in keys}
    by_place = {(key.workspace_id, key.application): key for key in keys}
    for row in await connection.execute(chosen.order_by(n)):
        key = by_place[row.workspace_id, row.application]
        ids = found[key][0]
        if row.number > one.offset:
            ids.append(row.id)
        found[key] = ids, row.total
    return found
