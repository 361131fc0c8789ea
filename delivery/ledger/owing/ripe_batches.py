"""What has collected is found day by day: webhooks whose batch is ripe, what races left behind, and what waited too long.

Closing is left to `batches.py`. The rules are protocol.md 7.2, 6.8.
"""

from collections.abc import Sequence
from contextlib import suppress
from datetime import date, datetime
from uuid import UUID

import asyncpg
import msgspec

from delivery.ledger.days import DayStatement, day_statement, on_day
from delivery.ledger.predicates import GATHERED, PREDICATES
from subscriptions.ground import partitions
from subscriptions.ground.database import Raw
from subscriptions.ground.statements import P, Row, fragment

# Which days hold gathered rows: one step into one index each. By order and limit, for an EXISTS may be answered by reading
# the whole day where the server misjudges it.
DAYS = f"""
SELECT '{{day}}'::date AS day WHERE (
    SELECT d.webhook FROM {{deliveries}} d WHERE {GATHERED} ORDER BY d.webhook LIMIT 1
) IS NOT NULL
"""


class Ripe(msgspec.Struct, frozen=True, kw_only=True):
    """What `ripe.sql` is given."""

    now: datetime
    at_most: int


class Left(msgspec.Struct, frozen=True, kw_only=True):
    """What `left_collecting.sql` is given: nothing."""


class Expire(msgspec.Struct, frozen=True, kw_only=True):
    """What `expire_collecting.sql` is given."""

    before: datetime
    now: datetime
    chunk: int


_PARTS = {**PREDICATES, "walk": fragment(__package__, "gathered")}

RIPE = day_statement(__package__, "ripe", Ripe, _PARTS)
LEFT = day_statement(__package__, "left_collecting", Left, _PARTS)
EXPIRE = day_statement(__package__, "expire_collecting", Expire, _PARTS)


async def ripe(connection: Raw, *, now: datetime, at_most: int) -> list[UUID]:
    """Webhooks whose oldest collected event has waited long enough."""
    found: dict[UUID, None] = {}
    for day in await _days(connection):
        found.update((row["id"], None) for row in await _of(connection, RIPE, day, Ripe(now=now, at_most=at_most)))
    return list(found)[:at_most]


async def left(connection: Raw) -> list[tuple[UUID, bool]]:
    """(webhook, whether it is deleted) of those that batch no more, and still have collected events."""
    found: dict[UUID, bool] = {}
    for day in await _days(connection):
        found.update((row["id"], row["deleted"]) for row in await _of(connection, LEFT, day, Left()))
    return list(found.items())


async def expire(connection: Raw, *, before: datetime, now: datetime, chunk: int) -> int:
    """Ends what has collected for halted webhooks and was to close before then; answers how many.

    It is asked by the end of the events' minute, by which they are kept longer.
    """
    changed = 0
    for day in await _days(connection):
        changed += len(await _of(connection, EXPIRE, day, Expire(before=before, now=now, chunk=chunk)))
    return changed


async def _days(connection: Raw) -> list[date]:
    days = await partitions.kept(connection, "deliveries")
    looks = " UNION ALL ".join(on_day(DAYS.replace("{day}", str(day)), day) for day in days)
    return sorted(row["day"] for row in await connection.fetch(looks)) if looks else []


async def _of(connection: Raw, statement: DayStatement[P], day: date, given: P) -> Sequence[Row]:
    with suppress(asyncpg.UndefinedTableError):  # dropped by age since
        return await statement.on(day).fetch(connection, given)
    return ()
