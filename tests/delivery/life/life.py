"""One life of a few webhooks and all that they are owed, step by step.

Which steps there are is left to `machine.py`, which of them are made to `exploring.py`.
"""

from collections.abc import Awaitable, Callable
from random import Random
from uuid import UUID

from delivery.tickets import Job
from subscriptions.ground.database import Database
from tests.clock import Clock
from tests.delivery.life import ending
from tests.delivery.life.promises import Promises
from tests.delivery.life.stage import Actor
from tests.delivery.life.watch import Watch
from tests.delivery.life.world import KINDS, Process, Try, World


class Life:
    """The world, who watches it, and what was promised in it."""

    def __init__(self, database: Database) -> None:
        self.world = World(database, Clock())
        self.watch = Watch(self.world)
        self.promises = Promises()
        self.hooks: list[UUID] = []
        self.publishing: list[Actor] = []

    async def begin(self) -> None:
        """Everything that was there before is gone; webhooks of all kinds are there."""
        await ending.clean(self.world.database)
        self.hooks = await ending.furnish(self.world)
        for hook, kinds in zip(self.hooks, ending.WANTED, strict=True):
            self.promises.subscribed[hook] = frozenset(KINDS[kind] for kind in kinds)
        await self.watch.look()

    async def step(self, act: "Act", draw: Random) -> None:
        """Does it, lets everybody move until they stand still, and looks; raises AssertionError."""
        self.world.step += 1
        await act(self, draw)
        await self.world.stage.settled()
        await self.watch.look()

    async def end(self) -> None:
        """All faults end, and everything else after them; raises AssertionError."""
        await ending.calm(self.world, self.watch, self.promises, self.publishing)

    def process(self, draw: Random) -> Process:
        return draw.choice(self.world.processes)

    def idle(self) -> list[Try]:
        """Claimed, and not begun."""
        return [each for process in self.world.processes for each in self.world.idle(process)]

    def waiting(self) -> list[UUID]:
        """Webhooks that tries have begun for, and wait for their send time."""
        tries = [each for process in self.world.processes for each in process.tries]
        return [each.key[1] for each in tries if each.actor.still is not None and each.sent_at is None]

    def recordable(self) -> list[Try]:
        return [each for process in self.world.processes for each in self.world.recordable(process)]

    def queued_jobs(self) -> list[Job]:
        return [nudge for nudge in self.world.broker if isinstance(nudge, Job)]


Act = Callable[[Life, Random], Awaitable[None]]
