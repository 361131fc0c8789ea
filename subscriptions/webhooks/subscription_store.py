"""Subscriptions: the standing orders of webhooks, one per event type, kept for their workspaces.

The webhooks themselves are left to `webhook_store.py`; which events they match, to the transaction that owes deliveries.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import delete, insert, select, true, update
from sqlalchemy.ext.asyncio import AsyncConnection

from subscriptions.catalogue.builtin import shipped
from subscriptions.events import catalogue
from subscriptions.events.nearest import nearest, retired
from subscriptions.ground import audit, tables
from subscriptions.ground.database import Database
from subscriptions.ground.errors import Absent, Issue, Refused
from subscriptions.ground.settings import GroundSettings
from subscriptions.webhooks import (
    audited,
    deleted_types,
    pinning,
    subscription_list,
    subscription_room,
    system_webhooks,
)
from subscriptions.webhooks.subscription_list import SHOWN, Subscription, SubscriptionQuery, SubscriptionRequest, of
from subscriptions.webhooks.webhook import Owner

#: What a webhook's `stateReason` says while one of its filters takes more steps than it may.
EXHAUSTED = (
    "an event filter would take more than {steps} steps of some events, which are delivered without being asked about: "
    "ask fewer conditions of shorter arrays and texts"
)

_table = tables.subscriptions
_types = tables.event_types
_hooks = tables.webhooks


@dataclass(frozen=True, kw_only=True)
class Replacement:
    """What somebody asks for in the place of a subscription."""

    #: Which one.
    subscription: UUID
    #: Its webhook is the subscription's: another one is refused.
    order: SubscriptionRequest


class SubscriptionStore:
    """Subscriptions in SQL, each call one transaction.

    `most` is how many a webhook may have (greenlake.md D.9), `prefix` what types of ours begin with. `system`: only those of
    webhooks that the system API registered.
    """

    def __init__(self, database: Database, *, most: int = 5, prefix: str = catalogue.PREFIX) -> None:
        self._database = database
        self._most = most
        self._prefix = prefix

    @classmethod
    def under(cls, database: Database, settings: GroundSettings) -> "SubscriptionStore":
        """The store of a deployment with these settings."""
        return cls(database, most=settings.max_subscriptions_per_webhook, prefix=settings.type_prefix)

    async def add(
        self,
        requests: Sequence[SubscriptionRequest],
        owner: Owner,
        *,
        within: str | None,
        now: datetime,
        system: bool = False,
    ) -> list[Subscription]:
        """All of the orders, in order, or none, however many subscribe at once.

        A subscription belongs to its webhook's workspace. Raises Refused naming every field with an unknown webhook or event
        type, or a type that the webhook is subscribed to already, and LimitReached.
        """
        async with self._database.transaction() as connection:
            if system:
                await _check_system(connection, requests)
            workspaces = await _lock(connection, {order.webhook for order in requests}, within)
            requests = await subscription_room.missing(connection, requests)
            await _check(connection, requests, workspaces, self._prefix)
            pins = await pinning.filters(connection, requests)
            rows = [_row(order, workspaces[order.webhook], owner, now) | _pin(order, pins) for order in requests]
            await connection.execute(insert(_table), rows)
            await subscription_room.check(connection, set(workspaces), self._most)
            made = (audited.subscription("subscription.created", row["id"], row) for row in rows)
            await audit.note(connection, *made)
            return await _kept(connection, [row["id"] for row in rows])

    async def replace(
        self,
        replacements: Sequence[Replacement],
        owner: Owner,
        *,
        within: str | None,
        now: datetime,
        system: bool = False,
    ) -> list[Subscription]:
        """Each subscription with the type and the filter of its replacement, its generation one higher; all of them or none.

        Who made it, and so whose permissions count, stays. Raises Absent for the first that the workspace does not have,
        Refused as `add` does, also for another webhook than the subscription's and for a subscription that is named twice.
        """
        ids = [each.subscription for each in replacements]
        async with self._database.transaction() as connection:
            if system:
                await _check_system(connection, [each.order for each in replacements])
            standing = await _standing(connection, ids, within)
            _check_webhooks(replacements, standing)
            # Out first: so that two can swap their types.
            await connection.execute(delete(_table).where(_table.c.id.in_(ids)))
            workspaces = {row["webhook"]: row["workspace_id"] for row in standing.values()}
            await _check(connection, [each.order for each in replacements], workspaces, self._prefix)
            pins = await pinning.filters(connection, [each.order for each in replacements])
            changed = [
                _replaced(each, standing[each.subscription], owner, now) | _pin(each.order, pins)
                for each in replacements
            ]
            await connection.execute(insert(_table), changed)
            if any(row["subscription_set"] != standing[row["id"]]["subscription_set"] for row in changed):
                # What is of its set no more counts alone.
                await subscription_room.check(connection, set(workspaces), self._most)
            await audit.note(connection, *audited.replaced(changed, standing))
            await _forget_exhausted(connection, set(workspaces))
            return await _kept(connection, ids)

    async def listed(self, query: SubscriptionQuery) -> tuple[list[Subscription], int]:
        """A page of subscriptions, newest first, and how many there are."""
        async with self._database.transaction() as connection:
            return await subscription_list.listed(connection, query)

    async def subscribers(self, within: str | None, event_types: Sequence[str]) -> Mapping[str, int]:
        """How many webhooks of the workspace (of all for None) have subscribed to each of these; absent where none has."""
        async with self._database.transaction() as connection:
            return await subscription_list.subscribers(connection, within, event_types)

    async def types(self, workspace_id: str, *, limit: int) -> list[str]:
        """The first event types by name that webhooks of a workspace have subscribed to."""
        async with self._database.transaction() as connection:
            return await subscription_list.types(connection, workspace_id, limit)

    async def remove(self, within: str | None, ids: Sequence[UUID], *, system: bool = False) -> None:
        """Ends all of them or, raising Absent for the first that the workspace does not have, none."""
        async with self._database.transaction() as connection:
            if system:
                await system_webhooks.check_subscriptions(connection, ids)
            standing = await _standing(connection, ids, within)
            await _forget_exhausted(connection, {row["webhook"] for row in standing.values()})
            await connection.execute(delete(_table).where(_table.c.id.in_(ids)))
            ended = (audited.subscription("subscription.removed", id, row, gone=True) for id, row in standing.items())
            await audit.note(connection, *ended)


async def _check_system(connection: AsyncConnection, requests: Sequence[SubscriptionRequest]) -> None:
    """Raises Refused for every webhook that the system API did not register."""
    strangers = await system_webhooks.strangers(connection, [order.webhook for order in requests])
    if issues := [
        Issue(subject=f"{order.at}webhook.resourceUri", description=f"there is no system webhook {order.webhook}")
        for order in requests
        if order.webhook in strangers
    ]:
        raise Refused(*issues)


async def _kept(connection: AsyncConnection, ids: Sequence[UUID]) -> list[Subscription]:
    """The subscriptions as they stand, in the order of the ids."""
    kept = await connection.execute(SHOWN.where(_table.c.id.in_(ids)))
    by_id = {row.id: Subscription(**row._mapping) for row in kept}
    return [by_id[each] for each in ids]


async def _standing(connection: AsyncConnection, ids: Sequence[UUID], within: str | None) -> dict[UUID, dict[str, Any]]:
    """The rows by their ids, nobody else's to change; raises Absent for the first that the workspace does not have."""
    mine = (_table.c.id.in_(ids), of(within))
    # The lock is the webhook's, as everywhere: one on a row would miss the row that a replacement puts in its place.
    await _lock(connection, set(await connection.scalars(select(_table.c.webhook).where(*mine))), within)
    standing = {row.id: dict(row._mapping) for row in await connection.execute(select(_table).where(*mine))}
    for each in ids:
        if each not in standing:
            raise Absent("Subscription", str(each))
    return standing


def _row(order: SubscriptionRequest, workspace_id: str, owner: Owner, now: datetime) -> dict[str, Any]:
    """A new subscription's."""
    return {
        "id": uuid4(),
        "workspace_id": workspace_id,
        "webhook": order.webhook,
        "event_type": order.event_type,
        "event_filter": order.event_filter,
        "subscription_set": order.subscription_set,
        "created_at": now,
        "updated_at": now,
        "hpe_principal": owner.principal,
        "created_by": owner.created_by,
        "updated_by": owner.created_by,
    }


def _pin(order: SubscriptionRequest, pins: Mapping[tuple[str, str], str]) -> dict[str, str]:
    return {"version": order.version, "version_filter": pins.get((order.event_type, order.version), "")}


def _replaced(replacement: Replacement, standing: Mapping[str, Any], owner: Owner, now: datetime) -> dict[str, Any]:
    """A subscription's row afterwards; with another type it is of no set."""
    order = replacement.order
    return {
        **standing,
        "event_type": order.event_type,
        "event_filter": order.event_filter,
        "subscription_set": standing["subscription_set"] if order.event_type == standing["event_type"] else "",
        "generation": standing["generation"] + 1,
        "updated_by": owner.created_by,
        "updated_at": now,
    }


def _check_webhooks(replacements: Sequence[Replacement], standing: Mapping[UUID, Mapping[str, Any]]) -> None:
    issues = []
    seen: set[UUID] = set()
    for each in replacements:
        if each.subscription in seen:
            said = f"the subscription {each.subscription} is named twice"
            issues.append(Issue(subject=f"{each.order.at}subscriptionId", description=said))
        seen.add(each.subscription)
        webhook = standing[each.subscription]["webhook"]
        if webhook != each.order.webhook:
            said = f"must be the subscription's own webhook, {webhook}: delete it and subscribe the other one"
            issues.append(Issue(subject=f"{each.order.at}webhook.resourceUri", description=said))
    if issues:
        raise Refused(*issues)


async def _lock(connection: AsyncConnection, ids: set[UUID], within: str | None) -> Mapping[UUID, str]:
    """Webhook -> workspace, the rows locked in order of id: two requests for the same ones wait instead of deadlocking."""
    scope = true() if within is None else _hooks.c.workspace_id == within
    wanted = select(_hooks.c.id, _hooks.c.workspace_id).where(
        _hooks.c.id.in_(ids), _hooks.c.deleted_at.is_(None), scope
    )
    rows = await connection.execute(wanted.order_by(_hooks.c.id).with_for_update())
    return {row.id: row.workspace_id for row in rows}


async def _check(
    connection: AsyncConnection,
    requests: Sequence[SubscriptionRequest],
    workspaces: Mapping[UUID, str],
    prefix: str,
) -> None:
    wanted = {order.event_type for order in requests}
    live = (_types.c.type.in_(wanted), _types.c.retired_at.is_(None))
    known = set(await connection.scalars(select(_types.c.type).where(*live)))
    gone = await retired(connection, wanted - known) if wanted - known else {}
    unknown = next((order.event_type for order in requests if order.event_type not in known | gone.keys()), None)
    meant = None if unknown is None else await nearest(connection, unknown)
    standing = select(_table.c.webhook, _table.c.event_type).where(_table.c.webhook.in_(workspaces))
    taken = {(row.webhook, row.event_type) for row in await connection.execute(standing)}
    issues = []
    for order in requests:
        if order.webhook not in workspaces:
            said = f"there is no webhook {order.webhook} in the workspace"
            issues.append(Issue(subject=f"{order.at}webhook.resourceUri", description=said))
        if order.event_type not in known:
            hint = f"; did you mean {meant}?" if meant is not None and order.event_type == unknown else ""
            said = f"event type {order.event_type} is not in the catalogue (GET /events/v1beta1/event-types){hint}"
            said = gone.get(order.event_type, shipped.known_elsewhere(order.event_type, prefix=prefix) or said)
            issues.append(Issue(subject=f"{order.at}eventType", description=said))
        if never := deleted_types.fault(order.event_type, order.event_filter, prefix=prefix):
            issues.append(Issue(subject=f"{order.at}eventFilter", description=never))
        if (order.webhook, order.event_type) in taken:
            said = f"the webhook {order.webhook} is subscribed to {order.event_type} already"
            issues.append(Issue(subject=f"{order.at}eventType", description=said))
        taken.add((order.webhook, order.event_type))
    if issues:
        raise Refused(*issues)


async def _forget_exhausted(connection: AsyncConnection, webhooks: set[UUID]) -> None:
    """The filter that it said so of may be gone: if not, the next event says it again."""
    of_filters = _hooks.c.state_reason.startswith(EXHAUSTED.partition("{")[0])
    await connection.execute(update(_hooks).where(_hooks.c.id.in_(webhooks), of_filters).values(state_reason=""))
