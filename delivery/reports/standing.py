"""How things stand at this moment: webhooks by status, what waits for them as the newest sample has it, and which are worst off.

What came of deliveries over time is left to `figures.py`.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from delivery.judgement.breaker import Status
from delivery.ledger.counts.rollups import DAY, NOBODY, NOWHERE
from subscriptions.ground.database import Clock, Database
from subscriptions.ground.statements import Row

STATUSES = """
SELECT status, count(*) AS webhooks FROM webhooks WHERE deleted_at IS NULL AND ($1::text IS NULL OR workspace_id = $1)
GROUP BY status
"""

BACKLOG = """
SELECT coalesce(sum(waiting), 0)::bigint AS waiting, coalesce(bool_or(more), false) AS more, count(*) AS webhooks,
    min(oldest) AS oldest
FROM backlogs WHERE $1::text IS NULL OR workspace_id = $1
"""

# A sample is of all webhooks at once; of days there are the fewest rows.
COUNTED_AT = """
SELECT sampled_at FROM rollups WHERE webhook = $1 AND workspace_id = $2 AND grain = $3 AND sampled_at IS NOT NULL
ORDER BY start DESC LIMIT 1
"""

SAMPLED = "SELECT webhook, waiting, more, oldest FROM backlogs WHERE webhook = ANY($1::uuid[])"

# Halted ones first, and of each the one for which most waits.
WORST = """
SELECT w.id, w.workspace_id, w.name, w.status, w.state_reason, w.failures, w.halted_since, w.last_failure_at,
    b.waiting, b.more, b.oldest
FROM webhooks w LEFT JOIN backlogs b ON b.webhook = w.id
WHERE w.deleted_at IS NULL AND ($1::text IS NULL OR w.workspace_id = $1)
    AND (w.status IN ('ERROR', 'WARNING') OR b.waiting > 0 AND w.status <> 'DISABLED')
ORDER BY w.status = 'ERROR' DESC, w.status = 'WARNING' DESC, b.waiting DESC NULLS LAST, w.id LIMIT $2
"""

STATES = "SELECT since, status, reason FROM webhook_states WHERE webhook = $1 ORDER BY place DESC"

#: What `COUNTED_AT` is asked for: the days of all.
COUNTED = (NOBODY, NOWHERE, DAY)
#: Webhooks that are named one by one.
NAMED = 20


class SampledBacklog(msgspec.Struct, frozen=True, kw_only=True):
    """What waits for a webhook, as the newest sample has it."""

    waiting: int = 0
    #: There are more than were counted.
    more: bool = False
    #: When the oldest of them was accepted; None where nothing waits.
    oldest: datetime | None = None


class WorstOff(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook that fails, or for which something waits."""

    id: UUID
    workspace_id: str
    name: str
    status: Status
    state_reason: str
    #: Attempts that failed since the last success.
    failures: int
    halted_since: datetime | None
    last_failure_at: datetime | None
    #: As far as the sample counts; `more`: there are more.
    waiting: int
    more: bool
    #: When the oldest of those was accepted; None where nothing waits.
    oldest: datetime | None


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How things stand."""

    at: datetime
    #: How many webhooks have each status; every status is there.
    webhooks: Mapping[Status, int]
    #: Deliveries that wait, as far as samples count; `more`: there are more.
    waiting: int
    more: bool
    #: For how many webhooks.
    waited_for: int
    #: When the oldest of those was accepted; None where nothing waits.
    oldest: datetime | None
    #: When the sample was taken, and what attempts came to was counted; None where none ever was.
    sampled_at: datetime | None
    #: Worst first, the first `NAMED`.
    worst: Sequence[WorstOff]

    @property
    def failing(self) -> int:
        """Webhooks that warn or are halted."""
        return self.webhooks[Status.WARNING] + self.webhooks[Status.ERROR]

    @property
    def registered(self) -> int:
        """Webhooks there are."""
        return sum(self.webhooks.values())


class PastState(msgspec.Struct, frozen=True, kw_only=True):
    """A status that a webhook came to."""

    since: datetime
    status: Status
    reason: str


class StandingReport:
    """Reads webhooks' rows and the newest sample."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def of(self, workspace_id: str | None) -> Standing:
        """Of a workspace, or of all for None; raises Unavailable."""
        async with self._database.raw() as connection:
            statuses = {row["status"]: row["webhooks"] for row in await connection.fetch(STATUSES, workspace_id)}
            [backlog] = await connection.fetch(BACKLOG, workspace_id)
            sampled_at = await connection.fetchval(COUNTED_AT, *COUNTED)
            worst = await connection.fetch(WORST, workspace_id, NAMED)
        return Standing(
            at=self._clock(),
            webhooks={status: statuses.get(status, 0) for status in Status},
            waiting=backlog["waiting"],
            more=backlog["more"],
            waited_for=backlog["webhooks"],
            oldest=backlog["oldest"],
            sampled_at=sampled_at,
            worst=[_worst(row) for row in worst],
        )

    async def waiting(self, webhooks: Sequence[UUID]) -> Mapping[UUID, SampledBacklog]:
        """For lists: what waits for each of these, a few seconds ago; raises Unavailable."""
        async with self._database.raw() as connection:
            rows = await connection.fetch(SAMPLED, list(webhooks))
        found = {row["webhook"]: row for row in rows}
        return {webhook: _sampled(found.get(webhook)) for webhook in webhooks}

    async def sampled_at(self) -> datetime | None:
        """When what waits was counted last; None where it never was. Raises Unavailable."""
        async with self._database.raw() as connection:
            at: datetime | None = await connection.fetchval(COUNTED_AT, *COUNTED)
        return at

    async def states(self, webhook: UUID) -> list[PastState]:
        """The statuses that a webhook came to, newest first, as far as they are kept; raises Unavailable."""
        async with self._database.raw() as connection:
            rows = await connection.fetch(STATES, webhook)
        return [PastState(since=row["since"], status=Status(row["status"]), reason=row["reason"]) for row in rows]


def _sampled(row: Row | None) -> SampledBacklog:
    if row is None:
        return SampledBacklog()
    return SampledBacklog(waiting=row["waiting"], more=row["more"], oldest=row["oldest"])


def _worst(row: Row) -> WorstOff:
    return WorstOff(
        id=row["id"],
        workspace_id=row["workspace_id"],
        name=row["name"],
        status=Status(row["status"]),
        state_reason=row["state_reason"],
        failures=row["failures"],
        halted_since=row["halted_since"],
        last_failure_at=row["last_failure_at"],
        waiting=row["waiting"] or 0,
        more=bool(row["more"]),
        oldest=row["oldest"],
    )
