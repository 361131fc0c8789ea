"""An API process as it is started: what its server adds to the application, over a raw socket."""

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from subscriptions.ground.database import Database
from tests.conftest import VAULT_KEYS

ROOT = Path(__file__).parents[2]


@pytest.fixture
async def port(database: Database, database_url: str, broker_url: str) -> AsyncIterator[int]:
    """Where a process listens that waits half a second for a request and has eight places; its database is empty (`database`)."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        chosen: int = free.getsockname()[1]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HOOKLAKE_")}
    settings = {
        "HOOKLAKE_DATABASE_URL": database_url,
        "HOOKLAKE_BROKER_URL": broker_url,
        "HOOKLAKE_VAULT_KEYS": VAULT_KEYS,
        "HOOKLAKE_PORT": str(chosen),
        "HOOKLAKE_REQUEST_TIMEOUT": "500ms",
        "HOOKLAKE_CONNECTIONS": "8",
        "HOOKLAKE_LOG_LEVEL": "error",
    }
    arguments = (sys.executable, "-m", "service.cli", "api")
    process = await asyncio.create_subprocess_exec(*arguments, cwd=ROOT, env=kept | settings)
    yield chosen
    process.terminate()
    await process.wait()


async def connected(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection, as soon as there is somebody."""
    async with asyncio.timeout(30):
        while True:
            try:
                return await asyncio.open_connection("127.0.0.1", port)
            except ConnectionRefusedError:
                await asyncio.sleep(0.05)


async def test_a_process(port: int) -> None:
    """No header tells what serves, and a slow request is cut off."""
    reader, writer = await connected(port)
    writer.write(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
    live = await reader.readuntil(b"\r\n\r\n")
    slow, slow_writer = await connected(port)
    slow_writer.write(b"GET /health/live HTTP/1.1\r\nHost: x\r\n")

    async with asyncio.timeout(30):
        told = await slow.read()

    assert live.startswith(b"HTTP/1.1 200 ")
    assert b"\r\nserver:" not in live.lower()
    assert told.startswith(b"HTTP/1.1 408 ")
    writer.close()
    slow_writer.close()


async def test_a_rest(port: int) -> None:
    """A connection that a client keeps for a few seconds, as most do for five, is still there when it is used again."""
    reader, writer = await connected(port)
    writer.write(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
    await reader.readuntil(b"}")

    await asyncio.sleep(6)
    writer.write(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")

    assert (await reader.readuntil(b"}")).startswith(b"HTTP/1.1 200 ")
    writer.close()


async def test_a_full_house(port: int) -> None:
    """More clients than there are places are served one after the other, while those before them rest."""
    clients = []
    for _ in range(20):
        reader, writer = await connected(port)
        writer.write(b"POST /nothing HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
        async with asyncio.timeout(30):
            assert (await reader.readuntil(b"}")).startswith(b"HTTP/1.1 404 ")
        clients.append((reader, writer))

    async with asyncio.timeout(30):
        assert [await reader.read() for reader, _ in clients[:12]] == [b""] * 12
    clients[-1][1].write(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
    assert (await clients[-1][0].readuntil(b"}")).startswith(b"HTTP/1.1 200 ")
    for _, writer in clients:
        writer.close()
