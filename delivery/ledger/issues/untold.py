"""Issues of which something is to be told: that they were opened, or resolved.

How it is told is left to `upkeep/issue_events.py`.
"""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from subscriptions.ground.database import Raw

SOME = "SELECT id, workspace_id, untold AS word FROM issues WHERE untold IS NOT NULL ORDER BY id LIMIT $1"
# What has come to another word since has that to be told.
DONE = """
UPDATE issues AS i SET untold = NULL FROM unnest($1::uuid[], $2::text[]) AS t (id, word)
WHERE i.id = t.id AND i.untold = t.word
"""


class UntoldIssue(msgspec.Struct, frozen=True, kw_only=True):
    """One of them."""

    id: UUID
    #: Empty: it is the operators'.
    workspace_id: str
    #: `opened` or `resolved`.
    word: str


async def some(connection: Raw, *, limit: int) -> list[UntoldIssue]:
    """Up to so many, the oldest first."""
    return [UntoldIssue(**dict(row)) for row in await connection.fetch(SOME, limit)]


async def told_of(connection: Raw, issues: Sequence[UntoldIssue]) -> None:
    """Nothing is to be told of them any more."""
    await connection.execute(DONE, [each.id for each in issues], [each.word for each in issues])
