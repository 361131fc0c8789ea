"""What webhooks are registered, changed, verified and greeted with."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from delivery.settings import DeliverySettings
from delivery.tickets import Nudge
from delivery.wire.guard import Guard
from delivery.wire.sender import Sender
from subscriptions.events.event import Naming
from subscriptions.ground.database import Clock, Database
from subscriptions.webhooks.webhook_store import WebhookStore


@dataclass(frozen=True, kw_only=True)
class LifecycleTools:
    """Clock and wire come in from the process root."""

    database: Database
    clock: Clock
    settings: DeliverySettings
    webhook_store: WebhookStore
    sender: Sender
    guard: Guard
    naming: Naming
    announce: Callable[[Sequence[Nudge]], None]
