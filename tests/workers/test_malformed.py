"""What comes over the broker and is no message of ours, to a real worker: it is dropped and counted, and work goes on."""

import asyncio
import base64
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

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


def message(arguments: object, *, task: str = schedule.DELIVER, **headers: Any) -> dict[str, Any]:
    """A message as kombu keeps it in Redis."""
    key = str(uuid4())
    body = base64.b64encode(json.dumps([arguments, {}, {}]).encode()).decode()
    return {
        "body": body,
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": {"task": task, "id": key, "lang": "py", **headers},
        "properties": {
            "correlation_id": key,
            "delivery_mode": 1,
            "delivery_info": {"exchange": "", "routing_key": schedule.TICKETS},
            "priority": 0,
            "body_encoding": "base64",
            "delivery_tag": key,
        },
    }


def malformed() -> list[bytes]:
    ticket = [uuid4().hex, uuid4().hex, 0, 0]
    good = message([[ticket]])
    unlike = (
        {**good, "headers": None},
        {**good, "headers": {}},
        {**good, "headers": {"task": schedule.DELIVER}},
        {**good, "headers": {"task": ["a", "list"], "id": "1"}},
        {**good, "properties": {}},
        {**good, "body": "%%%"},
        {**good, "body": base64.b64encode(b"no JSON").decode()},
        {**good, "content-type": "application/x-python-serialize"},
        message([[ticket]], task="tasks.of.others"),
        message([[ticket]], timelimit="soon", expires="yesterday", eta=17),
        message([]),
        message(17),
        message([17]),
        message([[17]]),
        message([[["no", "ids", 0, 0]]]),
        message([[[*ticket[:2], 1 << 15, 0]]]),
        message([[[*ticket[:2], 0, "1"]]]),
        message([[["spread", uuid4().hex, 1 << 40]]], task=schedule.CARRY),
        message([["unheard"]], task=schedule.SWEEP),
    )
    return [b"", b"\xff\xfe", b"17", b"null", b"[]", b"{}", b"\0", *(json.dumps(each).encode() for each in unlike)]


async def test_malformed_messages_are_dropped(
    database: Database, database_url: str, broker_url: str, clock: Clock, tmp_path: Path
) -> None:
    """Whatever is in its queues a worker drops it, tells so in one line, delivers what comes after it, and ends with status 0."""
    environ = {
        "HOOKLAKE_DATABASE_URL": database_url,
        "HOOKLAKE_BROKER_URL": broker_url,
        "HOOKLAKE_VAULT_KEYS": VAULT_KEYS,
        "HOOKLAKE_ALLOW_DESTINATIONS": "127.0.0.0/8",
        "HOOKLAKE_ALLOW_HTTP": "true",
    }
    settings = WorkerSettings(broker_url=broker_url)
    app = broker.make(settings)
    app.serve(await schema.identity(database))
    tickets = app.named(schedule.TICKETS)
    announcer = Announcer(app, settings)
    craft = Craft(database, clock, announce=announcer.announce)
    log = tmp_path / "worker.log"
    async with Receiver({"/hook": (SECRET,)}, tls=False) as receiver, Redis.from_url(broker_url) as client:
        webhook = await craft.hook(destination=receiver.url())
        await client.lpush(tickets, *malformed())
        with log.open("wb") as output:
            worker = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "service.cli", "worker"),
                env=os.environ | environ,
                stdout=output,
                stderr=output,
            )
        try:
            async with asyncio.timeout(60):
                while await client.llen(tickets) or "worker.started" not in log.read_text():  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
            announcer.start()
            await craft.publish(1)
            await receiver.wait_for(1, timeout=30)
        finally:
            await asyncio.to_thread(announcer.close)
            worker.send_signal(signal.SIGTERM)
            status = await worker.wait()

    told = log.read_text()
    assert (status, await craft.states(webhook)) == (0, {"delivered": 1}), told
    assert told.count("message.malformed") == 1, told
    assert "Traceback" not in told, told


async def test_its_end_has_a_status(database_url: str, broker_url: str, tmp_path: Path) -> None:
    """A worker that cannot go on says so by its exit status, not only in its log."""
    environ = {
        "HOOKLAKE_DATABASE_URL": database_url,
        "HOOKLAKE_BROKER_URL": broker_url,
        "HOOKLAKE_VAULT_KEYS": VAULT_KEYS,
        "HOOKLAKE_CA_BUNDLE": str(tmp_path / "nowhere.pem"),
    }
    worker = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "service.cli", "worker"), env=os.environ | environ, stderr=asyncio.subprocess.PIPE
    )

    _, said = await worker.communicate()

    assert worker.returncode not in (None, 0), said
