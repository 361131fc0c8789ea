"""Webhooks as rows are read, and as they are listed: by words, by status, in an order, a page at a time.

Keeping them is left to `webhook_store.py`; what waits for them, and how they fare, to `delivery/reports`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Text, and_, case, cast, func, or_, select, true
from sqlalchemy.engine import Row as Composed
from sqlalchemy.ext.asyncio import AsyncConnection

from subscriptions.ground import tables
from subscriptions.webhooks.webhook import Webhook

_table = tables.webhooks
#: Not deleted.
LIVE = _table.c.deleted_at.is_(None)
#: What a webhook is read from.
SHOWN = [
    *(_table.c[name] for name in Webhook.__dataclass_fields__ if name != "dual_secret"),
    _table.c.secondary_secret.is_not(None).label("dual_secret"),
]
#: How far a search is counted.
COUNTED = 10_000
#: What needs somebody comes first.
_WORST = ("ERROR", "WARNING", "PENDING", "DISABLED", "ACTIVE")


class Sort(StrEnum):
    """In which order webhooks are listed; those that are alike in it by id."""

    #: Registered last, first.
    NEWEST = "newest"
    #: In alphabetical order.
    NAME = "name"
    #: Those that need somebody first: ERROR, WARNING, PENDING, DISABLED, ACTIVE.
    STATUS = "status"
    #: Most failures since the last success first.
    FAILURES = "failures"


@dataclass(frozen=True, kw_only=True)
class WebhookQuery:
    """Which webhooks are wanted, and which page of them."""

    #: None: of all workspaces.
    workspace_id: str | None
    #: A part of the name or the destination, in any case, or the beginning of the id; empty: all.
    search: str = ""
    #: Empty: all.
    status: str = ""
    #: None: whichever they are.
    among: Sequence[UUID] | None = None
    sort: Sort = Sort.NEWEST
    limit: int
    offset: int = 0
    #: Those behind this one, in the order of `sort`.
    after: UUID | None = None


@dataclass(frozen=True, kw_only=True)
class WebhookPage:
    """A page of webhooks."""

    webhooks: list[Webhook]
    #: How many there are on all pages; of a search or a status no further than COUNTED.
    total: int
    #: There are more than `total`.
    more: bool
    #: What `after` is for the next page; None on the last one.
    following: UUID | None


async def listed(connection: AsyncConnection, query: WebhookQuery) -> WebhookPage:
    """A page, in order, and how many there are."""
    mine = and_(
        LIVE,
        within(query.workspace_id),
        _table.c.status == query.status if query.status else true(),
        true() if query.among is None else _table.c.id.in_(query.among),
        _found(query.search.strip()),
    )
    counted = select(func.count()).select_from(select(_table.c.id).where(mine).limit(COUNTED + 1).subquery())
    total = await connection.scalar(counted) or 0
    key, falls = _KEYS[query.sort]
    order = (key.desc() if falls else key.asc(), _table.c.id)
    behind = true() if query.after is None else await _behind(connection, query, key, falls)
    page = select(*SHOWN).where(mine, behind).order_by(*order).limit(query.limit + 1).offset(query.offset)
    rows = [webhook_of(row) for row in await connection.execute(page)]
    found = rows[: query.limit]
    return WebhookPage(
        webhooks=found,
        total=min(total, COUNTED),
        more=total > COUNTED,
        following=found[-1].id if len(rows) > query.limit else None,
    )


def within(workspace_id: str | None) -> ColumnElement[bool]:
    """Of this workspace, or of any for None."""
    return true() if workspace_id is None else _table.c.workspace_id == workspace_id


def _found(text: str) -> ColumnElement[bool]:
    """Looked for as it is: `%` and `_` mean themselves."""
    if not text:
        return true()
    wanted = text.lower()
    named = (func.strpos(func.lower(column), wanted) > 0 for column in (_table.c.name, _table.c.destination))
    return or_(*named, func.starts_with(cast(_table.c.id, Text), wanted))


async def _behind(
    connection: AsyncConnection, query: WebhookQuery, key: ColumnElement[Any], falls: bool
) -> ColumnElement[bool]:
    """Behind that one as it is now; one that is not there any more still says where it stood, and another workspace's nothing."""
    named = and_(_table.c.id == query.after, within(query.workspace_id))
    last = (await connection.execute(select(key.label("key")).where(named))).one_or_none()
    if last is None:
        return true()
    beyond = key < last.key if falls else key > last.key
    return or_(beyond, and_(key == last.key, _table.c.id > query.after))


def webhook_of(row: Composed[Any]) -> Webhook:
    """The webhook of a row of SHOWN."""
    return Webhook(**row._mapping)


#: By what each order goes, and whether the greatest comes first.
_KEYS: Mapping[Sort, tuple[ColumnElement[Any], bool]] = {
    Sort.NEWEST: (_table.c.created_at, True),
    Sort.NAME: (func.lower(_table.c.name), False),
    Sort.STATUS: (case({name: place for place, name in enumerate(_WORST)}, value=_table.c.status), False),
    Sort.FAILURES: (_table.c.failures, True),
}
