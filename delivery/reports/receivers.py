"""What a webhook's receiver showed of itself when it was connected to lately: until when its certificate holds.

Nobody is connected to for it: it is noted with attempts that made a new connection (`delivery/wire/notes.py`).
"""

from datetime import UTC, datetime
from uuid import UUID

import msgspec

from delivery.wire import notes
from subscriptions.ground.database import Database

#: Attempts that are looked through, the newest events first: those over a kept connection say nothing.
LOOKED_THROUGH = 200

WIRE = "SELECT started_at, wire FROM attempts WHERE webhook = $1 AND wire IS NOT NULL ORDER BY event DESC LIMIT $2"


class SeenCertificate(msgspec.Struct, frozen=True, kw_only=True):
    """A receiver's certificate as it was seen."""

    seen_at: datetime
    until: datetime


class Receivers:
    """Reads the notes of attempts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def certificate(self, webhook: UUID) -> SeenCertificate | None:
        """The one that was seen last; None where none was lately. Raises Unavailable."""
        async with self._database.raw() as connection:
            rows = await connection.fetch(WIRE, webhook, LOOKED_THROUGH)
        seen = [
            SeenCertificate(seen_at=row["started_at"], until=datetime.fromtimestamp(noted.certificate_until, UTC))
            for row in rows
            if (noted := notes.read(row["wire"])) is not None and noted.certificate_until is not None
        ]
        return max(seen, key=lambda each: each.seen_at, default=None)
