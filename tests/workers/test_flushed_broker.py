"""An emptied broker, with a real worker and a real beat: the rows are the truth, the messages nudges."""

import asyncio
import os
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from redis.asyncio import Redis

from subscriptions.ground import schema
from subscriptions.ground.database import Database
from tests.clock import Clock
from tests.conftest import VAULT_KEYS
from tests.delivery.craft import Craft
from tests.delivery.destinations import SECRET
from tests.receiver import Receiver
from workers import app as broker
from workers import schedule
from workers.announcer import Announcer
from workers.settings import WorkerSettings

ROWS = 1000


@asynccontextmanager
async def process(*words: str, environ: dict[str, str], log: Path) -> AsyncIterator[None]:
    """One of the command line's processes while the block runs."""
    with log.open("wb") as output:
        running = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "service.cli", *words), env=os.environ | environ, stdout=output, stderr=output
        )
        try:
            yield
        finally:
            running.send_signal(signal.SIGTERM)
            await running.wait()


async def counted(client: Redis, messages: Counter[str], begun: asyncio.Event) -> None:
    """Counts what is sent to each queue."""
    async with client.monitor() as monitor:
        begun.set()
        async for entry in monitor.listen():
            command, _, rest = str(entry["command"]).partition(" ")
            if command.upper() == "LPUSH":
                messages[rest.partition(" ")[0]] += 1


async def test_all_is_delivered_after_flushall(
    database: Database, database_url: str, broker_url: str, clock: Clock, tmp_path: Path
) -> None:
    """FLUSHALL with 1,000 rows owed: all are delivered, each once, by a bounded number of drains
    and no ticket (protocol.md 3.5)."""
    settings = WorkerSettings(broker_url=broker_url)
    app = broker.make(settings)
    app.serve(await schema.identity(database))
    announcer = Announcer(app, settings)
    craft = Craft(database, clock, announce=announcer.announce, first_due=0.0)
    environ = {
        "HOOKLAKE_DATABASE_URL": database_url,
        "HOOKLAKE_BROKER_URL": broker_url,
        "HOOKLAKE_VAULT_KEYS": VAULT_KEYS,
        "HOOKLAKE_ALLOW_DESTINATIONS": "127.0.0.0/8",
        "HOOKLAKE_ALLOW_HTTP": "true",
        "HOOKLAKE_SWEEP_INTERVAL": "200ms",
    }
    messages: Counter[str] = Counter()
    async with (
        Receiver({"/hook": (SECRET,)}, tls=False) as receiver,
        Redis.from_url(broker_url, socket_timeout=None) as client,
    ):
        webhook = await craft.hook(destination=receiver.url())
        announcer.start()
        await craft.publish(ROWS)
        await asyncio.to_thread(announcer.close)
        announced = await client.llen(app.named(schedule.TICKETS))

        await client.flushall()
        begun = asyncio.Event()
        counting = asyncio.create_task(counted(client, messages, begun))
        await begun.wait()
        async with (
            process("worker", environ=environ, log=tmp_path / "worker.log"),
            process("beat", environ=environ, log=tmp_path / "beat.log"),
        ):
            await receiver.wait_for(ROWS, timeout=40)
        counting.cancel()
        with suppress(asyncio.CancelledError):
            await counting

    assert announced == ROWS / settings.tickets_per_message
    assert await craft.states(webhook) == {"delivered": ROWS}
    assert len({request.header("webhook-id") for request in receiver.requests}) == len(receiver.requests) == ROWS
    assert all(request.hpe and request.standard for request in receiver.requests)
    assert messages[app.named(schedule.TICKETS)] == 0
    assert 1 <= messages[app.named(schedule.DRAINS)] <= ROWS / 200 * messages[app.named(schedule.CLOCK)]
    # Each row was claimed once: no drain took what another had.
    assert await craft.value("SELECT sum(fence) FROM deliveries") == ROWS
