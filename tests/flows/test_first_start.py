"""Everything is started at once on a database that is empty, as a cluster does it: nobody waits for anybody."""

import asyncio
import itertools
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import asyncpg
import httpx
import pytest

from deploy.stores import free_port
from subscriptions.access import clients
from subscriptions.access.clients import Draft, Role
from subscriptions.ground import schema
from subscriptions.ground.database import Database
from subscriptions.ground.settings import GroundSettings
from tests.conftest import VAULT_KEYS
from tests.flows.workspaces import EVENTS, occurrence, until

ROOT = Path(__file__).parents[2]
#: Writes down who made a table, in the transaction that made it.
WITNESS = """
CREATE TABLE witness (pid integer, made text);
CREATE FUNCTION witnessed() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO witness SELECT pg_backend_pid(), object_identity FROM pg_event_trigger_ddl_commands();
END $$;
CREATE EVENT TRIGGER witness ON ddl_command_end WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION witnessed();
"""
MIGRATED = (
    "SELECT count(DISTINCT pid) FROM witness WHERE made IN ('public.webhooks', 'public.deliveries', 'public.clients')"
)


@pytest.fixture
async def empty(database_url: str) -> AsyncIterator[str]:
    """The URL of an empty database, but for its witness."""
    server = database_url.rpartition("/")[0]
    administrator = await asyncpg.connect(f"{server}/postgres")
    await administrator.execute("CREATE DATABASE first_start")
    connection = await asyncpg.connect(f"{server}/first_start")
    await connection.execute(WITNESS)
    await connection.close()
    yield f"{server}/first_start"
    await administrator.execute("DROP DATABASE first_start WITH (FORCE)")
    await administrator.close()


@asynccontextmanager
async def started(environ: dict[str, str], *words: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """One of the command line's processes, asked to end after the block if it still runs."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "service.cli", *words), cwd=ROOT, env=environ, stderr=subprocess.PIPE
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()


async def test_all_at_once(empty: str, broker_url: str) -> None:
    """Two API instances and two migrations started at once: one migrates, none fails."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HOOKLAKE_")}
    given = {"HOOKLAKE_DATABASE_URL": empty, "HOOKLAKE_BROKER_URL": broker_url, "HOOKLAKE_VAULT_KEYS": VAULT_KEYS}
    ports = [str(free_port()), str(free_port())]
    same = kept | given | {"HOOKLAKE_TOKEN_ISSUER": "https://hooks.example", "HOOKLAKE_LOG_LEVEL": "error"}
    async with AsyncExitStack() as running, httpx.AsyncClient(timeout=20) as http:
        migrations = [await running.enter_async_context(started(same, "migrate")) for _ in range(2)]
        apis = [await running.enter_async_context(started(same | {"HOOKLAKE_PORT": port}, "api")) for port in ports]
        said = [(await process.communicate())[1] for process in migrations]
        bases = [f"http://127.0.0.1:{port}" for port in ports]
        for base in bases:
            await until(_ready(http, base), f"{base} is ready")
        published = await _published(http, bases, empty)
        ended = [process.returncode for process in (*migrations, *apis)]
        for process in apis:
            process.terminate()
        complained = [(await process.communicate())[1] for process in apis]

    connection = await asyncpg.connect(empty)
    assert (ended, said, complained) == ([0, 0, None, None], [b""] * 2, [b""] * 2)
    assert await connection.fetch("SELECT version_num FROM alembic_version") == [(schema.REVISION,)]
    assert await connection.fetchval(MIGRATED) == 1
    assert published == [202] * 4
    await connection.close()


def _ready(http: httpx.AsyncClient, base: str) -> Callable[[], Awaitable[bool | None]]:
    async def ready() -> bool | None:
        try:
            return (await http.get(f"{base}/health/ready")).status_code == 200 or None
        except httpx.TransportError:
            return None

    return ready


async def _published(http: httpx.AsyncClient, bases: list[str], url: str) -> list[int]:
    """Each instance gives a token at the same moment, the first of all; what each answers to both."""
    draft = Draft(workspace_id=uuid4().hex, name="a program", roles=frozenset({Role.PUBLISHER}))
    database = Database(GroundSettings(database_url=url, vault_keys=VAULT_KEYS))
    async with database.transaction() as connection:
        client, secret = await clients.create(connection, draft, now=datetime.now(UTC))
    await database.close()
    form = {"grant_type": "client_credentials", "client_id": str(client.id), "client_secret": secret}
    path = f"/authorization/v2/oauth2/{client.workspace_id}/token"
    tokens = [
        each.json()["access_token"] for each in await asyncio.gather(*(http.post(b + path, data=form) for b in bases))
    ]
    answers = []
    for base, token in itertools.product(bases, tokens):
        bearer = {"Authorization": f"Bearer {token}"}
        answers.append(await http.post(f"{base}{EVENTS}/occurrences", json=occurrence(), headers=bearer))
    return [answer.status_code for answer in answers]
