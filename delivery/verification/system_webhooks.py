"""The door for webhooks that services of the platform register for themselves (greenlake.md 1.9).

They are webhooks like any other, and pass by their door; what is the system's about them is written in the same transactions.
Which they are is left to `subscriptions/webhooks/system_webhooks.py`, their subscriptions to the subscription store.
"""

from uuid import UUID

from delivery.verification.webhook_lifecycle import WebhookLifecycle
from subscriptions.ground.database import Connection, Database
from subscriptions.webhooks import system_webhooks
from subscriptions.webhooks.system_webhooks import SystemSubscription, SystemWebhook
from subscriptions.webhooks.webhook import Change, Owner, Registration


class SystemWebhooks:
    """System webhooks of all workspaces, from registration to removal."""

    def __init__(self, database: Database, lifecycle: WebhookLifecycle) -> None:
        self._database = database
        self._lifecycle = lifecycle

    async def register(self, registration: Registration, owner: Owner) -> SystemWebhook:
        """A new one, in the owner's workspace; raises Refused, LimitReached, TooSoon."""

        async def mark(connection: Connection, webhook: UUID) -> None:
            await system_webhooks.put(connection, webhook, by=owner.created_by)

        made = await self._lifecycle.register(registration, owner, also=mark)
        return system_webhooks.reduced(made, updated_by=owner.created_by)

    async def find(self, webhook: UUID) -> SystemWebhook:
        """One of any workspace; raises Absent, also for a webhook that the system API did not register."""
        async with self._database.transaction() as connection:
            return await system_webhooks.find(connection, webhook)

    async def listed(self, *, limit: int, offset: int) -> tuple[list[SystemWebhook], int]:
        """A page of all of them, newest first, and how many there are."""
        async with self._database.transaction() as connection:
            return await system_webhooks.listed(connection, limit=limit, offset=offset)

    async def change(self, webhook: UUID, change: Change, owner: Owner) -> SystemWebhook:
        """The webhook after the change, and `owner` as who made it, or neither; raises Absent, Refused, TooSoon."""

        async def touch(connection: Connection, changed: UUID) -> None:
            await system_webhooks.touched(connection, changed, by=owner.created_by)

        changed = await self._lifecycle.change(None, webhook, change, by=owner.principal, also=touch)
        return system_webhooks.reduced(changed, updated_by=owner.created_by)

    async def remove(self, webhook: UUID, *, force: bool) -> None:
        """Deletes it, softly; raises Absent, and Refused while it has subscriptions."""

        async def known(connection: Connection, removed: UUID) -> None:
            await system_webhooks.find(connection, removed)

        await self._lifecycle.remove(None, webhook, force=force, also=known)

    async def subscribed(
        self, *, webhook: UUID | None, limit: int, offset: int
    ) -> tuple[list[SystemSubscription], int]:
        """A page of the subscriptions of all of them, or of one; newest first, and how many there are."""
        async with self._database.transaction() as connection:
            return await system_webhooks.subscribed(connection, webhook=webhook, limit=limit, offset=offset)
