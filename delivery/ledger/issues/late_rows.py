"""Rows that should have been taken and were not (protocol.md 10.1): each is looked for by an index.

What waits its turn behind others of a webhook that is served is none of them.
"""

from datetime import date, datetime, timedelta
from uuid import UUID

import asyncpg
import msgspec

from delivery.issue_kinds import IssueKind
from delivery.ledger.counts import backlog_samples
from delivery.ledger.days import day_statement
from delivery.ledger.issues.issue_rows import Sighting
from delivery.ledger.predicates import PREDICATES
from subscriptions.ground.database import Raw

#: Due for twice two leases and a slow sweep: what the runbook's statement would name twice.
LATE = timedelta(seconds=200)
#: Webhooks of a day that are looked at.
WEBHOOKS = 5000
#: Rows of work that are counted.
COUNTED = 1000

#: A webhook that something was attempted for lately is served, and what waits for it waits its turn.
SERVED = """
SELECT DISTINCT webhook FROM rollups
WHERE webhook = ANY ($1::uuid[]) AND workspace_id = '' AND grain = 1 AND start >= $2 AND attempts > 0
"""

_WORK = """
SELECT '{table}' AS work, count(*) AS many, min(due_at) AS since FROM (
    SELECT due_at, leased_until FROM {table} WHERE due_at < $1 ORDER BY due_at LIMIT $2
) AS due WHERE (leased_until < $1) IS NOT FALSE
"""
WORK = " UNION ALL ".join(_WORK.format(table=table) for table in ("spreads", "challenges", "jobs", "replays"))


class Late(msgspec.Struct, frozen=True, kw_only=True):
    """What `late.sql` is given."""

    #: Before then it has been due, and any lease of it has lapsed.
    late: datetime
    webhooks: int = WEBHOOKS


LATE_ROWS = day_statement(__package__, "late", Late, PREDICATES)


async def stuck(connection: Raw, *, now: datetime) -> list[Sighting]:
    """Deliveries by their webhook, and work that is nobody's."""
    late = now - LATE
    found: dict[UUID, tuple[UUID, datetime]] = {}
    for day in await backlog_samples.days(connection):
        for webhook, event, due_at in await _late(connection, day, late):
            if webhook not in found or due_at < found[webhook][1]:
                found[webhook] = event, due_at
    served = {row["webhook"] for row in await connection.fetch(SERVED, list(found), late - timedelta(minutes=1))}
    deliveries = [
        Sighting(
            kind=IssueKind.STUCK,
            webhook=webhook,
            cause="deliveries",
            reason=f"event {event} has been due since {due_at:%Y-%m-%d %H:%M:%S} UTC, and no worker takes it",
            first_at=due_at,
            last_at=now,
            events=(event,),
        )
        for webhook, (event, due_at) in found.items()
        if webhook not in served
    ]
    return [*deliveries, *await _work(connection, late, now)]


async def _late(connection: Raw, day: date, late: datetime) -> list[tuple[UUID, UUID, datetime]]:
    try:
        async with connection.transaction():
            rows = await LATE_ROWS.on(day).fetch(connection, Late(late=late))
    except asyncpg.UndefinedTableError:  # dropped by age since
        return []
    return [(row["webhook"], row["event"], row["due_at"]) for row in rows]


async def _work(connection: Raw, late: datetime, now: datetime) -> list[Sighting]:
    return [
        Sighting(
            kind=IssueKind.STUCK,
            cause=row["work"],
            reason=f"{row['many']:,}{' or more' if row['many'] >= COUNTED else ''} rows of {row['work']} have been due since "
            f"{row['since']:%Y-%m-%d %H:%M:%S} UTC, and no worker carries them out",
            first_at=row["since"],
            last_at=now,
        )
        for row in await connection.fetch(WORK, late, COUNTED)
        if row["many"]
    ]
