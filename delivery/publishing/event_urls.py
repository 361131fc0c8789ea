"""The door for applications: kept as their store keeps them, and an application's own webhook is told where it posts its events.

That is an event owed to this webhook alone, whatever it has subscribed to, in the transaction that makes it the application's.
"""

from collections.abc import Awaitable, Callable
from functools import partial
from uuid import UUID

import asyncpg
import msgspec

from delivery.foundation import Foundation
from delivery.ledger.owing import deliveries, parking
from delivery.ledger.owing.deliveries import NewDeliveries, SubscribedWebhook
from subscriptions.catalogue import applications
from subscriptions.catalogue.applications import (
    ApplicationChange,
    ApplicationDraft,
    ApplicationStore,
    Given,
    RegisteredApplication,
)
from subscriptions.events import event
from subscriptions.events.catalogue import OURS, Parts
from subscriptions.events.event import Event, Occurrence
from subscriptions.ground import event_keys, partitions
from subscriptions.ground.database import Raw, repeating

#: Its type.
PARTS = Parts(api_group=OURS, version="v1beta1", resource_collection="applications", event="event-url")
PATH = "/events/v1beta1/applications"

Kept = Callable[[Given], Awaitable[RegisteredApplication]]


class EventUrls:
    """Registers and changes applications; raises what their store raises."""

    def __init__(self, base: Foundation, store: ApplicationStore, url: str) -> None:
        """`url` is what clients call the API."""
        self._base = base
        self._store = store
        self._url = url

    async def register(self, draft: ApplicationDraft, *, by: str | None) -> RegisteredApplication:
        """The new application; its webhook, if it has one, is owed its event URL then."""
        return await self._kept(partial(self._register, draft, by))

    async def change(self, wanted: UUID, change: ApplicationChange, *, by: str | None) -> RegisteredApplication:
        """The application with the change; a webhook that it had not before is owed its event URL then."""
        return await self._kept(partial(self._change, wanted, change, by))

    async def _register(self, draft: ApplicationDraft, by: str | None, then: Given) -> RegisteredApplication:
        return await self._store.register(draft, by=by, now=self._base.clock(), then=then)

    async def _change(
        self, wanted: UUID, change: ApplicationChange, by: str | None, then: Given
    ) -> RegisteredApplication:
        return await self._store.change(wanted, change, by=by, now=self._base.clock(), then=then)

    async def _kept(self, keep: Kept) -> RegisteredApplication:
        try:
            return await self._once(keep)
        except asyncpg.CheckViolationError:  # nobody has made the day's partitions yet
            async with self._base.database.raw() as connection:
                await partitions.make(connection, deliveries.PARTITIONED, [self._base.clock().date()])
            return await self._once(keep)

    @repeating
    async def _once(self, keep: Kept) -> RegisteredApplication:
        owed: list[NewDeliveries] = []

        async def then(connection: Raw, application: RegisteredApplication) -> None:
            owed[:] = await self._owe(connection, application)

        application = await keep(then)
        nudges = [nudge for each in owed for nudge in each.nudges]
        if parked := {webhook for each in owed for webhook in each.parked}:
            async with self._base.database.raw() as connection:
                nudges += await parking.look_again(connection, parked, now=self._base.clock())
        if nudges:
            self._base.announce(nudges)
        return application

    async def _owe(self, connection: Raw, application: RegisteredApplication) -> list[NewDeliveries]:
        """In the caller's transaction, which keeps the webhook from being deleted."""
        assert application.webhook is not None
        way = await deliveries.way_of(connection, application.webhook)
        if way is None:
            return []
        made, now = self._event(application), self._base.clock()
        to = SubscribedWebhook(webhook=application.webhook, way=way)
        times = deliveries.times(now, self._base.settings)
        return [await deliveries.accept(connection, [made], [(made.key, to)], [], times)]

    def _event(self, application: RegisteredApplication) -> Event:
        now = self._base.clock()
        data = {
            "id": str(application.id),
            "type": "events/application",
            "resourceUri": f"{PATH}/{application.id}",
            "name": application.name,
            "eventUrl": applications.event_url(self._url, application.name),
        }
        text = msgspec.json.encode(data)
        occurrence = Occurrence(
            api_group=PARTS.api_group,
            api_version=PARTS.version,
            resource_collection=PARTS.resource_collection,
            event=PARTS.event,
            data=text,
            workspace_id=application.workspace_id,
            digest=event.digest(text),
        )
        return event.typed(occurrence, key=event_keys.new(now), accepted_at=now, naming=self._base.naming)
