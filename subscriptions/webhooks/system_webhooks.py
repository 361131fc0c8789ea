"""Which webhooks the system API registered, and what it shows of them and of their subscriptions (greenlake.md 1.9).

They are webhooks like any other: keeping and changing them is left to `webhook_store.py` and `subscription_store.py`.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, func, insert, select, true, update
from sqlalchemy.ext.asyncio import AsyncConnection

from subscriptions.ground import tables
from subscriptions.ground.errors import Absent
from subscriptions.webhooks.webhook import Webhook

_mine = tables.system_webhooks
_hooks = tables.webhooks
_orders = tables.subscriptions
_live = _hooks.c.deleted_at.is_(None)


@dataclass(frozen=True, kw_only=True)
class SystemWebhook:
    """A webhook in the reduced form."""

    id: UUID
    name: str
    destination: str
    hpe_principal: str
    generation: int
    created_by: str
    created_at: datetime
    #: Who changed it last by the system API.
    updated_by: str
    updated_at: datetime


@dataclass(frozen=True, kw_only=True)
class SystemSubscription:
    """A subscription in the reduced form."""

    id: UUID
    webhook: UUID
    event_type: str
    hpe_principal: str
    generation: int
    created_by: str
    created_at: datetime
    updated_by: str
    updated_at: datetime


_webhooks: Select[Any] = select(
    *(_hooks.c[name] for name in SystemWebhook.__dataclass_fields__ if name != "updated_by"), _mine.c.updated_by
).join_from(_hooks, _mine, _mine.c.webhook == _hooks.c.id)
_subscriptions: Select[Any] = select(*(_orders.c[name] for name in SystemSubscription.__dataclass_fields__)).join_from(
    _orders, _mine, _mine.c.webhook == _orders.c.webhook
)


async def put(connection: AsyncConnection, webhook: UUID, *, by: str) -> None:
    """From now on the webhook is one of the system API's."""
    await connection.execute(insert(_mine).values(webhook=webhook, updated_by=by))


async def touched(connection: AsyncConnection, webhook: UUID, *, by: str) -> None:
    """It was changed by `by`; raises Absent for a webhook that the system API did not register."""
    changed = await connection.execute(update(_mine).where(_mine.c.webhook == webhook).values(updated_by=by))
    if not changed.rowcount:
        raise Absent("Webhook", str(webhook))


def reduced(webhook: Webhook, *, updated_by: str) -> SystemWebhook:
    """The webhook in the form of the system API."""
    kept = {name: getattr(webhook, name) for name in SystemWebhook.__dataclass_fields__ if name != "updated_by"}
    return SystemWebhook(**kept, updated_by=updated_by)


async def find(connection: AsyncConnection, webhook: UUID) -> SystemWebhook:
    """One of any workspace; raises Absent, also for a webhook that the system API did not register."""
    row = (await connection.execute(_webhooks.where(_hooks.c.id == webhook, _live))).one_or_none()
    if row is None:
        raise Absent("Webhook", str(webhook))
    return _webhook(row)


async def listed(connection: AsyncConnection, *, limit: int, offset: int) -> tuple[list[SystemWebhook], int]:
    """A page of all of them, newest first, and how many there are."""
    counted = select(func.count()).select_from(_hooks).join(_mine, _mine.c.webhook == _hooks.c.id).where(_live)
    ordered = _webhooks.where(_live).order_by(_hooks.c.created_at.desc(), _hooks.c.id)
    rows = await connection.execute(ordered.limit(limit).offset(offset))
    return [_webhook(row) for row in rows], await connection.scalar(counted) or 0


async def strangers(connection: AsyncConnection, webhooks: Collection[UUID]) -> set[UUID]:
    """Those of the webhooks that the system API did not register."""
    known = select(_mine.c.webhook).where(_mine.c.webhook.in_(webhooks))
    return set(webhooks) - set(await connection.scalars(known))


async def check_subscriptions(connection: AsyncConnection, ids: Sequence[UUID]) -> None:
    """Raises Absent for the first of the subscriptions that belongs to no system webhook."""
    mine = select(_orders.c.id).join(_mine, _mine.c.webhook == _orders.c.webhook).where(_orders.c.id.in_(ids))
    known = set(await connection.scalars(mine))
    for each in ids:
        if each not in known:
            raise Absent("Subscription", str(each))


async def subscribed(
    connection: AsyncConnection, *, webhook: UUID | None, limit: int, offset: int
) -> tuple[list[SystemSubscription], int]:
    """A page of the subscriptions of all system webhooks, or of one; newest first, and how many there are."""
    named: ColumnElement[bool] = true() if webhook is None else _orders.c.webhook == webhook
    counted = select(func.count()).select_from(_orders).join(_mine, _mine.c.webhook == _orders.c.webhook).where(named)
    ordered = _subscriptions.where(named).order_by(_orders.c.created_at.desc(), _orders.c.id)
    rows = await connection.execute(ordered.limit(limit).offset(offset))
    return [_subscription(row) for row in rows], await connection.scalar(counted) or 0


def _webhook(row: Row[Any]) -> SystemWebhook:
    return SystemWebhook(**row._mapping)


def _subscription(row: Row[Any]) -> SystemSubscription:
    return SystemSubscription(**row._mapping)
