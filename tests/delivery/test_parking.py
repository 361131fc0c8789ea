"""Rows parked while their webhook was being activated: whoever parks looks again, and nobody waits for the slow sweep."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest

from delivery.ledger.owing import deliveries
from delivery.ledger.records import replays
from delivery.reports.recent_deliveries import History
from delivery.tickets import Job, JobKind, Ticket
from subscriptions.ground.database import Database, Raw
from subscriptions.webhooks.webhook import Change
from tests.clock import Clock
from tests.delivery.craft import WORKSPACE, Craft
from tests.delivery.destinations import reply

Meanwhile = Callable[[], Awaitable[None]]


class Overtaken(Database):
    """A process's door to the database that lets others act right before its first statement of a kind."""

    def __init__(self, door: Database, *, before: str, meanwhile: Meanwhile) -> None:
        self._door = door
        self.patience = None
        self._before = before
        self._meanwhile: list[Meanwhile] = [meanwhile]

    @asynccontextmanager
    async def raw(self) -> AsyncIterator[Raw]:
        async with self._door.raw() as connection:
            yield cast(Raw, _Overtaken(connection, self._overtaking))

    async def _overtaking(self, statement: str) -> None:
        if statement == self._before and self._meanwhile:
            await self._meanwhile.pop()()


class _Overtaken:
    def __init__(self, connection: Raw, overtaking: Callable[[str], Awaitable[None]]) -> None:
        self._connection = connection
        self._overtaking = overtaking

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    async def execute(self, statement: str, /, *arguments: object, timeout: float | None = None) -> str:
        await self._overtaking(statement)
        return await self._connection.execute(statement, *arguments, timeout=timeout)


@pytest.mark.parametrize("given", [None, "an id"], ids=["one statement", "with receipts"])
async def test_published_while_its_webhook_is_activated(
    craft: Craft, database: Database, clock: Clock, given: str | None
) -> None:
    """The first event after a registration goes out when its webhook is activated between the match
    and the writing (protocol.md 6.5)."""
    webhook = await craft.hook(status="PENDING")
    await craft.upkeep.mend()

    async def activate() -> None:
        await craft.challenge(webhook)
        await craft.run_jobs()

    publisher = Craft(Overtaken(database, before=deliveries.ACCEPT.text, meanwhile=activate), clock)
    await publisher.intake.publish([publisher.event(id=given)])
    announced = list(publisher.announced)
    await craft.run_jobs()
    clock.advance(0.001)

    assert await craft.status(webhook) == "ACTIVE"
    assert [nudge.kind for nudge in announced if isinstance(nudge, Job)] == [JobKind.JOB]
    assert len(await craft.drain()) == 1


async def test_published_while_its_webhook_is_deleted(craft: Craft, database: Database, clock: Clock) -> None:
    """What was parked for a webhook that was deleted meanwhile is cancelled at once."""
    webhook = await craft.hook(status="PENDING")

    async def delete() -> None:
        await craft.webhook_lifecycle.remove(WORKSPACE, webhook, force=True)
        await craft.run_jobs()

    publisher = Craft(Overtaken(database, before=deliveries.ACCEPT.text, meanwhile=delete), clock)
    await publisher.publish()
    await craft.run_jobs()

    assert await craft.states() == {"cancelled": 1}


async def test_published_for_a_webhook_that_stays_halted(craft: Craft) -> None:
    """Nothing is to be done where nothing changed: the row waits for its wake."""
    await craft.hook(status="DISABLED", paused=True)

    await craft.publish(3)

    assert craft.announced == []
    assert await craft.value("SELECT count(*) FROM jobs") == 0
    assert await craft.states() == {"parked": 3}


async def test_spread_while_its_webhook_is_activated(craft: Craft, database: Database, clock: Clock) -> None:
    """A chunk of a spread that parks looks again as a publication does."""
    [webhook, _] = await craft.hooks(2, challenge_request_enabled=False)
    await craft.webhook_lifecycle.change(WORKSPACE, webhook, Change(paused=True))

    async def activate() -> None:
        await craft.webhook_lifecycle.change(WORKSPACE, webhook, Change(paused=False))
        await craft.run_jobs()

    door = Overtaken(database, before=deliveries.OWE.text, meanwhile=activate)
    publisher = Craft(door, clock, spread_threshold=1, spread_chunk=10)
    await publisher.publish()
    [spread] = [nudge for nudge in publisher.announced if isinstance(nudge, Job)]
    await publisher.jobs.run(spread)
    await craft.run_jobs()

    assert await craft.states() == {"owed": 2}


async def test_claimed_while_its_webhook_is_activated(craft: Craft, database: Database, clock: Clock) -> None:
    """A claim that read its webhook as paused, and parked the row after the wake had looked, has it woken."""
    webhook = await craft.hook(challenge_request_enabled=False)
    [event] = await craft.owe(webhook)
    await craft.webhook_lifecycle.change(WORKSPACE, webhook, Change(paused=True))
    async with database.raw() as holder:
        async with holder.transaction():
            await holder.execute("SELECT FROM deliveries FOR UPDATE")
            claiming = asyncio.create_task(Craft(database, clock).claim(Ticket(event, webhook, 0, 0)))
            await _until_somebody_waits(holder)
            await craft.webhook_lifecycle.change(WORKSPACE, webhook, Change(paused=False))
            await craft.run_jobs()
        claimed = await claiming
    parked = await craft.states()

    await craft.run_jobs()

    assert (claimed, parked, await craft.states()) == ([], {"parked": 1}, {"owed": 1})


async def test_probed_while_its_webhook_is_activated(craft: Craft) -> None:
    """The row of a probe that failed after its webhook was verified is started with the others."""
    webhook = await craft.hook(status="ERROR")
    await craft.owe(webhook, state="parked")
    held = await craft.rounds.claims.probe(webhook)
    assert held is not None
    await craft.webhook_lifecycle.verify(WORKSPACE, webhook)
    await craft.run_jobs()

    await craft.rounds.outcomes.record([await craft.attempt(held, reply(503))])
    parked = await craft.states()
    await craft.run_jobs()

    assert (parked, await craft.states()) == ({"parked": 1}, {"owed": 1})


async def test_retried_by_hand_while_its_webhook_is_activated(craft: Craft, database: Database, clock: Clock) -> None:
    """So is the next round of a delivery that was asked for while its webhook was still paused."""
    webhook = await craft.hook(challenge_request_enabled=False)
    [event] = await craft.owe(webhook)
    [held] = await craft.drain()
    await craft.rounds.outcomes.record([await craft.attempt(held, reply(302))])
    await craft.webhook_lifecycle.change(WORKSPACE, webhook, Change(paused=True))

    async def activate() -> None:
        await craft.webhook_lifecycle.change(WORKSPACE, webhook, Change(paused=False))
        await craft.run_jobs()

    door = Overtaken(database, before=replays.NEXT_ROUND.text, meanwhile=activate)
    await History(door, clock, craft.announced.extend).retry(WORKSPACE, webhook, event)
    await craft.run_jobs()

    assert await craft.states() == {"failed": 1, "owed": 1}


async def _until_somebody_waits(connection: Raw) -> None:
    while not await connection.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):  # noqa: ASYNC110  the server calls nobody
        await asyncio.sleep(0.001)
