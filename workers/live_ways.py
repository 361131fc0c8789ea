"""The two ways on which processes tell each other what happens now: Redis where it is the broker, else PostgreSQL.

Both lose what nobody hears, and neither is waited for long. What is said is left to `live_summaries.py`.
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from functools import partial
from typing import Any, Protocol

from delivery.assembly import stores
from subscriptions.ground import notices
from subscriptions.ground.database import Database
from subscriptions.ground.errors import Unavailable
from subscriptions.ground.settings import GroundSettings
from workers.app import words
from workers.broker_connection import BrokerConnection

#: What the channel is called, behind which stands the database's id (`Application.named`).
CHANNEL = "hooklake_live"
#: Seconds for which a listener waits in Redis before it looks whether it is still wanted.
LOOK = 1.0


class Mouth(Protocol):
    """One way, as a worker uses it; each call raises Unavailable where it is closed."""

    async def watched(self) -> bool:
        """Whether anybody listens."""

    async def publish(self, text: str) -> None:
        """Sends a text of at most `notices.LONGEST` bytes to whoever listens."""

    def close(self) -> None:
        """Gives back what it holds."""


Heard = Callable[[str], None]
#: One way, as an API process uses it: calls what it is given with each text, until it is cancelled; raises Unavailable once the
#: way is closed.
Ear = Callable[[Heard], Coroutine[Any, Any, None]]


def mouth(app: Any, database: Database) -> Mouth:
    """The way of a deployment: by its broker."""
    return RedisMouth(app) if _on_redis(app) else PostgresMouth(app, database)


def ear(app: Any, ground: GroundSettings) -> Ear | None:
    """The other end of it; None where a pooler lends connections by the transaction, on which nobody can listen."""
    if _on_redis(app):
        return partial(_heard_by_redis, app)
    return None if ground.database_pooling == "transaction" else partial(_heard_by_postgres, app, ground)


def _on_redis(app: Any) -> bool:
    return bool(app.broker_url.startswith("redis"))


class RedisMouth:
    """Redis's PUBLISH, over a connection that kombu dials; a thread waits for each answer."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._broker_connection = BrokerConnection(app)

    async def watched(self) -> bool:
        """As PUBSUB NUMSUB counts."""
        return bool(await _asked(self._numsub))

    async def publish(self, text: str) -> None:
        """By PUBLISH."""
        await _asked(self._publish, text)

    def close(self) -> None:
        """Drops the connection."""
        self._broker_connection.close()

    def _numsub(self) -> bool:
        with self._broker_connection as connection, connection.redis() as client:
            return bool(client.pubsub_numsub(_channel(self._app))[0][1])

    def _publish(self, text: str) -> None:
        with self._broker_connection as connection, connection.redis() as client:
            client.publish(_channel(self._app), text)


async def _heard_by_redis(app: Any, heard: Heard) -> None:
    """By SUBSCRIBE, on a connection of its own, for which a thread waits."""
    loop, unwanted = asyncio.get_running_loop(), threading.Event()
    ended: asyncio.Future[None] = loop.create_future()

    def end(error: Exception) -> None:
        if not ended.done():
            ended.set_exception(Unavailable("broker", words(error)))

    def listen() -> None:
        try:
            for text in _listened(app, unwanted):
                loop.call_soon_threadsafe(heard, text)
        except Exception as error:
            if not unwanted.is_set():
                loop.call_soon_threadsafe(end, error)

    listening = threading.Thread(target=listen, name="live", daemon=True)
    listening.start()
    try:
        await ended
    finally:
        unwanted.set()
        await asyncio.to_thread(listening.join)


def _listened(app: Any, unwanted: threading.Event) -> Iterator[str]:
    held = BrokerConnection(app)
    try:
        with held as connection, connection.redis() as client, client.pubsub() as pubsub:
            pubsub.subscribe(_channel(app))
            while not unwanted.is_set():
                message = pubsub.get_message(timeout=LOOK)
                if message is not None and message["type"] == "message":
                    yield bytes(message["data"]).decode(errors="replace")
    finally:
        held.close()


class PostgresMouth:
    """PostgreSQL's NOTIFY."""

    def __init__(self, app: Any, database: Database) -> None:
        self._app = app
        self._database = database

    async def watched(self) -> bool:
        """As the listeners' connections are called."""
        return await notices.listened_to(self._database, await _channel_of_postgres(self._app))

    async def publish(self, text: str) -> None:
        """By NOTIFY."""
        await notices.notify(self._database, await _channel_of_postgres(self._app), text)

    def close(self) -> None:
        """It holds nothing."""


async def _heard_by_postgres(app: Any, ground: GroundSettings, heard: Heard) -> None:
    """By LISTEN, on a connection that is nobody else's: it is kept for as long as somebody listens."""
    kept = stores(ground, connections=1)
    try:
        await notices.listen(kept.database, await _channel_of_postgres(app), heard)
    finally:
        await kept.close()


def _channel(app: Any) -> str:
    return str(app.named(CHANNEL))


async def _channel_of_postgres(app: Any) -> str:
    # It may have to ask the database for its name, which nobody may wait for in the loop.
    return (await asyncio.to_thread(_channel, app)).replace(".", "_")


async def _asked(call: Callable[..., object], *args: object) -> object:
    try:
        return await asyncio.to_thread(call, *args)
    except Exception as error:
        raise Unavailable("broker", words(error)) from error
