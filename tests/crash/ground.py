"""What a storm breaks loose on: a whole stack, a subscriber in a process of its own, and a tenant with webhooks of every mood.

What happens on it is left to `storm.py` and to tests; the parts are started as `make run` starts them.
"""

import asyncio
import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from deploy.local import Stack
from subscriptions.access import clients
from subscriptions.access.clients import Draft, Role
from subscriptions.ground.database import Database
from subscriptions.ground.settings import GroundSettings, read
from tests import canaries
from tests.crash import tenant
from tests.crash.blows import Striker
from tests.crash.tally import Arrival
from tests.crash.tally import read as read_arrivals
from tests.crash.tenant import Tenant

#: Deadline of an attempt, the margin that makes a lease of it, and between two slow sweeps, in seconds.
DEADLINE, MARGIN, MEND = 2.0, 1.0, 2.0
LEASE = DEADLINE + MARGIN
#: Hours and minutes become seconds; limits are raised.
SETTINGS: Mapping[str, str] = {
    "HOOKLAKE_PUBLISH_PER_MINUTE": "0",
    "HOOKLAKE_DELIVERY_TIMEOUT": str(DEADLINE),
    "HOOKLAKE_LEASE_MARGIN": str(MARGIN),
    "HOOKLAKE_MEND_INTERVAL": str(MEND),
    "HOOKLAKE_SWEEP_INTERVAL": "200ms",
    "HOOKLAKE_FIRST_DUE": "1s",
    "HOOKLAKE_CONNECT_TIMEOUT": "1s",
    "HOOKLAKE_IN_FLIGHT_PER_WEBHOOK": "16",
    "HOOKLAKE_BATCH_WAIT": "2s",
    "HOOKLAKE_DATABASE_WAIT": "2s",
    "HOOKLAKE_BROKER_WAIT": "1s",
    "HOOKLAKE_RETRY_DELAYS": ",".join(["300ms", "500ms", *["1s"] * 28]),
    "HOOKLAKE_RATE_LIMITED_FLOOR": "500ms",
    "HOOKLAKE_CHALLENGE_DELAYS": "200ms,300ms,500ms,1s,1s,1s,1s,1s",
    "HOOKLAKE_CHALLENGE_TIMEOUT": "1s",
    "HOOKLAKE_PROBE_INTERVAL": "1s",
    "HOOKLAKE_PROBE_INTERVAL_MAX": "2s",
    "HOOKLAKE_HEARTBEAT_INTERVAL": "20s",
    "HOOKLAKE_MAX_WEBHOOKS_PER_WORKSPACE": "100",
    "HOOKLAKE_REGISTRATIONS_PER_MINUTE": "0",
    # An event that everybody wants is spread.
    "HOOKLAKE_SPREAD_THRESHOLD": "7",
    "HOOKLAKE_SPREAD_CHUNK": "3",
}


@dataclass(frozen=True, kw_only=True)
class Ground:
    """All of it, running."""

    stack: Stack
    tenant: Tenant
    striker: Striker
    #: Where the subscriber listens, without a path.
    destinations: str
    lines: Path

    def arrivals(self) -> list[Arrival]:
        """What the subscriber has met so far."""
        return read_arrivals(self.lines)


@asynccontextmanager
async def raised(say: Callable[[str], None], settings: Mapping[str, str] | None = None) -> AsyncIterator[Ground]:
    """A ground whose stack has `settings` on top of the shortened ones; after an error its data and logs are kept, and named."""
    # Not under pytest's directories: it shuts them to other users, and as root PostgreSQL is another user.
    directory = Path(tempfile.mkdtemp(prefix="hl-"))
    lines = directory / "arrivals.jsonl"
    lines.touch()
    try:
        async with _subscriber(lines) as (destinations, pid):
            inherited = {name: value for name, value in os.environ.items() if not name.startswith("HOOKLAKE_")}
            environ = {**inherited, **SETTINGS, **(settings or {})}
            stack = Stack(data_dir=directory, port=0, environ=environ, say=say)
            try:
                await stack.start()
                async with tenant.entered(await _client(stack)) as inhabitant:
                    await inhabitant.settle_in(destinations)
                    striker = Striker(stack, pid, say)
                    yield Ground(
                        stack=stack, tenant=inhabitant, striker=striker, destinations=destinations, lines=lines
                    )
            finally:
                await stack.stop()
    except BaseException:
        # What went wrong comes first; that it was told to a log as well is no less true.
        for leak in canaries.in_files(directory):
            say(f"A secret was written: {leak}")
        say(f"What the parts wrote is kept in {directory}.")
        raise
    told = canaries.in_files(directory)
    shutil.rmtree(directory)
    canaries.nothing(told)


@asynccontextmanager
async def _subscriber(lines: Path) -> AsyncIterator[tuple[str, int]]:
    """Where it listens, and its process."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.crash.subscriber", str(lines)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield (await process.stdout.readline()).decode().strip(), process.pid
    finally:
        process.stdin.close()
        await process.wait()


async def _client(stack: Stack) -> Mapping[str, Any]:
    """Credentials of one program with every role of a tenant."""
    database = Database(read(GroundSettings, stack.environ))
    roles = frozenset({Role.PUBLISHER, Role.SUBSCRIBER, Role.VIEWER})
    draft = Draft(workspace_id=uuid4().hex, name="a tenant's program", roles=roles)
    try:
        async with database.transaction() as connection:
            client, secret = await clients.create(connection, draft, now=datetime.now(UTC))
    finally:
        await database.close()
    given = {"clientId": str(client.id), "clientSecret": secret}
    return {"baseUrl": stack.base_url, "workspaceId": client.workspace_id, **given}
