"""The one door to PostgreSQL: a pool with bounded waits.

Which statements are sent is left to the rooms that own tables, how a connection is made and set to `sessions.py`. Two kinds
come from the one pool: SQLAlchemy's for statements that are composed, asyncpg's own for the hot ones, where every microsecond
counts.
"""

import asyncio
import functools
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Hashable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ParamSpec, TypeVar, cast

from sqlalchemy import event, exc
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.util import greenlet_spawn

from subscriptions.ground import away, database_url, statements
from subscriptions.ground.audience import STAYS, Audience
from subscriptions.ground.effort import Effort
from subscriptions.ground.errors import Busy, Contended, Overloaded, TooSoon, Unavailable
from subscriptions.ground.outage import Outage
from subscriptions.ground.sessions import CONTENDED, TIMES, SessionDialler
from subscriptions.ground.settings import GroundSettings
from subscriptions.ground.turns import Turns

Clock = Callable[[], datetime]
#: A transaction of SQLAlchemy's, for rooms that hand it on.
Connection = AsyncConnection
#: asyncpg's own connection, for statements that are ready.
Raw = statements.Raw
P = ParamSpec("P")
T = TypeVar("T")

#: What Unavailable calls it.
NAME = "PostgreSQL"
#: Seconds that pass before a transaction is made again, at most; as much more before each that follows.
PAUSE = 0.05

#: The patience of the block that a task is in.
_waiting: ContextVar[asyncio.Timeout] = ContextVar("waiting")
#: Who has to wait for a turn at the connections; None: nobody, as for publications and health, or it has one already.
_asker: ContextVar["_Asker | None"] = ContextVar("asker", default=None)
#: Who waits for what the task does; looked at before what is dear.
_audience: ContextVar[Audience] = ContextVar("audience", default=STAYS)
_AT_ONCE: AbstractAsyncContextManager[None] = nullcontext()
#: What leaves a connection in nobody knows which state; to be given up is one: an answer may still be on its way.
BROKEN = (*away.AWAY, asyncio.CancelledError)


@dataclass(slots=True)
class _Asker:
    """Who asks for connections."""

    key: Hashable
    #: Who waits for what it asks.
    audience: Audience
    #: Whether it is answered for nobody's sake but the audience's.
    reads: bool


@dataclass
class _Work:
    """What is made again as a whole, or not."""

    committed: bool = False


_work: ContextVar[_Work] = ContextVar("work", default=_Work())  # noqa: B039  the one of all who make nothing again


def repeating(function: Callable[P, Awaitable[T]]) -> Callable[P, Coroutine[Any, Any, T]]:
    """Makes the function again while it is Contended, at most `TIMES`, unless a transaction of it has been committed.

    What it does beside its transaction has to follow the commit.
    """

    @functools.wraps(function)
    async def repeated(*args: P.args, **kwargs: P.kwargs) -> T:
        for n in range(1, TIMES):
            work = _Work()
            before = _work.set(work)
            try:
                return await function(*args, **kwargs)
            except Contended:
                if work.committed:
                    raise
            finally:
                _work.reset(before)
            # At random, or those who clashed would do so again.
            await asyncio.sleep(random.uniform(0, PAUSE * n))
        return await function(*args, **kwargs)

    return repeated


@contextmanager
def asked_by(key: Hashable, audience: Audience = STAYS, *, reads: bool = True) -> Iterator[None]:
    """Within the block connections are taken in turns with other askers, and at most a share of them.

    An asker whose audience has gone has no more turns: NobodyWaits. One that does not only read, and has had one, is not left
    half done.
    """
    before, others = _asker.set(_Asker(key, audience, reads)), _audience.set(audience)
    try:
        yield
    finally:
        _asker.reset(before)
        _audience.reset(others)


def asking() -> Hashable | None:
    """Who asks; None: nobody in particular."""
    asker = _asker.get()
    return asker.key if asker else None


def still_asked() -> None:
    """Raises NobodyWaits where whoever asked has gone: for reads, before what is dear."""
    _audience.get().check()


class Database:
    """A pool of connections; opened lazily, so that a process starts (and says so) while PostgreSQL is away."""

    def __init__(
        self, settings: GroundSettings, outage: Outage | None = None, *, patience: float | None = None
    ) -> None:
        """`outage` is told of every failure and success; `patience` is seconds until whoever waits is told Unavailable."""
        self._engine = _engine(settings)
        self._outage = outage
        #: Half of the connections for all who ask in turns, half of those for one of them.
        places = max(1, settings.database_connections // 2)
        self._turns = Turns(places, max(1, places // 2))
        #: Why it did not serve when it was last asked; None: it did.
        self._cause: str | None = None
        #: Seconds that its callers wait at most; None: as long as it takes.
        self.patience = patience
        #: Seconds after which PostgreSQL ends a transaction in which nothing is asked.
        self._idle = settings.database_wait

    @asynccontextmanager
    async def _bounded(self) -> AsyncIterator[None]:
        """Raises Unavailable where PostgreSQL is away, or the block takes longer than callers are patient; Overloaded where that
        is this process's own doing."""
        effort = Effort()
        try:
            async with asyncio.timeout(self.patience) as waiting:
                before = _waiting.set(waiting)
                try:
                    yield
                finally:
                    _waiting.reset(before)
        except Exception as error:
            if away.under(error, CONTENDED) is not None:
                raise Contended(
                    NAME, f"others are in the way of this transaction: {away.under(error, CONTENDED)}"
                ) from error
            cause = away.reason(error)
            if cause is None:
                raise
            lasted = effort.lasted
            if away.stood_still(error, lasted, self._idle):
                raise Overloaded(
                    f"it stood still in a transaction, which PostgreSQL ended after {lasted:.1f} s"
                ) from error
            if (
                isinstance(error, TimeoutError)
                and self.patience is not None
                and effort.busy(self.patience, self.patience)
            ):
                raise Overloaded(
                    f"it came to no end of a transaction within {lasted:.1f} s, for want of time"
                ) from error
            self._cause = cause
            if self._outage is not None:
                self._outage.failed(cause)
            raise Unavailable(NAME, cause) from error
        self._cause = None
        if self._outage is not None:
            self._outage.worked()

    def _turn(self) -> AbstractAsyncContextManager[None]:
        """The turn of who asks. It ends with the connection, so that nobody has one while it reads a body or sends abroad."""
        asker = _asker.get()
        return _AT_ONCE if asker is None else self._turn_of(asker)

    @asynccontextmanager
    async def _turn_of(self, asker: _Asker) -> AsyncIterator[None]:
        asker.audience.check()
        try:
            await self._turns.take(asker.key, self.patience, asker.audience)
        except (Busy, TooSoon) as error:
            if self._cause is None:
                raise
            raise Unavailable(NAME, self._cause) from error
        # What the holder of a connection asks beside it waits for nobody, or two would wait for each other.
        before = _asker.set(None)
        if not asker.reads:
            asker.audience = STAYS
        try:
            yield
        finally:
            _asker.reset(before)
            self._turns.give(asker.key)

    @contextmanager
    def standing_by(self) -> Iterator[None]:
        """Within a block of this door: what takes its time here is not held against PostgreSQL."""
        waiting = _waiting.get()
        until, began = waiting.when(), time.monotonic()
        waiting.reschedule(None)
        try:
            yield
        finally:
            if until is not None:
                waiting.reschedule(until + time.monotonic() - began)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """One transaction, committed at the end of the block; raises Unavailable when PostgreSQL is away."""
        async with self._turn(), self._bounded(), self._engine.connect() as connection:
            transaction = await connection.begin()
            try:
                yield connection
                await transaction.commit()
                _work.get().committed = True
            except BROKEN:
                await connection.invalidate()
                raise
            except BaseException:
                await transaction.rollback()
                raise

    @asynccontextmanager
    async def raw(self) -> AsyncIterator[Raw]:
        """An asyncpg connection on which each statement commits by itself, unless `.transaction()` is opened on it."""
        async with self._turn(), self._bounded():
            # Without SQLAlchemy's own connection around it, which costs more than half of what a statement does.
            try:
                pooled = await self._engine.raw_connection()
            except self._engine.dialect.loaded_dbapi.Error as error:
                # What asyncpg said when it dialled.
                raise error.__cause__ or error from None
            try:
                yield cast(Raw, pooled.driver_connection)
            except BROKEN:
                # SQLAlchemy did not see the statement fail, so it must be told not to lend this one again.
                await greenlet_spawn(pooled.invalidate)
                raise
            finally:
                if pooled.is_valid:
                    # Begun by nobody that SQLAlchemy knows of: there is nothing to roll back, and so nothing to wait for.
                    pooled.close()

    async def ready(self) -> None:
        """One round trip; raises Unavailable."""
        async with self.raw() as connection:
            await connection.fetchval("SELECT 1")

    async def close(self) -> None:
        """Closes all connections."""
        await self._engine.dispose()


async def raw_of(connection: AsyncConnection) -> Raw:
    """The asyncpg connection under a SQLAlchemy transaction: hot statements beside composed ones, in the same transaction."""
    await connection.exec_driver_sql("SELECT 1")  # SQLAlchemy begins with the first statement it sees
    return cast(Raw, (await connection.get_raw_connection()).driver_connection)


def _engine(settings: GroundSettings) -> AsyncEngine:
    address = database_url.parse(settings.database_url)
    dialler = SessionDialler(address, wait=settings.database_wait, pooling=settings.database_pooling)
    engine = create_async_engine(
        "postgresql+asyncpg://",
        async_creator=dialler.dial,
        pool_size=settings.database_connections,
        max_overflow=0,
        pool_timeout=settings.database_wait,
        # An error's text ends in logs, and is no place for what was to be written.
        hide_parameters=True,
        connect_args=dict(dialler.driver()),
    )
    event.listen(engine.sync_engine, "checkout", _refuse_closed)
    return engine


def _refuse_closed(connection: Any, _record: Any, _proxy: Any) -> None:
    # A connection whose socket closed while it lay in the pool is known to be dead without asking the server.
    if connection.driver_connection.is_closed():
        raise exc.DisconnectionError
