"""Rate limits: what a destination allows is written to its webhook, and what waits for a slower pace is brought forward.

What an answer allows is judged by `judgement/pace.py`; the send times of a rate are given by `ledger/claims/paces.py`.
"""

from datetime import datetime
from uuid import UUID

import msgspec

from delivery.judgement.pace import KEEP, RateTerms
from delivery.ledger.claims.paces import AHEAD
from delivery.ledger.webhooks import status
from delivery.tickets import Job
from subscriptions.ground.database import Raw
from subscriptions.ground.statements import statement

LOCK = """
SELECT endpoint_rate_limit AS rate, request_origin AS origin FROM webhooks
WHERE id = $1 AND epoch = $2 AND deleted_at IS NULL FOR UPDATE
"""


class Allow(msgspec.Struct, frozen=True, kw_only=True):
    """What `allow.sql` is given."""

    webhook: UUID
    rate: int | None
    origin: str | None
    now: datetime
    #: Seconds that send times are given ahead.
    ahead: float = AHEAD


ALLOW = statement(__package__, "allow", Allow)

# Squeezed to an instant after `$2`, so that their order stays. The walk goes from the latest to the earliest, and not back:
# drains give new send times to what it has moved, and both would never end. A row that was tried waits for its retry as well as
# for its send time; what it waits for now cannot be told, so that it stays.
HASTEN = """
WITH next AS (
    SELECT event, webhook, round, due_at FROM deliveries
    WHERE webhook = $1 AND state = 'owed' AND least(attempts, 1) = 0 AND leased_until IS NULL
        AND due_at > $2::timestamptz + interval '1 second' AND due_at <= coalesce($3::timestamptz, 'infinity')
    ORDER BY due_at DESC LIMIT $4 FOR UPDATE SKIP LOCKED
), moved AS (
    UPDATE deliveries d SET due_at = $2 + (n.due_at - $2) / 1000000 FROM next n
    WHERE d.event = n.event AND d.webhook = n.webhook AND d.round = n.round
)
SELECT min(due_at) FROM next
"""


async def allow(connection: Raw, of: tuple[UUID, int], terms: RateTerms, *, now: datetime) -> list[Job]:
    """Writes what changed to the (webhook, epoch), in the caller's transaction; answers what to announce after it.

    Terms of an epoch that is over are those of another destination, and dropped. Where a pace becomes faster, or ends,
    a job brings forward what was put off.
    """
    webhook, epoch = of
    if terms.rate is KEEP and terms.origin is KEEP:
        return []
    before = await connection.fetchrow(LOCK, webhook, epoch)
    if before is None:
        return []
    rate = before["rate"] if terms.rate is KEEP else terms.rate
    origin = before["origin"] if terms.origin is KEEP else terms.origin
    if (rate, origin) == (before["rate"], before["origin"]):
        return []
    await ALLOW.execute(connection, Allow(webhook=webhook, rate=rate, origin=origin, now=now))
    return [await status.put_job(connection, "hasten", webhook, now=now)] if _faster(before["rate"], rate) else []


async def hasten(
    connection: Raw, webhook: UUID, *, now: datetime, until: datetime | None, chunk: int
) -> datetime | None:
    """Makes the last `chunk` untried rows that are due later than now, up to `until`, due at once.

    Answers the `until` to go on with, or None where there were none.
    """
    last: datetime | None = await connection.fetchval(HASTEN, webhook, now, until, chunk)
    return last


def _faster(before: int | None, after: int | None) -> bool:
    """Whether rows may have been put off further than they have to be now."""
    return (before or 0) > 0 and ((after or 0) <= 0 or (after or 0) > (before or 0))
