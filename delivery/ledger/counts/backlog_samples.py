"""Samples of what waits: for which webhooks, how much as far as a sample counts, and since when.

A sample reads index entries, and only so many of them: five million deliveries, or a million that wait, cost it no more than few.
What waits for one webhook at this moment is read by `reports/backlogs.py`.
"""

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

import asyncpg
import msgspec

from delivery.ledger.counts.rollups import PARTS
from delivery.ledger.days import day_statement, on_day
from delivery.ledger.predicates import PREDICATES
from subscriptions.ground import event_keys, partitions
from subscriptions.ground.database import Raw
from subscriptions.ground.statements import statement

#: Deliveries that one sample counts of a webhook and a day at most, and of all webhooks of a day; of each twenty at least.
EACH, BUDGET = 1000, 50_000
#: Webhooks that it looks at, of a day.
WEBHOOKS = 5000

# Which days have anything that waits: by order and limit, for an EXISTS may be answered by reading the whole day.
DAYS = """SELECT '{day}'::date AS day WHERE (SELECT 1 FROM {deliveries} WHERE state = 'owed' ORDER BY due_at LIMIT 1) IS NOT NULL
    OR (SELECT 1 FROM {deliveries} WHERE state = 'parked' ORDER BY webhook LIMIT 1) IS NOT NULL"""


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """What `waiting.sql` is given."""

    now: datetime
    #: First attempts that are due up to then have their ticket on its way.
    ticketed: datetime
    webhooks: int = WEBHOOKS
    at_most: int = EACH
    budget: int = BUDGET


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """What `sample.sql` is given: of each webhook what waits for it."""

    webhooks: list[UUID]
    waiting: list[int]
    more: list[bool]
    oldest: list[datetime]
    now: datetime


WAITING = day_statement(__package__, "waiting", Waiting, PREDICATES)
SAMPLE = statement(__package__, "sample", Sample, PARTS)


class _Found(msgspec.Struct, kw_only=True):
    """What waits for one webhook, as far as it was counted."""

    waiting: int
    more: bool
    oldest: datetime


async def take(connection: Raw, *, now: datetime, ticketed: datetime) -> int:
    """Takes a sample, in the place of the one before; answers for how many webhooks something waits."""
    found: dict[UUID, _Found] = {}
    for day in await days(connection):
        try:
            async with connection.transaction():
                rows = await WAITING.on(day).fetch(connection, Waiting(now=now, ticketed=ticketed))
        except asyncpg.UndefinedTableError:  # dropped by age since
            continue
        for row in rows:
            oldest = event_keys.time_of(UUID(row["oldest"]))
            before = found.get(row["webhook"])
            if before is None:
                found[row["webhook"]] = _Found(waiting=row["waiting"], more=row["more"], oldest=oldest)
            else:
                before.waiting += row["waiting"]
                before.more, before.oldest = before.more or row["more"], min(before.oldest, oldest)
    await SAMPLE.execute(connection, _sample(found, now))
    return len(found)


def _sample(found: dict[UUID, _Found], now: datetime) -> Sample:
    each: Sequence[_Found] = list(found.values())
    return Sample(
        webhooks=list(found),
        waiting=[of.waiting for of in each],
        more=[of.more for of in each],
        oldest=[of.oldest for of in each],
        now=now,
    )


async def days(connection: Raw) -> list[date]:
    """The days of which anything waits, oldest first."""
    kept = await partitions.kept(connection, "deliveries")
    looks = " UNION ALL ".join(on_day(DAYS.replace("{day}", str(day)), day) for day in kept)
    try:
        async with connection.transaction():
            return sorted(row["day"] for row in await connection.fetch(looks)) if looks else []
    except asyncpg.UndefinedTableError:  # dropped by age since
        return await days(connection)
