"""Challenges that were tried, kept beside attempts, so that recent deliveries show them to whoever looks for what went wrong.

Each is an event and an attempt of its own, without a delivery: nothing is owed, claimed, counted or sent again.
"""

from contextlib import suppress
from datetime import datetime
from uuid import UUID

import asyncpg
import msgspec

from subscriptions.ground.database import Database
from subscriptions.ground.statements import statement

#: The round of a challenge: no delivery has it.
ROUND = -1


class ChallengeAttempt(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt of a challenge."""

    webhook: UUID
    workspace_id: str
    #: Of the question, a UUID that tells its time.
    key: UUID
    source: str
    type: str
    #: The question as structured JSON, in whatever form it went.
    body: bytes
    started_at: datetime
    milliseconds: int
    #: Whether it proved the destination.
    success: bool
    #: HTTP status, None where there was no answer.
    status: int | None
    reason: str
    # JSON arrays of [name, value]; the body as far as it was read.
    request_headers: bytes
    response_headers: bytes | None
    response_body: bytes | None
    #: `delivery/wire/notes.py`, as JSON.
    wire: bytes | None = None


KEEP = statement(__package__, "keep_challenge", ChallengeAttempt, {"round": ROUND})


async def keep(database: Database, tried: ChallengeAttempt | None) -> None:
    """Writes it down; raises Unavailable. One whose day has no partition is left out: no challenge fails for its record."""
    if tried is None:
        return
    with suppress(asyncpg.CheckViolationError):
        async with database.raw() as connection:
            await KEEP.execute(connection, tried)
