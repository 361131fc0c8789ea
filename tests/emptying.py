"""Empties the tables between tests, in a session that stays open: a new one would plan a statement for each partition again.

Which database it is, and when, is left to `conftest.py`.
"""

import asyncio
import threading
from collections.abc import Coroutine, Sequence
from typing import Any, Self
from urllib.parse import urlsplit

import asyncpg

#: Cheap to derive: each connection of each test pays for it, on both sides. Known to PostgreSQL 16 and later.
CHEAP = """
DO $$ BEGIN
    IF current_setting('server_version_num')::int >= 160000 THEN
        PERFORM set_config('scram_iterations', '1', false);
        EXECUTE format('ALTER ROLE %I PASSWORD %L', current_user, '{password}');
    END IF;
END $$
"""
#: In the function plans are kept; it is of this session, and no other sees it.
FUNCTION = "CREATE FUNCTION pg_temp.emptied() RETURNS void LANGUAGE plpgsql AS $$ BEGIN {deletes} END $$"


async def cheapen(url: str) -> None:
    """Lets the role of the URL sign in with less work, by the same password."""
    password = urlsplit(url).password
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(CHEAP.format(password=password))
    finally:
        await connection.close()


class Emptier:
    """A session on a loop of its own, for each test has another one."""

    def __init__(self, url: str, names: Sequence[str]) -> None:
        """`names`: the tables, in an order in which they may be emptied."""
        self._url = url
        # Not TRUNCATE, nor a database for each test: both wait for the disk, once per partition and index.
        self._function = FUNCTION.format(deletes=" ".join(f"DELETE FROM {name};" for name in names))
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="emptier", daemon=True)
        self._connection: Any = None

    def __enter__(self) -> Self:
        self._thread.start()
        self._wait(self._open())
        return self

    def __exit__(self, *_: object) -> None:
        self._wait(self._connection.close(timeout=5))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def empty(self) -> None:
        """Returns when the tables are empty."""
        self._wait(self._empty())

    def _wait(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _open(self) -> None:
        self._connection = await asyncpg.connect(self._url)
        await self._connection.execute(self._function)

    async def _empty(self) -> None:
        if self._connection.is_closed():  # the test before ended all sessions of the server
            await self._open()
        await self._connection.execute("SELECT pg_temp.emptied()")
