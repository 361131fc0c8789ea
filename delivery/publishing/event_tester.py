"""The door for test events: an event of a type that is owed to one webhook alone, whoever else has subscribed to it.

What such an event says is left to `subscriptions/events/samples.py`; one for all who subscribed is published as any other.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from delivery.foundation import Foundation
from delivery.ledger.owing import deliveries, parking
from delivery.ledger.owing.deliveries import SubscribedWebhook
from delivery.lifecycle import State
from delivery.tickets import Nudge
from subscriptions.events import samples
from subscriptions.events.event import Event
from subscriptions.events.samples import SampleType
from subscriptions.ground import audit, event_keys, partitions
from subscriptions.ground.audit import AuditChange
from subscriptions.ground.database import Raw, repeating
from subscriptions.ground.errors import Absent
from subscriptions.webhooks.webhook import Webhook


@dataclass(frozen=True, kw_only=True)
class TryOut:
    """What is asked for."""

    webhook: UUID
    #: In the catalogue; that the webhook has subscribed to it is not asked, nor is its filter.
    event_type: str
    #: JSON in the place of what is made up.
    data: bytes | None = None


@dataclass(frozen=True, kw_only=True)
class SentTest:
    """A test event that was accepted."""

    event: Event
    webhook: UUID
    accepted_at: datetime
    #: Owed; parked while the webhook may not be sent to; or collecting for a batch.
    state: State


class EventTester:
    """Sends test events; `send` answers after the commit."""

    def __init__(self, base: Foundation) -> None:
        self._base = base

    async def webhook(self, within: str | None, webhook: UUID) -> Webhook:
        """The webhook, whose workspace's event it will be; raises Absent."""
        async with self._base.database.transaction() as connection:
            return await self._base.webhook_store.find(connection, within, webhook)

    async def send(self, within: str | None, asked: TryOut) -> SentTest:
        """One event, owed to one webhook of the workspace (of any for None).

        Raises Absent for the webhook, and what `samples.made` raises for type and data.
        """
        now, webhook = self._base.clock(), await self.webhook(within, asked.webhook)
        of = SampleType(
            type=asked.event_type,
            workspace_id=webhook.workspace_id,
            naming=self._base.naming,
            most=self._base.ground.max_event_bytes,
        )
        event = samples.made(of, key=event_keys.new(now), now=now, data=asked.data)
        try:
            to, nudges = await self._owed(event, webhook, now)
        except asyncpg.CheckViolationError:  # nobody has made the day's partitions yet
            async with self._base.database.raw() as connection:
                await partitions.make(connection, deliveries.PARTITIONED, [now.date()])
            to, nudges = await self._owed(event, webhook, now)
        if nudges:
            self._base.announce(nudges)
        return SentTest(event=event, webhook=asked.webhook, accepted_at=now, state=deliveries.STATES[to.way])

    @repeating
    async def _owed(self, event: Event, webhook: Webhook, now: datetime) -> tuple[SubscribedWebhook, list[Nudge]]:
        tested = AuditChange(
            action="webhook.tested",
            subject=str(webhook.id),
            name=webhook.name,
            workspace_id=webhook.workspace_id,
            after={"eventType": event.type, "messageId": str(event.key)},
        )
        async with self._base.database.raw() as connection:
            async with connection.transaction():
                to = await _standing(connection, webhook.id)
                times = deliveries.times(now, self._base.settings)
                owed = await deliveries.accept(connection, [event], [(event.key, to)], [], times)
                await audit.note(connection, tested)
            looks = await parking.look_again(connection, owed.parked, now=now)
        return to, [*owed.nudges, *looks]


async def _standing(connection: Raw, webhook: UUID) -> SubscribedWebhook:
    way = await deliveries.way_of(connection, webhook)
    if way is None:
        raise Absent("Webhook", str(webhook))
    return SubscribedWebhook(webhook=webhook, way=way)
