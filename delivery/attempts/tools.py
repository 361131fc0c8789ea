"""What claiming, attempting and recording are made of."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from delivery.settings import DeliverySettings
from delivery.wire.sender import Sender
from subscriptions.ground.clock import DatabaseClock
from subscriptions.ground.database import Database, Raw
from subscriptions.webhooks.webhook_store import Hook

ReadHooks = Callable[[Raw, Sequence[UUID]], Awaitable[Mapping[UUID, Hook]]]


@dataclass(frozen=True, kw_only=True)
class RoundTools:
    """What a round needs; clock, chance and wire come in from the process root."""

    database: Database
    clock: DatabaseClock
    settings: DeliverySettings
    sender: Sender
    read_hooks: ReadHooks
    #: Draws from [0, 1), for jitter.
    chance: Callable[[], float]
    #: Waits for so many seconds.
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
