"""What the doors and stores of one process stand on.

`assembly.py` makes it, and tests hand in parts of their own; what is built on it is the assembly's matter.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

from delivery.settings import DeliverySettings
from delivery.tickets import Nudge
from delivery.wire.guard import Guard
from delivery.wire.sender import Sender
from delivery.wire.specs import SpecReader
from subscriptions.events.event import Naming
from subscriptions.ground.clock import DatabaseClock
from subscriptions.ground.database import Database
from subscriptions.ground.settings import GroundSettings
from subscriptions.ground.vault import Vault
from subscriptions.webhooks.webhook_store import WebhookStore

DAY = 86400.0


@dataclass(frozen=True, kw_only=True)
class Foundation:
    """Settings, database, clock, and who is told of new rows."""

    ground: GroundSettings
    settings: DeliverySettings
    database: Database
    clock: DatabaseClock
    #: Takes nudges and returns at once.
    announce: Callable[[Sequence[Nudge]], None]

    @cached_property
    def vault(self) -> Vault:
        """The keys that secrets are sealed with; raises Misconfigured."""
        return Vault.parse(self.ground.vault_keys)

    @cached_property
    def naming(self) -> Naming:
        """What this deployment calls itself in the events it makes."""
        return Naming(prefix=self.ground.type_prefix, host=self.ground.source_host)

    @cached_property
    def webhook_store(self) -> WebhookStore:
        """Webhooks as they are kept."""
        return WebhookStore(
            self.vault,
            most=self.ground.max_webhooks_per_workspace,
            query_strings=self.settings.delivery_policy != "greenlake",
            least_secret=self.ground.least_secret,
        )

    @property
    def remembered(self) -> float:
        """Seconds that an occurrence's id is remembered."""
        return self.ground.idempotency_days * DAY


@dataclass(frozen=True, kw_only=True)
class WiredFoundation(Foundation):
    """And what leads to destinations."""

    guard: Guard
    sender: Sender
    #: Draws from [0, 1), for jitter.
    chance: Callable[[], float] = random.random
    #: Waits for so many seconds.
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    @cached_property
    def specs(self) -> SpecReader:
        """Reads documents of event APIs from elsewhere."""
        return SpecReader(self.sender.transport)
