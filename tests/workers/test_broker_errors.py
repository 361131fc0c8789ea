"""A Redis that takes connections and answers with errors, other projects' Celery, certificates: what is made of them."""

import asyncio
import os
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import trustme
from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy import make_url

from delivery import assembly
from deploy import redis_store, stores
from subscriptions.ground.database import Database
from subscriptions.ground.errors import Misconfigured
from subscriptions.ground.settings import GroundSettings
from tests.conftest import VAULT_KEYS
from workers import app as broker
from workers import schedule
from workers.broker_connection import BrokerConnection
from workers.settings import WorkerSettings

#: What is done to the server, how it is undone, and the error that it counts meanwhile.
FAULTS = [
    ("OOM", "CONFIG SET maxmemory 1", "CONFIG SET maxmemory 0"),
    ("READONLY", "REPLICAOF 127.0.0.1 1", "REPLICAOF NO ONE"),
    ("NOREPLICAS", "CONFIG SET min-replicas-to-write 1", "CONFIG SET min-replicas-to-write 0"),
    ("NOPERM", "ACL SETUSER default -brpop", "ACL SETUSER default +brpop"),
    ("WRONGPASS", "ACL SETUSER default resetpass >another", "ACL SETUSER default resetpass >word"),
]


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Redis]:
    """A server of its own, whose user `operator` is let in at all times."""
    port = stores.free_port()
    program = redis_store.find(wheel=redis_store.wheel(), path=os.environ.get("PATH")).path
    server = subprocess.Popen(
        [program, "--port", str(port), "--requirepass", "word", "--dir", str(tmp_path), "--save", ""],
        stdout=subprocess.DEVNULL,
    )
    _until(lambda: _answers(Redis(port=port, password="word")))
    root: Any = Redis(port=port, password="word")
    root.execute_command("ACL SETUSER operator on >operator ~* +@all")
    root.close()
    with Redis(port=port, username="operator", password="operator") as client:
        yield client
    server.kill()
    server.wait()


def _answers(client: Redis) -> bool:
    try:
        return bool(client.ping())
    except RedisError:
        return False
    finally:
        client.close()


def _until(fact: Callable[[], bool]) -> None:
    until = time.monotonic() + 40
    while not fact():
        assert time.monotonic() < until
        time.sleep(0.05)


def _emptied(redis: Redis, queue: str) -> bool:
    return redis.llen(queue) == 0


def _port(redis: Redis) -> int:
    return int(redis.connection_pool.connection_kwargs["port"])


def test_a_broker_that_answers_with_errors(redis: Redis, database_url: str, tmp_path: Path) -> None:
    """Whatever Redis says to a worker, from its start on, it goes on asking, tells it in words, and takes messages again."""
    url = f"redis://:word@127.0.0.1:{_port(redis)}/0"
    given = {"HOOKLAKE_DATABASE_URL": database_url, "HOOKLAKE_BROKER_URL": url, "HOOKLAKE_VAULT_KEYS": VAULT_KEYS}
    # Another project's.
    foreign = {"CELERY_BROKER_URL": "redis://127.0.0.1:1/0", "BROKER_URL": "redis://127.0.0.1:1/0"}
    log = tmp_path / "worker.log"
    ask: Callable[..., Any] = redis.execute_command

    def count(name: str) -> int:
        told: dict[str, Any] = redis.info("errorstats")
        return int(told.get(f"errorstat_{name}", {}).get("count", 0))

    def refused(name: str, more_than: int) -> bool:
        return worker.poll() is not None or count(name) > more_than

    ask(FAULTS[0][1])
    with log.open("wb") as output:
        worker = subprocess.Popen(
            [sys.executable, "-m", "service.cli", "worker"],
            env=os.environ | given | foreign,
            stdout=output,
            stderr=output,
        )
    for name, fault, cure in FAULTS:
        before = count(name)
        ask(fault)
        if name == "WRONGPASS":
            ask("CLIENT KILL USER default")
        # Asked, refused, and asked again.
        _until(partial(refused, name, before + 1))
        assert worker.poll() is None, log.read_text()
        ask(cure)
        app = broker.make(WorkerSettings(broker_url=url))
        app.serve(asyncio.run(assembly.database_identity(GroundSettings(database_url=database_url))))
        with BrokerConnection(app) as line:
            line.post(schedule.DELIVER, [])
        _until(partial(_emptied, redis, app.named(schedule.TICKETS)))
    _until(lambda: "broker.back" in log.read_text())
    worker.send_signal(signal.SIGTERM)
    worker.wait()
    told = log.read_text()

    assert "broker.away cause=the broker answers" in told, told
    assert "Traceback" not in told, told


def test_other_projects_celery(broker_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The broker is the one of our settings, whatever the environment tells Celery."""
    for name in ("CELERY_BROKER_URL", "CELERY_BROKER_READ_URL", "CELERY_BROKER_WRITE_URL"):
        monkeypatch.setenv(name, "redis://127.0.0.1:1/0")
    app = broker.make(WorkerSettings(broker_url=broker_url))
    environ = {"CELERY_RESULT_BACKEND": "x", "BROKER_URL": "y", "LOADER": "z", "PATH": "/bin"}
    broker.alone(environ)

    with BrokerConnection(app) as line:
        line.post(schedule.DELIVER, [])
    with Redis.from_url(broker_url) as client:
        waiting = client.llen(schedule.TICKETS)

    assert (waiting, app.connection_for_read().port == app.connection_for_write().port) == (1, True)
    assert environ == {"PATH": "/bin"}


@contextmanager
def enciphered(port: int, context: ssl.SSLContext) -> Iterator[int]:
    """A port on which the server behind `port` speaks TLS."""
    loop = asyncio.new_event_loop()

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
        writer.close()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", port)
        try:
            await asyncio.gather(carry(reader, back), carry(there, writer), return_exceptions=True)
        finally:
            for end in (writer, back):
                end.transport.abort()

    server = loop.run_until_complete(asyncio.start_server(handle, "127.0.0.1", 0, ssl=context))
    thread = Thread(target=loop.run_forever)
    thread.start()
    yield server.sockets[0].getsockname()[1]

    async def end() -> None:
        server.close()
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        # What was aborted hears of it in the next turn.
        await asyncio.sleep(0)

    asyncio.run_coroutine_threadsafe(end(), loop).result()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def test_rediss_believes_known_authorities(redis: Redis, tmp_path: Path) -> None:
    """`rediss://` speaks with whom a known authority has signed, by the name that is dialled, unless it is told not to look."""
    authority, bundle = trustme.CA(), tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(bundle))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)

    def spoken(host: str, query: str) -> bool:
        url = f"rediss://:word@{host}:{port}/0{query}"
        line = BrokerConnection(broker.make(WorkerSettings(broker_url=url, broker_wait=1.0)))
        try:
            with line:
                return line.depth(schedule.CLOCK) == 0
        except Exception as error:
            if "certificate" not in repr(error).lower():
                raise
            return False
        finally:
            line.close()

    with enciphered(_port(redis), context) as port:
        found = {
            "unknown authority": spoken("localhost", ""),
            "known": spoken("localhost", f"?ssl_ca_certs={bundle}"),
            "another name": spoken("127.0.0.1", f"?ssl_ca_certs={bundle}"),
            "told not to look": spoken("127.0.0.1", "?ssl_cert_reqs=none"),
        }

    assert found == {"unknown authority": False, "known": True, "another name": False, "told not to look": True}


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("sentinel://one:26379", "begins with none of redis://"),
        ("rediss://h?ssl_cert_reqs=perhaps", "it takes required or"),
    ],
)
def test_urls_that_are_refused(url: str, told: str) -> None:
    """What is not taken is told in one sentence, before anything starts."""
    with pytest.raises(Misconfigured, match=told):
        broker.make(WorkerSettings(broker_url=url))


def test_rabbitmq_by_name() -> None:
    """`amqps://` verifies the name that is dialled as well, and takes the same words."""
    app = broker.make(WorkerSettings(broker_url="amqps://one/?ssl_ca_certs=/authority.pem"))
    bare = broker.make(WorkerSettings(broker_url="amqps://one/?ssl_cert_reqs=none"))

    assert app.conf.broker_use_ssl == {
        "cert_reqs": ssl.CERT_REQUIRED,
        "ca_certs": "/authority.pem",
        "server_hostname": None,
    }
    assert (bare.conf.broker_use_ssl, bare.broker_url) == ({"cert_reqs": ssl.CERT_NONE}, "amqps://one/")


async def test_two_stacks_on_one_broker(database: Database, database_url: str, broker_url: str) -> None:
    """Queues are named by the database that they serve: what one stack sends, the workers of another do not see."""
    names = [broker.make(WorkerSettings(broker_url=broker_url)) for _ in range(2)]
    async with database.raw() as connection:
        await connection.execute("CREATE DATABASE beside")
    beside = make_url(database_url).set(database="beside").render_as_string(hide_password=False)
    try:
        ids = [
            await assembly.database_identity(GroundSettings(database_url=url))
            for url in (database_url, beside, database_url)
        ]
    finally:
        async with database.raw() as connection:
            await connection.execute("DROP DATABASE beside WITH (FORCE)")
    for app, identity in zip(names, ids, strict=False):
        app.serve(identity)

    with BrokerConnection(names[0]) as line:
        await asyncio.to_thread(line.post, schedule.DELIVER, [])
        depths = [line.depth(schedule.TICKETS)]
    with BrokerConnection(names[1]) as line:
        depths.append(line.depth(schedule.TICKETS))

    assert ids[0] == ids[2] != ids[1]
    assert depths == [1, 0]
    assert set(names[0].amqp.queues).isdisjoint(names[1].amqp.queues)


def test_a_certificate_that_is_not_believed(redis: Redis, database_url: str, tmp_path: Path) -> None:
    """A worker says in one sentence which authority is missing, and where to name it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("localhost").configure_cert(context)
    log = tmp_path / "worker.log"
    with enciphered(_port(redis), context) as port, log.open("wb") as output:
        url = f"rediss://:word@localhost:{port}/0"
        given = {"HOOKLAKE_DATABASE_URL": database_url, "HOOKLAKE_BROKER_URL": url, "HOOKLAKE_VAULT_KEYS": VAULT_KEYS}
        worker = subprocess.Popen(
            [sys.executable, "-m", "service.cli", "worker"], env=os.environ | given, stdout=output, stderr=output
        )
        try:
            _until(lambda: worker.poll() is not None or "broker.away" in log.read_text())
        finally:
            worker.kill()
            worker.wait()

    assert "ssl_ca_certs" in log.read_text(), log.read_text()
