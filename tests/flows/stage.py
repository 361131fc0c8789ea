"""A whole stack of real processes for flow tests: PostgreSQL, Redis, API, two workers and beat, with shortened times.

What tests do in a workspace is left to `workspaces.py`.
"""

import os
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from uuid import uuid4

import httpx
import psutil

from deploy.local import Stack, StackProcess, hooklake
from subscriptions.access import clients
from subscriptions.access.clients import Draft, Role
from subscriptions.access.passwords import Passwords
from subscriptions.access.people import PersonDraft
from subscriptions.access.people_store import PeopleStore
from subscriptions.access.sessions import Browser, SessionLimits
from subscriptions.ground.database import Database
from subscriptions.ground.settings import GroundSettings, read
from tests import canaries
from tests.flows.workspaces import Workspace
from tests.receiver import Receiver

#: Hours and minutes become seconds; limits are raised.
SETTINGS: Mapping[str, str] = {
    "HOOKLAKE_SWEEP_INTERVAL": "200ms",
    "HOOKLAKE_MEND_INTERVAL": "2s",
    "HOOKLAKE_FIRST_DUE": "1s",
    "HOOKLAKE_BATCH_WAIT": "4s",
    "HOOKLAKE_CHALLENGE_DELAYS": "200ms,300ms,500ms",
    "HOOKLAKE_CONNECT_TIMEOUT": "4s",
    "HOOKLAKE_LEASE_MARGIN": "1s",
    "HOOKLAKE_MAX_WEBHOOKS_PER_WORKSPACE": "100",
    "HOOKLAKE_MAX_SUBSCRIPTIONS_PER_WEBHOOK": "100",
    "HOOKLAKE_CATALOGUES": "greenlake,acm,onap",
    "HOOKLAKE_REGISTRATIONS_PER_MINUTE": "0",
    "HOOKLAKE_MEMORY_SLACK": "1048576",
    "HOOKLAKE_VAULT_KEYS": f"planted:{canaries.VAULT_KEY}",
}


class Stage:
    """A running stack, the receiver beside it, and workspaces on demand."""

    def __init__(self, stack: Stack, receiver: Receiver, database: Database) -> None:
        self.stack = stack
        self.receiver = receiver
        self._database = database
        self._open: list[httpx.AsyncClient] = []

    async def workspace(self) -> Workspace:
        """A new workspace, and a caller in it with every role of a tenant."""
        draft = Draft(
            workspace_id=uuid4().hex,
            name="a tenant's program",
            roles=frozenset({Role.PUBLISHER, Role.SUBSCRIBER, Role.VIEWER}),
        )
        async with self._database.transaction() as connection:
            client, secret = await clients.create(connection, draft, now=datetime.now(UTC))
        hooks = {"response": [canaries.in_answer]}
        http = httpx.AsyncClient(base_url=self.stack.base_url, timeout=20, event_hooks=hooks)
        self._open.append(http)
        answer = await http.post(
            f"/authorization/v2/oauth2/{client.workspace_id}/token",
            data={"grant_type": "client_credentials", "client_id": str(client.id), "client_secret": secret},
        )
        token = answer.raise_for_status().json()["access_token"]
        http.headers["Authorization"] = f"Bearer {token}"
        canaries.add(secret, token)
        return Workspace(client.workspace_id, http, self.receiver)

    async def session(self, workspace: str, *roles: Role) -> str:
        """The token of a dashboard's session of somebody new in the workspace: a subscriber, where no role is said."""
        draft = PersonDraft(
            name=f"Ada {uuid4().hex[:6]}", workspace_id=workspace, roles=frozenset(roles or {Role.SUBSCRIBER})
        )
        store = PeopleStore(self._database, Passwords(), SessionLimits.of_seconds(3600, 3600))
        now = datetime.now(UTC)
        person = await store.create(draft, None, now=now)
        link = await store.link(person.id, now=now)
        token = await store.sign_in_by_link(link, Browser(address="127.0.0.1", agent="A browser"), now=now)
        canaries.add(token)
        return token

    def logged(self, words: str) -> list[str]:
        """The lines of the workers' logs that hold these words."""
        files = (self.stack.data_dir / "logs").glob("worker-*.log")
        return [line for file in files for line in file.read_text().splitlines() if words in line]

    def workers(self) -> dict[int, psutil.Process]:
        """The worker processes by their ids."""
        running = (self.stack.parts[name].pid for name in ("worker-1", "worker-2"))
        return {pid: psutil.Process(pid) for pid in running if pid is not None}

    async def close(self) -> None:
        for http in self._open:
            await http.aclose()


@asynccontextmanager
async def running(
    receiver: Receiver,
    settings: Mapping[str, str],
    *,
    program: Callable[[Mapping[str, str]], StackProcess] = hooklake,
) -> AsyncIterator[Stage]:
    """A stage whose stack has `settings` on top of the shortened ones; its data go with it.

    Raises AssertionError at the end where its processes wrote a secret into a file or a row.
    """
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("HOOKLAKE_")}
    environ = {**inherited, **SETTINGS, **settings, "HOOKLAKE_CA_BUNDLE": receiver.ca}
    with canaries.directory() as directory:
        stack = Stack(data_dir=directory, port=0, environ=environ, say=_say, program=program)
        try:
            await stack.start()
            database = Database(read(GroundSettings, stack.environ))
            stage = Stage(stack, receiver, database)
            yield stage
            await stage.close()
            told = await canaries.in_rows(database)
            await database.close()
        finally:
            await stack.stop()
    canaries.nothing(told)


def _say(line: str) -> None:
    # Where pytest shows it: beside a test that fails.
    print(line, file=sys.stderr)
