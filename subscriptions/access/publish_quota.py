"""The rows that a workspace's minute of publishing is shared out by, to all processes that take publications.

How large a portion is, and what it is used for, is left to whoever draws it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from subscriptions.ground.database import Raw

# In order of workspaces, as below: statements of several processes would otherwise wait for each other in a circle.
_TAKEN = "CASE WHEN q.minute < excluded.minute THEN 0 ELSE q.taken END"
# Nothing where more is taken than there is: the limit was lowered within the minute.
_GRANTED = f"GREATEST(0, LEAST(excluded.portion, $4 - {_TAKEN}))"

_DRAW = f"""
INSERT INTO publish_quotas AS q (workspace_id, minute, taken, portion)
SELECT workspace_id, minute, portion, portion
FROM unnest($1::text[], $2::bigint[], $3::bigint[]) AS wanted (workspace_id, minute, portion)
ORDER BY workspace_id
ON CONFLICT (workspace_id) DO UPDATE SET
    minute = GREATEST(q.minute, excluded.minute),
    portion = {_GRANTED},
    taken = {_TAKEN} + {_GRANTED}
RETURNING workspace_id, minute, portion, GREATEST(0, $4 - taken) AS remaining
"""

_GIVE_BACK = """
WITH mine AS (
    SELECT q.workspace_id, given.portion
    FROM publish_quotas q
    JOIN unnest($1::text[], $2::bigint[], $3::bigint[]) AS given (workspace_id, minute, portion)
        ON q.workspace_id = given.workspace_id AND q.minute = given.minute
    ORDER BY q.workspace_id
    FOR UPDATE OF q
)
UPDATE publish_quotas q SET taken = q.taken - mine.portion FROM mine WHERE q.workspace_id = mine.workspace_id
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class QuotaShare:
    """Some events of a workspace's minute."""

    workspace_id: str
    #: Minutes since 1970: what is not used within it is gone.
    minute: int
    #: How many.
    events: int


@dataclass(frozen=True, kw_only=True, slots=True)
class DrawnShare:
    """What a process got."""

    quota_share: QuotaShare
    #: What is left of the minute for all processes.
    remaining: int


async def draw(connection: Raw, wanted: Sequence[QuotaShare], *, limit: int) -> list[DrawnShare]:
    """As much of each as its workspace's minute of `limit` events still has; one each, of at most `limit`.

    A minute that has begun on another process has begun here too: what is drawn is of that one. Once committed it counts
    as taken, whatever becomes of the process.
    """
    rows = await connection.fetch(_DRAW, *_columns(wanted), limit)
    return [
        DrawnShare(
            quota_share=QuotaShare(workspace_id=row["workspace_id"], minute=row["minute"], events=row["portion"]),
            remaining=row["remaining"],
        )
        for row in rows
    ]


async def give_back(connection: Raw, unused: Sequence[QuotaShare]) -> None:
    """Lets others have what was drawn and not used; that of minutes which are over is passed over."""
    await connection.execute(_GIVE_BACK, *_columns(unused))


async def forget(connection: Raw, minute: int) -> None:
    """Removes the rows of workspaces that published nothing since this minute."""
    await connection.execute("DELETE FROM publish_quotas WHERE minute < $1", minute)


def _columns(quota_shares: Sequence[QuotaShare]) -> tuple[list[str], list[int], list[int]]:
    return [p.workspace_id for p in quota_shares], [p.minute for p in quota_shares], [p.events for p in quota_shares]
