"""Which workspaces there are: those that have a client, or a webhook.

Who may name one is left to the entrance.
"""

from collections.abc import Iterable

from subscriptions.ground.database import Database

KNOWN = """
SELECT wanted FROM unnest($1::text[]) AS wanted WHERE EXISTS (SELECT FROM clients WHERE workspace_id = wanted)
    OR EXISTS (SELECT FROM webhooks WHERE workspace_id = wanted AND deleted_at IS NULL)
"""


#: Two are enough to tell that there is not one alone.
FIRST = "SELECT DISTINCT workspace_id FROM clients WHERE revoked_at IS NULL ORDER BY 1 LIMIT 2"


class Workspaces:
    """Tells unknown workspaces; with `elsewhere` another issuer names workspaces too, and none is unknown."""

    def __init__(self, database: Database, *, elsewhere: bool = False) -> None:
        self._database = database
        self._elsewhere = elsewhere
        #: Those that were found: clients are revoked, and never deleted.
        self._known: set[str] = set()

    async def unknown(self, wanted: Iterable[str]) -> set[str]:
        """Those that there are not; asks the database only for those not found before."""
        missing = set() if self._elsewhere else set(wanted) - self._known
        if not missing:
            return missing
        async with self._database.raw() as connection:
            found = {row["wanted"] for row in await connection.fetch(KNOWN, list(missing))}
        self._known |= found
        return missing - found

    async def only(self) -> str | None:
        """The workspace of all clients that may call; None where there are several, or none."""
        async with self._database.raw() as connection:
            rows = await connection.fetch(FIRST)
        return rows[0]["workspace_id"] if len(rows) == 1 else None
