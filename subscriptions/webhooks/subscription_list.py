"""Subscriptions as rows are read, and as they are listed: of a webhook, of an event type, a page at a time.

Keeping them is left to `subscription_store.py`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, func, select, true
from sqlalchemy.ext.asyncio import AsyncConnection

from subscriptions.catalogue.tables import event_type_versions
from subscriptions.ground import tables

_table = tables.subscriptions
#: The `version_filter` of a version of which no event can be.
_NONE = "[]"


@dataclass(frozen=True, kw_only=True)
class Subscription:
    """A subscription as it is kept, with what the catalogue says of its type."""

    id: UUID
    workspace_id: str
    webhook: UUID
    #: One of the catalogue's.
    event_type: str
    #: Empty: every event of the type.
    event_filter: str
    #: The version of the type that it understands; empty: all.
    version: str
    #: The set that it was subscribed to in; empty: in none.
    subscription_set: str
    # Of the event type.
    service_manager: str
    api_group: str
    friendly_name: str
    description: str
    generation: int
    hpe_principal: str
    created_by: str
    created_at: datetime
    updated_by: str
    updated_at: datetime
    #: The `dataschema`s of events of that version, as JSON; empty where it understands all.
    version_filter: str = ""

    @property
    def starved(self) -> bool:
        """Whether it gets nothing: no event can be told to be of the version that it understands."""
        return self.version_filter == _NONE


@dataclass(frozen=True, kw_only=True)
class SubscriptionRequest:
    """A subscription as somebody asks for it."""

    event_type: str
    webhook: UUID
    #: Vetted; empty for every event of the type.
    event_filter: str = ""
    #: The version of the type that is understood; empty: all.
    version: str = ""
    #: Where it stands in the request, before a field's name: empty, or `[3].`.
    at: str = ""
    #: The subscription set that it is of; empty: of none. What the webhook has of a set already is left out.
    subscription_set: str = ""


#: What the catalogue says.
_OF_TYPE = ("service_manager", "api_group", "friendly_name", "description")
#: What a subscription is read from.
SHOWN: Select[Any] = select(
    *(_table.c[name] for name in Subscription.__dataclass_fields__ if name not in _OF_TYPE),
    *(tables.event_types.c[name] for name in _OF_TYPE),
).join_from(_table, tables.event_types, tables.event_types.c.type == _table.c.event_type)


@dataclass(frozen=True, kw_only=True)
class SubscriptionQuery:
    """Which subscriptions are wanted, and which page of them."""

    #: None: of all workspaces.
    workspace_id: str | None
    #: None: of all webhooks.
    webhook: UUID | None = None
    #: Of these webhooks; None: of all.
    among: Sequence[UUID] | None = None
    #: Empty: of all types.
    event_type: str = ""
    #: Of the types that this event API describes; None: of all.
    event_api: UUID | None = None
    #: Only those that get nothing.
    starved: bool = False
    limit: int
    offset: int = 0


async def listed(connection: AsyncConnection, query: SubscriptionQuery) -> tuple[list[Subscription], int]:
    """A page, newest first, and how many there are."""
    mine = (
        of(query.workspace_id),
        true() if query.webhook is None else _table.c.webhook == query.webhook,
        true() if query.among is None else _table.c.webhook.in_(query.among),
        _table.c.event_type == query.event_type if query.event_type else true(),
        true() if query.event_api is None else _table.c.event_type.in_(_described(query.event_api)),
        _table.c.version_filter == _NONE if query.starved else true(),
    )
    total = await connection.scalar(select(func.count()).select_from(_table).where(*mine))
    ordered = SHOWN.where(*mine).order_by(_table.c.created_at.desc(), _table.c.id)
    rows = await connection.execute(ordered.limit(query.limit).offset(query.offset))
    return [Subscription(**row._mapping) for row in rows], total or 0


def _described(api: UUID) -> Select[tuple[str]]:
    return select(event_type_versions.c.event_type).where(event_type_versions.c.event_api == api)


async def subscribers(connection: AsyncConnection, within: str | None, event_types: Sequence[str]) -> Mapping[str, int]:
    """How many webhooks have subscribed to each of these types; absent where none has."""
    wanted = (of(within), _table.c.event_type.in_(event_types))
    counted = select(_table.c.event_type, func.count()).where(*wanted).group_by(_table.c.event_type)
    return {row[0]: row[1] for row in await connection.execute(counted)}


async def types(connection: AsyncConnection, workspace_id: str, limit: int) -> list[str]:
    """The event types that webhooks of a workspace have subscribed to, by name."""
    named = select(_table.c.event_type).where(_table.c.workspace_id == workspace_id).distinct()
    return list(await connection.scalars(named.order_by(_table.c.event_type).limit(limit)))


def of(workspace_id: str | None) -> ColumnElement[bool]:
    """Of this workspace, or of any for None."""
    return true() if workspace_id is None else _table.c.workspace_id == workspace_id
