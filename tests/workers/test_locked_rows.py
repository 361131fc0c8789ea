"""A person who holds row locks in psql: what they are on waits, and nothing else does."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial

import pytest

from delivery.tickets import Ticket
from delivery.wire.parcels import Failure, Parcel, Reply
from delivery.wire.sender import Destination
from subscriptions.ground.database import Database, Raw
from subscriptions.ground.settings import GroundSettings
from tests.clock import Clock
from tests.conftest import VAULT_KEYS
from tests.delivery.craft import Craft
from tests.delivery.destinations import reply
from tests.workers.carrying import engine_of, sweeping


class Gate:
    """A wire on which requests wait until it is opened."""

    def __init__(self, answer: Reply) -> None:
        self.opened = asyncio.Event()
        self._answer = answer

    async def __call__(self, parcel: Parcel, destination: Destination) -> Reply | Failure:
        await self.opened.wait()
        return self._answer


@pytest.fixture
async def craft(database_url: str, database: Database, clock: Clock) -> AsyncIterator[Craft]:
    """Over a door whose statements wait for a lock for a tenth of a second."""
    door = Database(GroundSettings(database_url=database_url, vault_keys=VAULT_KEYS, database_wait=0.4))
    async with Craft(door, clock) as craft:
        yield craft
    await door.close()


async def until(fact: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(20):
        while not await fact():  # noqa: ASYNC110  the database tells nobody
            await asyncio.sleep(0.01)


async def test_a_webhook_that_is_locked(craft: Craft, database: Database) -> None:
    """What was sent is recorded, and its slots are free, while a webhook's row is locked; then the webhook is
    judged by it (protocol.md 6.2)."""
    gate = Gate(reply(503))
    craft.wire.answering = gate
    engine = engine_of(craft)
    webhook = await craft.hook()
    events = await craft.owe(webhook, 3, due_in=-1)

    async def recorded() -> bool:
        return engine.free == 500

    async with database.raw() as person, person.transaction():
        await person.execute("SELECT FROM webhooks WHERE id = $1 FOR UPDATE", webhook)
        await engine.deliver([Ticket(event, webhook, 0, 0) for event in events])
        gate.opened.set()
        await until(recorded)
        kept = await craft.value("SELECT count(*) FROM attempts")
        before = await craft.value("SELECT failures FROM webhooks WHERE id = $1", webhook)
    await engine.close(5.0)

    assert (kept, before) == (3, 0)
    assert await craft.value("SELECT failures FROM webhooks WHERE id = $1", webhook) == 3


async def in_line(person: Raw) -> bool:
    """Whether somebody waits for a row that is locked: it is his before any drain's, which passes over it, once it is let go."""
    return bool(await person.fetchval("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"))


async def test_deliveries_that_are_locked(craft: Craft, database: Database) -> None:
    """Outcomes whose rows are locked wait for them, beyond their lease, and are not sent again; others
    are recorded meanwhile (protocol.md 5.3)."""
    gate = Gate(reply())
    craft.wire.answering = gate
    engine, another = engine_of(craft), engine_of(craft)
    locked, other = await craft.hooks(2)
    tickets = [Ticket(event, hook, 0, 0) for hook in (locked, other) for event in await craft.owe(hook, 2, due_in=-1)]

    async def recorded() -> bool:
        return await craft.states(other) == {"delivered": 2}

    async def all_recorded() -> bool:
        return await craft.states() == {"delivered": 4}

    await engine.deliver(tickets)
    async with sweeping(another):
        async with database.raw() as person, person.transaction():
            await person.execute("SELECT FROM deliveries WHERE webhook = $1 FOR UPDATE", locked)
            gate.opened.set()
            await until(recorded)
            await until(partial(in_line, person))
            craft.clock.advance(60)
        await until(all_recorded)
    await engine.close(5.0)
    await another.close(5.0)

    assert len(craft.wire.sent) == 4
