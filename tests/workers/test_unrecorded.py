"""What is slow to be recorded holds slots of its own workspace, and leaves them to others."""

import asyncio
from collections.abc import Sequence

from delivery.attempts.endings import EndedAttempt
from delivery.tickets import Job, Ticket
from delivery.wire.parcels import Failure, Parcel, Reply
from delivery.wire.sender import Destination
from tests.delivery.craft import Craft
from tests.delivery.destinations import reply
from tests.workers.carrying import OTHER, claims, engine_of

SLOTS = 100
LONG = 30_000


class Records:
    """The way of outcomes to the database, which takes until it is let go."""

    def __init__(self, craft: Craft) -> None:
        self._write = craft.rounds.outcomes.record
        self.go_on = asyncio.Event()
        self.bytes: list[int] = []

    async def __call__(self, ended: Sequence[EndedAttempt]) -> list[Job]:
        await self.go_on.wait()
        self.bytes.append(sum(each.size for each in ended))
        return await self._write(ended)


async def test_unrecorded_answers_leave_slots(craft: Craft) -> None:
    """While outcomes of one workspace wait to be recorded, in number or in bytes, it begins no more than leaves slots for
    others; all of it arrives in the end, and long answers were written in statements of a megabyte at most (protocol.md 4.6)."""
    flood, lengthy, other = await craft.hook(), await craft.hook(), await craft.hook(workspace=OTHER)

    async def answer(parcel: Parcel, destination: Destination) -> Reply | Failure:
        return reply(body=b"x" * LONG if destination.webhook == lengthy else b"")

    craft.wire.answering = answer
    engine, records = engine_of(craft, in_flight=SLOTS), Records(craft)
    engine.recorder._write = records
    for webhook, count in ((lengthy, SLOTS), (flood, SLOTS)):
        # Returns when each is begun, or was dropped for want of a slot.
        owed = await craft.owe(webhook, count, due_in=-1)
        await engine.deliver([Ticket(event, webhook, 0, 0) for event in owed])
    [event] = await craft.owe(other, due_in=-1)
    await engine.deliver([Ticket(event, other, 0, 0)])
    begun = [await claims(craft, webhook) for webhook in (lengthy, flood, other)]

    records.go_on.set()
    await engine.drain()
    await engine.close(5.0)

    assert begun[2] == 1
    assert sum(begun) < SLOTS
    assert await craft.states() == {"delivered": 2 * SLOTS + 1}
    assert max(records.bytes) <= 1 << 20
    assert engine.free == SLOTS
