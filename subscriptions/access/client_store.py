"""The door for clients: made, listed, given new secrets and revoked, each in one transaction.

How a client is kept is left to `clients.py`.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import UUID

from subscriptions.access import clients
from subscriptions.access.clients import Client, Draft
from subscriptions.ground.database import Database

#: Clients, each with the secret that nobody is shown again.
Made = Sequence[tuple[Client, str]]


class ClientStore:
    """Programs that may call."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, draft: Draft, *, now: datetime) -> tuple[Client, str]:
        """A new client and its secret, which is kept nowhere; raises Refused for a draft that cannot be kept."""
        async with self._database.transaction() as connection:
            return await clients.create(connection, draft, now=now)

    async def every(self) -> list[Client]:
        """All clients, also the revoked ones, oldest first."""
        async with self._database.transaction() as connection:
            return await clients.every(connection)

    async def page(self, *, within: str | None, limit: int, offset: int) -> tuple[list[Client], int]:
        """A page of all clients, or a workspace's, also the revoked ones, newest first, and how many there are."""
        async with self._database.transaction() as connection:
            return await clients.page(connection, within=within, limit=limit, offset=offset)

    async def find(self, client_id: UUID) -> Client:
        """One client, also a revoked one; raises Absent."""
        async with self._database.transaction() as connection:
            return await clients.find(connection, client_id)

    async def rotate(self, client_id: UUID) -> tuple[Client, str]:
        """The client with a new secret; the old one stops working. Raises Absent where no live client has the id."""
        async with self._database.transaction() as connection:
            secret = await clients.rotate(connection, client_id)
            return await clients.find(connection, client_id), secret

    async def revoke(self, client_id: UUID, *, now: datetime) -> Client:
        """No more tokens for it; those it has end within 15 minutes. Raises Absent where no live client has the id."""
        async with self._database.transaction() as connection:
            await clients.revoke(connection, client_id, now=now)
            return await clients.find(connection, client_id)

    async def first(self, drafts: Sequence[Draft], *, now: datetime, keep: Callable[[Made], None]) -> None:
        """Creates the drafts if there is no client at all, and has them kept before the commit.

        Secrets that nobody kept would be lost; what was kept of clients that were not made is written over.
        """
        async with self._database.transaction() as connection:
            if made := await clients.first(connection, drafts, now=now):
                keep(made)
