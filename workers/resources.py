"""What one worker process owns: an event loop in a thread, and on it the database, the wire, and the doors that use them.

What runs on the loop is left to `engine.py`; when it starts and ends, to `main.py`.
"""

import asyncio
import logging
import random
import threading
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar

import uvloop

from delivery.attempts.rounds import Rounds
from delivery.attempts.tools import RoundTools
from delivery.publishing.intake import Intake
from delivery.publishing.python_events import PythonEvents
from delivery.settings import DeliverySettings
from delivery.tickets import Nudge
from delivery.upkeep.jobs import FailurePublisher, Jobs
from delivery.upkeep.sweeping import Upkeep
from delivery.verification.tools import LifecycleTools
from delivery.verification.webhook_lifecycle import WebhookLifecycle
from delivery.wire.credentials import Authorised
from delivery.wire.guard import Guard
from delivery.wire.transport import Transport, TransportLimits, open_transport
from subscriptions import key_rotation
from subscriptions.events.event import Naming
from subscriptions.ground.clock import DatabaseClock
from subscriptions.ground.database import Database
from subscriptions.ground.outage import Outage
from subscriptions.ground.settings import GroundSettings
from subscriptions.ground.vault import Vault
from subscriptions.webhooks.webhook_store import WebhookStore

log = logging.getLogger("hooklake.workers")

T = TypeVar("T")
DAY = 86400.0


class Loop:
    """An event loop in a thread of its own, to which other threads hand coroutines."""

    def __init__(self) -> None:
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self._thread.start()

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Runs it there and waits for what it comes to."""
        return self.hand_over(work).result()

    def hand_over(self, work: Coroutine[Any, Any, T]) -> "Future[T]":
        """Runs it there."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def end(self) -> None:
        """Stops the loop and its thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()


@dataclass(frozen=True, kw_only=True)
class Resources:
    """The doors of one worker process, built on its loop."""

    database: Database
    clock: DatabaseClock
    transport: Transport
    intake: Intake
    rounds: Rounds
    webhook_lifecycle: WebhookLifecycle
    jobs: Jobs
    upkeep: Upkeep
    vault: Vault

    async def missing_keys(self) -> list[str]:
        """The ids of vault keys that are used and not here; raises Unavailable."""
        async with self.database.raw() as connection:
            return await key_rotation.missing_keys(connection, self.vault, key_rotation.WEBHOOKS)

    async def close(self) -> None:
        """Closes what was opened."""
        await self.intake.close()
        await self.transport.aclose()
        await self.database.close()


async def open_resources(
    ground: GroundSettings, craft: DeliverySettings, announce: Callable[[Sequence[Nudge]], None], *, connections: int
) -> Resources:
    """Everything a worker needs; nothing is dialled yet, so that it starts while PostgreSQL is away. Raises Misconfigured."""
    database, clock = Database(ground, Outage("database")), DatabaseClock()
    vault = Vault.parse(ground.vault_keys)
    webhook_store = WebhookStore(vault, most=ground.max_webhooks_per_workspace)
    guard = Guard(craft.allow_destinations, craft.allow_http)
    limits = TransportLimits(
        connections=connections,
        connect_timeout=craft.connect_timeout,
        deadline=craft.delivery_timeout,
        acknowledge_timeout=craft.acknowledge_timeout,
        body_bytes=craft.answer_body_bytes,
    )
    transport = await open_transport(guard, limits=limits, ca_bundle=craft.ca_bundle, proxy=craft.egress_proxy)
    sender = Authorised(transport, clock)
    intake = Intake(database, clock, craft, announce, remembered=ground.idempotency_days * DAY)
    naming = Naming(prefix=ground.type_prefix, host=ground.source_host)
    notify = FailurePublisher(naming=naming, events=PythonEvents(intake.publish, clock))
    shared: dict[str, Any] = {"database": database, "clock": clock, "settings": craft, "sender": sender}
    return Resources(
        database=database,
        clock=clock,
        transport=transport,
        intake=intake,
        rounds=Rounds(RoundTools(**shared, read_hooks=webhook_store.hooks, chance=random.random)),
        webhook_lifecycle=WebhookLifecycle(
            LifecycleTools(**shared, webhook_store=webhook_store, guard=guard, naming=naming, announce=announce)
        ),
        jobs=Jobs(database, clock, craft, announce, notify),
        upkeep=Upkeep(database, clock, craft, announce),
        vault=vault,
    )
