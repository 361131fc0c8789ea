"""Sessions with PostgreSQL: dialled by address, and under the settings that our statements assume, whatever the server's own are.

Who holds a session, and for how long, is left to `database.py`.
"""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

import asyncpg
from asyncpg.protocol import protocol

from subscriptions.ground.database_url import Address

T = TypeVar("T")

#: What PostgreSQL says of a transaction that it could not run beside others, and that runs when it is made again (40001, 40P01).
CLASHED = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError)
#: ... and where a lock was not to be had in time (55P03).
CONTENDED = (*CLASHED, asyncpg.LockNotAvailableError)
#: How often a statement that stands by itself is made at most, where others clash with it.
TIMES = 4
#: The part of `database_wait` that a statement waits for a lock.
PATIENCE = 0.2

# Newer servers have one more, and a session that need not wait for the disk would acknowledge what a crash takes back.
ADJUSTED = """
(SELECT set_config(name, '0', {local}) FROM pg_settings WHERE name = 'transaction_timeout' AND setting <> '0'),
(SELECT set_config('synchronous_commit', 'on', {local}) WHERE current_setting('synchronous_commit') = 'off')
"""
#: Which setting tells whether what was given at the start of a session arrived, and what it is then.
WITNESS = "plan_cache_mode"
POOLED = (
    "a pooler such as PgBouncer stands before PostgreSQL and keeps back how our sessions are to be set: "
    "set HOOKLAKE_DATABASE_POOLING to transaction or session, whichever is its pool_mode"
)


def settings(wait: float, search_path: str) -> dict[str, str]:
    """What every transaction of ours runs under; `wait` is seconds (`database_wait`)."""
    return {
        # Every statement sees what is committed when it begins: fences and leases are compared in it.
        "default_transaction_isolation": "read committed",
        "search_path": search_path,
        # Its client gives a statement up, and cancels it; a lock is waited for, but not for as long as its callers wait.
        "statement_timeout": "0",
        "lock_timeout": str(max(1, int(wait * PATIENCE * 1000))),
        "idle_session_timeout": "0",
        # Nothing of ours waits for anything but the database in a transaction: a process that stands still in one,
        # or is cut off, shall not keep its locks from the others for longer than they wait.
        "idle_in_transaction_session_timeout": str(int(wait * 1000)),
        # Every statement has its index, and is planned once: a partition that was empty at breakfast would
        # otherwise be read whole at noon, and planning costs more than running.
        "jit": "off",
        WITNESS: "force_generic_plan",
        "enable_seqscan": "off",
        "enable_hashjoin": "off",
        "enable_mergejoin": "off",
    }


#: What PgBouncer keeps for each of its clients, in any mode (its `track_extra_parameters` apart).
KEPT = {"timezone": "UTC", "datestyle": "ISO, MDY", "standard_conforming_strings": "on"}

# Of each value in an array asyncpg asks whether it is an array in turn, and asks an abstract class, which answers in Python: a
# twentieth of what a worker does for a delivery. What we give it is a list, or no array.
protocol.IterableABC = (list, tuple)


class Session(asyncpg.Connection):  # type: ignore[misc]  # asyncpg publishes no types
    """A connection on which a statement that clashed with others is made again, where it is a transaction by itself."""

    async def fetch(self, query: str, *args: Any, **more: Any) -> Any:
        """As asyncpg's."""
        return await self._alone(super().fetch, query, *args, **more)

    async def fetchrow(self, query: str, *args: Any, **more: Any) -> Any:
        """As asyncpg's."""
        return await self._alone(super().fetchrow, query, *args, **more)

    async def fetchval(self, query: str, *args: Any, **more: Any) -> Any:
        """As asyncpg's."""
        return await self._alone(super().fetchval, query, *args, **more)

    async def execute(self, query: str, *args: Any, **more: Any) -> Any:
        """As asyncpg's."""
        return await self._alone(super().execute, query, *args, **more)

    async def _alone(self, run: Callable[..., Awaitable[T]], query: str, *args: Any, **more: Any) -> T:
        if self.is_in_transaction():
            return await run(query, *args, **more)
        for _ in range(TIMES - 1):
            try:
                return await run(query, *args, **more)
            except CLASHED:
                # Whoever won has ended by now, or is about to.
                await asyncio.sleep(0)
        return await run(query, *args, **more)


class Shared(Session):
    """A session of which each transaction may run on another connection of a pooler's: each brings its settings along.

    Between two messages outside a transaction the pooler may change its mind as well, so that nothing is asked there.
    """

    #: Set on the class that a process dials with.
    local = ""

    async def execute(self, query: str, *args: Any, **more: Any) -> Any:
        """As asyncpg's; what begins a transaction also sets it."""
        if not query.startswith("BEGIN"):
            return await super().execute(query, *args, **more)
        try:
            return await asyncpg.Connection.execute(self, query + self.local, **more)
        except BaseException:
            # It may have begun, and who asked for it will not end it.
            self.terminate()
            raise

    async def _alone(self, run: Callable[..., Awaitable[T]], query: str, *args: Any, **more: Any) -> T:
        if self.is_in_transaction():
            return await run(query, *args, **more)

        async def within(query: str, *args: Any, **more: Any) -> T:
            async with self.transaction():
                return await run(query, *args, **more)

        return await super()._alone(within, query, *args, **more)


class SessionDialler:
    """Opens sessions at one address; `pooling` is what stands between: `none`, or a pooler in `session` or `transaction` mode."""

    def __init__(self, address: Address, *, wait: float, pooling: str) -> None:
        self._address = address
        self._wait = wait
        self._pooling = pooling
        self._settings = settings(wait, address.search_path)
        begun = self._statements("LOCAL ") + f"SELECT {ADJUSTED.format(local='true')};"
        self._kind = type("Pooled", (Shared,), {"local": begun}) if pooling == "transaction" else Session
        #: A server without TLS, where it is only preferred, is not asked for it again.
        self._bare: set[tuple[str, int]] = set()

    def driver(self) -> Mapping[str, Any]:
        """What SQLAlchemy is to be told about statements that it prepares."""
        if self._pooling != "transaction":
            return {}
        # Prepared and run within one transaction, and never again: its name is free for the next.
        return {"prepared_statement_cache_size": 0, "prepared_statement_name_func": str}

    async def dial(self) -> Session:
        """A new session with the first of the hosts that takes one; raises what the last one said."""
        hosts = self._address.hosts
        for place in hosts[:-1]:
            try:
                return await self._dial(place, self._wait / len(hosts))
            except (OSError, asyncpg.PostgresError, asyncpg.InternalClientError):
                # Away, starting, or not what is asked for: a standby.
                continue
        return await self._dial(hosts[-1], self._wait / len(hosts))

    async def _dial(self, place: tuple[str, int], timeout: float) -> Session:
        ways = self._ways(place)
        try:
            return await self._open(place, ways[0], timeout)
        except (ConnectionError, asyncpg.InvalidAuthorizationSpecificationError) as error:
            refused = isinstance(error, asyncpg.InvalidAuthorizationSpecificationError) or "SSL" in str(error)
            if len(ways) == 1 or not refused:
                raise
            session = await self._open(place, ways[1], timeout)
            (self._bare.add if ways[1] is None else self._bare.discard)(place)
            return session

    def _ways(self, place: tuple[str, int]) -> Sequence[ssl.SSLContext | None]:
        """With TLS or without it, in the order in which they are tried."""
        tls, mode = self._address.tls, self._address.mode
        if tls is None or place[0].startswith("/"):
            return (None,)
        if mode not in ("allow", "prefer"):
            return (tls,)
        return (None, tls) if mode == "allow" or place in self._bare else (tls, None)

    async def _open(self, place: tuple[str, int], tls: ssl.SSLContext | None, timeout: float) -> Session:
        session = await self._connect(place, tls, timeout)
        try:
            await self._set(session)
        except BaseException:
            session.terminate()
            raise
        return session

    async def _connect(self, place: tuple[str, int], tls: ssl.SSLContext | None, timeout: float) -> Session:
        address = self._address
        given = KEPT | ({} if self._pooling != "none" else self._settings)
        try:
            session: Session = await asyncpg.connect(
                # All that libpq's environment could say is said here.
                host=[place[0]],
                port=[place[1]],
                user=address.user,
                password=address.password,
                database=address.database,
                ssl=tls or False,
                direct_tls=address.direct,
                target_session_attrs=address.target,
                krbsrvname="postgres",
                gsslib="gssapi",
                timeout=timeout,
                command_timeout=self._wait * 4,
                connection_class=self._kind,
                statement_cache_size=0 if self._pooling == "transaction" else 100,
                server_settings=given | {"application_name": address.application_name},
            )
        except asyncpg.ProtocolViolationError as error:
            if "startup parameter" in str(error):
                raise asyncpg.InterfaceError(f"{POOLED} ({error})") from error
            raise
        return session

    def _statements(self, scope: str) -> str:
        # The isolation of a transaction that runs already has a name of its own; no statement has been before it.
        scoped = dict(self._settings)
        if scope:
            scoped["transaction_isolation"] = scoped.pop("default_transaction_isolation")
            # No session rests within a transaction.
            del scoped["idle_session_timeout"]
        # A search path is a list of names, everything else a word.
        return "".join(
            f"SET {scope}{name} = {value if name == 'search_path' else repr(value)};" for name, value in scoped.items()
        )

    async def _set(self, session: Session) -> None:
        if self._pooling == "transaction":
            return
        if self._pooling == "session":
            await session.execute(self._statements(""))
        kept = await session.fetchval(f"SELECT current_setting('{WITNESS}'), {ADJUSTED.format(local='false')}")
        if kept != self._settings[WITNESS]:
            raise asyncpg.InterfaceError(POOLED)
