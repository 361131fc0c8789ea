"""All attempts of deliveries, without what was sent and answered, and what follows them.

Which deliveries are asked for is left to `recent_deliveries.py` and `traces.py`.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec

from delivery.lifecycle import State
from subscriptions.ground.database import Raw
from subscriptions.ground.statements import Row

#: Characters of an attempt's reason that are shown beside others.
REASON = 200

ATTEMPTS = f"""
SELECT o.webhook, o.event, o.round, d.state, d.due_at, a.started_at, a.milliseconds, a.success, a.status, a.reason
FROM unnest($1::uuid[], $2::uuid[], $3::smallint[]) AS o (webhook, event, round)
LEFT JOIN deliveries d ON d.event = o.event AND d.webhook = o.webhook AND d.round = o.round
CROSS JOIN LATERAL (
    SELECT fence, started_at, milliseconds, success, status, left(reason, {REASON}) AS reason FROM attempts
    WHERE webhook = o.webhook AND event = o.event AND round = o.round
) AS a
ORDER BY o.webhook, o.event, o.round, a.fence
"""

#: (webhook, event, round).
Delivery = tuple[UUID, UUID, int]


class NextAttempt(StrEnum):
    """What comes after an attempt."""

    #: Another one.
    ATTEMPT = "ATTEMPT"
    #: Another one, once the webhook may be sent to.
    WAIT = "WAIT"
    NOTHING = "NOTHING"


class AttemptSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt that ended."""

    #: From 1 on, within its round.
    number: int
    started_at: datetime
    milliseconds: int
    success: bool
    #: HTTP status of the answer, None where there was none.
    status: int | None
    #: What it came to, in words.
    reason: str
    follows: NextAttempt
    #: When the next one began, or is due; None where none is.
    next_at: datetime | None


async def of(connection: Raw, deliveries: Sequence[Delivery]) -> Mapping[Delivery, Sequence[AttemptSummary]]:
    """The attempts of each delivery in their order; one that was never tried is absent."""
    rows: dict[Delivery, list[Row]] = defaultdict(list)
    for row in await connection.fetch(ATTEMPTS, *([each[part] for each in deliveries] for part in range(3))):
        rows[row["webhook"], row["event"], row["round"]].append(row)
    return {key: [_attempt(found, index) for index in range(len(found))] for key, found in rows.items()}


def _attempt(rows: Sequence[Row], index: int) -> AttemptSummary:
    row, last = rows[index], index + 1 == len(rows)
    # A challenge is owed to nobody, and what was is not kept for as long as its tries.
    state = None if row["state"] is None else State(row["state"])
    if not last:
        follows, next_at = NextAttempt.ATTEMPT, rows[index + 1]["started_at"]
    elif state is State.OWED:
        follows, next_at = NextAttempt.ATTEMPT, row["due_at"]
    else:
        follows, next_at = NextAttempt.WAIT if state is State.PARKED else NextAttempt.NOTHING, None
    return AttemptSummary(
        number=index + 1,
        started_at=row["started_at"],
        milliseconds=row["milliseconds"],
        success=row["success"],
        status=row["status"],
        reason=row["reason"],
        follows=follows,
        next_at=next_at,
    )
