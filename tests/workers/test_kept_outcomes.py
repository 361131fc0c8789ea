"""A database that comes back hears of what ended before it is asked for more."""

import asyncio
from collections.abc import Sequence

from delivery.attempts.endings import EndedAttempt
from delivery.tickets import Job, Ticket
from subscriptions.ground.errors import Unavailable
from tests.delivery.craft import Craft
from tests.workers.carrying import claims, engine_of


class Outage:
    """The way of outcomes to the database, closed at first."""

    def __init__(self, craft: Craft) -> None:
        self._write = craft.rounds.outcomes.record
        self._open = False
        self.refused = asyncio.Event()

    async def __call__(self, ended: Sequence[EndedAttempt]) -> list[Job]:
        if self._open:
            return await self._write(ended)
        self.refused.set()
        raise Unavailable("PostgreSQL", "away")

    def end(self) -> None:
        self._open = True


async def test_records_come_first(craft: Craft) -> None:
    """While outcomes are kept for a database that is away a process claims nothing and offers no slot; then
    it goes on (protocol.md 5.2)."""
    outage = Outage(craft)
    engine = engine_of(craft)
    engine.recorder._write = outage
    webhook = await craft.hook()
    events = await craft.owe(webhook, 3, due_in=-1)
    tickets = [Ticket(event, webhook, 0, 0) for event in events]
    await engine.deliver(tickets[:1])
    await asyncio.wait_for(outage.refused.wait(), 5)

    # Its lease lapses, as it does in an outage: to a claim it looks like an attempt that was lost.
    await craft.value("UPDATE deliveries SET leased_until = due_at WHERE leased_until IS NOT NULL RETURNING 1")
    await engine.deliver(tickets[1:])
    await engine.drain()
    kept = (engine.free, await claims(craft, webhook))
    outage.end()
    await engine.close(5.0)
    again = engine_of(craft)
    await again.drain()
    await again.close(5.0)

    assert kept == (0, 1)
    assert engine.free == 500
    assert await craft.states() == {"delivered": 3}
    assert len(craft.wire.sent) == 3
