"""PostgreSQL's NOTIFY and LISTEN: short texts to whoever listens now; nobody keeps them.

What they say is left to those who send and hear them.
"""

import asyncio
from collections.abc import Callable
from typing import Any, cast

from subscriptions.ground.database import Database

#: Bytes of one text.
LONGEST = 7_900
#: Seconds between two looks whether the connection stands.
LOOK = 10.0

NOTIFY = "SELECT pg_notify($1, $2)"
# What listens says so by the name of its connection: whether anybody does is known without sending anything.
NAMED = "SELECT set_config('application_name', $1, false)"
LISTENED_TO = (
    "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND application_name = $1)"
)


async def notify(database: Database, channel: str, text: str) -> None:
    """Sends a text to whoever listens; raises Unavailable."""
    async with database.raw() as connection:
        await connection.execute(NOTIFY, channel, text)


async def listened_to(database: Database, channel: str) -> bool:
    """Whether anybody listens; raises Unavailable."""
    async with database.raw() as connection:
        return bool(await connection.fetchval(LISTENED_TO, channel))


async def listen(database: Database, channel: str, heard: Callable[[str], None]) -> None:
    """Calls `heard` with what is sent, until it is cancelled; raises Unavailable once the connection is lost, which it keeps.

    `channel` is a name without quotes, of 60 characters at most. A pooler that lends connections by the transaction lends none
    that could listen (`HOOKLAKE_DATABASE_POOLING`).
    """

    def hear(_connection: object, _pid: int, _channel: str, text: object) -> None:
        heard(str(text))

    async with database.raw() as connection:
        driver = cast(Any, connection)
        await driver.fetchval(NAMED, channel)
        await driver.add_listener(channel, hear)
        try:
            while True:
                await asyncio.sleep(LOOK)
                await connection.fetchval("SELECT 1")
        finally:
            # It goes back to its pool, where it is to hear nothing.
            if not driver.is_closed():
                await driver.remove_listener(channel, hear)
                await driver.fetchval(NAMED, "")
