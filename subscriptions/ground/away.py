"""What of all that drivers raise says that PostgreSQL is away.

What follows from it is left to `database.py`.
"""

from collections.abc import Iterator

import asyncpg
from sqlalchemy import exc

AWAY = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    # What the driver raises on a connection that the server gave notice to and has not closed yet.
    asyncpg.InternalClientError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    # Too many connections, a full disk.
    asyncpg.InsufficientResourcesError,
    # A standby, or a primary that has just become one.
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.QueryCanceledError,
    exc.InterfaceError,
    exc.OperationalError,
    exc.TimeoutError,
)


#: What the driver raises for a connection that is closed, and what it says then.
LOST = (asyncpg.InterfaceError, exc.InterfaceError)
CLOSED = "connection is closed"


def reason(error: Exception) -> str | None:
    """Why PostgreSQL does not serve, in words; None where the error says something else."""
    found = under(error, AWAY)
    return None if found is None else _worded(found)


def under(error: Exception, kinds: tuple[type[BaseException], ...]) -> BaseException | None:
    """The error, or what the driver said beneath it, if it is of these kinds."""
    if isinstance(error, kinds):
        return error
    beneath = getattr(getattr(error, "orig", None), "__cause__", None)
    return beneath if isinstance(beneath, kinds) else None


def stood_still(error: Exception, lasted: float, idle: float) -> bool:
    """Whether PostgreSQL ended the transaction, which lasted so many seconds, because nothing was asked in it for `idle` of them.

    It says so to whoever asks next; where that is the driver itself, all that is left of it is that the connection is closed.
    """
    if any(isinstance(each, asyncpg.IdleInTransactionSessionTimeoutError) for each in _before(error)):
        return True
    found = under(error, AWAY)
    # The driver knows of a connection that it is closed, or has been given notice of it and is at odds with itself.
    closed = isinstance(found, asyncpg.InternalClientError) or (isinstance(found, LOST) and CLOSED in str(error))
    return lasted >= idle and closed


def _before(error: BaseException) -> Iterator[BaseException]:
    """The error, and those that led to it, each once: errors that are kept and raised again may lead to one another."""
    found: BaseException | None = error
    seen: set[int] = set()
    while found is not None and id(found) not in seen:
        yield found
        seen.add(id(found))
        found = found.__cause__ or found.__context__


def _worded(error: BaseException) -> str:
    if isinstance(error, LOST) and CLOSED in str(error):
        return "the connection was lost in a transaction"
    if isinstance(error, exc.TimeoutError):
        return "all connections are in use"
    return str(error) or ("no answer in time" if isinstance(error, TimeoutError) else type(error).__name__)
