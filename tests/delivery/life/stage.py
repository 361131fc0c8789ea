"""Where the machine's processes run: what they do may stand still at the wire, at a send time or at a commit, and die there.

What they do is left to `world.py`; a step ends when everybody stands still.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy.ext.asyncio import AsyncConnection

from delivery.ledger.owing import deliveries
from subscriptions.ground.database import Database, Raw
from tests.clock import Clock


class Died(asyncio.CancelledError):
    """A process was killed; nobody may catch it."""


@dataclass(eq=False)
class Actor:
    """One thing that a process does."""

    #: Where it stands still, until somebody lets it go on; None while it moves.
    still: "asyncio.Future[Any] | None" = None
    task: "asyncio.Task[Any] | None" = None
    #: Its process was killed, and whoever waits for it waits for ever.
    dead: bool = False

    @property
    def quiet(self) -> bool:
        """It stands still, or has ended."""
        return self.dead or (self.still is not None and not self.still.done()) or self.task is None or self.task.done()


_actor: ContextVar[Actor] = ContextVar("actor")


@dataclass
class Stage:
    """All that moves, and the clock that it moves by."""

    clock: Clock
    actors: list[Actor] = field(default_factory=list)
    _moved: asyncio.Event = field(default_factory=asyncio.Event)
    _sleeping: "list[tuple[datetime, asyncio.Future[None]]]" = field(default_factory=list)

    def begin(self, actor: Actor, work: Coroutine[Any, Any, Any]) -> None:
        """Lets it run until it stands still; `settled` says when."""

        async def act() -> None:
            _actor.set(actor)
            with contextlib.suppress(Died):
                await work

        actor.task = asyncio.create_task(act())
        actor.task.add_done_callback(lambda _: self._moved.set())
        self.actors.append(actor)

    async def stand_still(self) -> Any:
        """Called by what an actor does; answers what it is let go on with."""
        return await self.stop(_actor.get())

    async def stop(self, actor: Actor) -> Any:
        """Stands still until the actor's `still` is answered."""
        actor.still = asyncio.get_running_loop().create_future()
        self._moved.set()
        try:
            return await actor.still
        finally:
            actor.still = None

    def acting(self) -> Actor:
        """Who is doing this."""
        return _actor.get()

    def dies(self) -> None:
        """Who is doing this does nothing more."""
        _actor.get().dead = True
        self._moved.set()

    async def sleep(self, seconds: float) -> None:
        """Until the told clock has come so far."""
        actor = _actor.get()
        actor.still = asyncio.get_running_loop().create_future()
        self._sleeping.append((self.clock() + timedelta(seconds=seconds), actor.still))
        self._moved.set()
        try:
            await actor.still
        finally:
            actor.still = None

    async def settled(self) -> None:
        """Returns when everybody stands still; raises what an actor ended with."""
        while True:
            self._moved.clear()
            if all(actor.quiet for actor in self.actors):
                break
            await self._moved.wait()
        ended = [actor for actor in self.actors if actor.task is not None and actor.task.done()]
        self.actors = [actor for actor in self.actors if actor not in ended]
        for actor in ended:
            if actor.task is not None and not actor.task.cancelled():
                actor.task.result()

    async def advance(self, seconds: float) -> None:
        """Time passes, and whoever slept until now goes on."""
        now = self.clock.advance(seconds)
        for until, sleeper in self._sleeping:
            if until <= now and not sleeper.done():
                sleeper.set_result(None)
        self._sleeping = [(until, sleeper) for until, sleeper in self._sleeping if not sleeper.done()]
        await self.settled()

    async def kill(self, actors: list[Actor]) -> None:
        """Ends them where they stand."""
        tasks = [actor.task for actor in actors if actor.task is not None and not actor.task.done()]
        for actor in actors:
            if actor.still is not None:
                actor.still.cancel()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self.actors = [actor for actor in self.actors if actor not in actors]


class Gate(Database):
    """A process's door to the database: its process can be killed as it passes, and a commit can be made to wait."""

    def __init__(self, door: Database, stage: Stage, *, stalls: bool = False) -> None:
        self._door = door
        self.patience = door.patience
        self._stage = stage
        self._stalls = stalls
        #: How often it may still pass; None: always.
        self.fuse: int | None = None

    @asynccontextmanager
    async def raw(self) -> AsyncIterator[Raw]:
        self._burn()
        async with self._door.raw() as connection:
            yield cast(Raw, _Stalling(connection, self._stage)) if self._stalls else connection

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        self._burn()
        async with self._door.transaction() as connection:
            yield connection

    def _burn(self) -> None:
        if self.fuse is not None:
            self.fuse -= 1
            if self.fuse < 0:
                self._stage.dies()
                raise Died


class _Stalling:
    """A connection that stands still before a publication is written, and before its transactions commit."""

    def __init__(self, connection: Raw, stage: Stage) -> None:
        self._connection = connection
        self._stage = stage

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    async def execute(self, statement: str, *arguments: Any) -> Any:
        if statement == deliveries.ACCEPT.text:
            await self._stage.stand_still()
        return await self._connection.execute(statement, *arguments)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        async with self._connection.transaction():
            yield
            await self._stage.stand_still()
