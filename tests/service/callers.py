"""Callers for tests of the API: headers with a good token for any role.

What roles permit is left to `service/auth.py`.
"""

from uuid import uuid4

from service.services import Services
from subscriptions.access import clients
from subscriptions.access.clients import Client, Draft, Role

WORKSPACE = "3009de2825f211ec8a84fedebcb4a754"
OTHER_WORKSPACE = "485d4628bb5911eeb355f27748645044"


class Callers:
    """Makes tokens for clients that need not be kept anywhere."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def headers(
        self, *roles: Role, workspace: str = WORKSPACE, any_workspace: bool = False, name: str = "a program"
    ) -> dict[str, str]:
        """The Authorization header of a client with these roles."""
        now = self._services.clock()
        client = Client(
            id=uuid4(),
            workspace_id=workspace,
            name=name,
            roles=frozenset(roles),
            any_workspace=any_workspace,
            created_at=now,
            revoked_at=None,
        )
        return {"Authorization": f"Bearer {await self._services.access.issue(client, now)}"}

    async def known(self, workspace: str) -> None:
        """From now on there is such a workspace: it has a client."""
        draft = Draft(workspace_id=workspace, name="a program", roles=frozenset({Role.VIEWER}))
        async with self._services.database.transaction() as connection:
            await clients.create(connection, draft, now=self._services.clock())
