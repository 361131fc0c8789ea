"""Brakes on what a workspace makes us send to strangers: one verification at a time, and so many of a minute (protocol.md 6.9).

What counts is left to `verification/webhook_lifecycle.py`, the wording of a 429 to the API.
"""

from datetime import datetime, timedelta
from uuid import UUID, uuid5

from subscriptions.access import publish_quota
from subscriptions.access.publish_quota import QuotaShare
from subscriptions.ground.database import Raw
from subscriptions.ground.errors import TooSoon

MINUTE = 60

#: What is counted of a minute, and apart from each other, for viewers may verify: what goes before the workspace's id in the
#: row, and how it is called.
REGISTRATIONS = ("introductions", "registrations and changes that ask for a challenge")
VERIFICATIONS = ("verifications", "verifications")

# A job that nobody has to carry out: the sweep clears it away when the process that made it has died.
BEGIN = """
INSERT INTO jobs AS j (id, kind, webhook, due_at, leased_until, fence) VALUES ($1, 'verify', $2, $3, $3, 0)
ON CONFLICT (id) DO UPDATE SET due_at = excluded.due_at, leased_until = excluded.leased_until, fence = j.fence + 1
    WHERE j.leased_until <= $4
RETURNING fence
"""

END = "DELETE FROM jobs WHERE id = $1 AND fence = $2"


async def begin_verification(connection: Raw, webhook: UUID, *, now: datetime, lasts: float) -> int:
    """The webhook's turn for at most so many seconds, as a fence to end it with; raises TooSoon while another has it."""
    until = now + timedelta(seconds=lasts)
    fence: int | None = await connection.fetchval(BEGIN, _turn(webhook), webhook, until, now)
    if fence is None:
        said = f"a verification of this webhook is under way: ask again in {lasts:.0f} s, or look at its status"
        raise TooSoon(said, limit=1, seconds=lasts)
    return fence


async def end_verification(connection: Raw, webhook: UUID, fence: int) -> None:
    """Lets the next one begin."""
    await connection.execute(END, _turn(webhook), fence)


async def introduce(connection: Raw, workspace_id: str, *, now: datetime, limit: int, verifying: bool) -> None:
    """Counts one of `limit` that the workspace has a minute, in the caller's transaction; raises TooSoon.

    0 is any number. They are counted beside its publications, under a name that no workspace has.
    """
    if not limit:
        return
    row, name = VERIFICATIONS if verifying else REGISTRATIONS
    minute, passed = divmod(int(now.timestamp()), MINUTE)
    wanted = QuotaShare(workspace_id=f"{row}:{workspace_id}", minute=minute, events=1)
    [drawn] = await publish_quota.draw(connection, [wanted], limit=limit)
    if drawn.quota_share.events < 1:
        said = (
            f"the workspace has made {limit} {name} within a minute, and may not make more: "
            f"ask again in {MINUTE - passed} s"
        )
        raise TooSoon(said, limit=limit, seconds=MINUTE - passed)


def _turn(webhook: UUID) -> UUID:
    return uuid5(webhook, "verify")
