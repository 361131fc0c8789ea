"""A grown database: days of finished deliveries and a crowd that waits for a later retry, written as SQL into our tables.

What is measured beside an empty one is left to `growth.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from delivery.ledger.days import on_day
from delivery.ledger.owing import deliveries
from subscriptions.ground import partitions
from subscriptions.ground.database import Raw

#: Seconds that a statement here may take.
PATIENCE = 3600.0
#: How many days the finished deliveries are spread over.
DAYS = 4

# Keys as uuid7 has them: milliseconds, version, variant, and a number in place of chance.
KEY = "(lpad(to_hex($1::bigint + n * $2::bigint / $3::int), 12, '0') || '70008' || lpad(to_hex(n), 15, '0'))::uuid"
ROWS = "generate_series(1, $3::int) AS n"
HOOK = "($4::uuid[])[n % cardinality($4::uuid[]) + 1]"

EVENTS = f"""
INSERT INTO {{events}} (key, id, source, type, workspace_id, body)
SELECT {KEY}, n::text, '//global.bench/bench', 'com.hpe.greenlake.bench.v1.grown.measured', $4,
    convert_to('{{{{"specversion":"1.0","data":{{{{"pad":"' || repeat('x', $5::int) || '"}}}}}}}}', 'UTF8')
FROM {ROWS}
"""
FINISHED = f"""
INSERT INTO {{deliveries}} (event, webhook, round, state, fence, attempts, lost, first_try_at, halted_before,
    status, reason, ended_at)
SELECT {KEY}, {HOOK}, 0, CASE WHEN n % 50 = 0 THEN 'failed' ELSE 'delivered' END, 1, 1, 0, $5, 0,
    CASE WHEN n % 50 = 0 THEN 410 ELSE 200 END, CASE WHEN n % 50 = 0 THEN '410 Gone' ELSE '200 OK' END, $5
FROM {ROWS}
"""
WAITING = f"""
INSERT INTO {{deliveries}} (event, webhook, round, state, due_at, fence, attempts, lost, first_try_at, halted_before,
    status, reason)
SELECT {KEY}, {HOOK}, 0, 'owed', $5::timestamptz + n * interval '1 millisecond', 2, 1, 0, now(), 0, 503, '503 Service Unavailable'
FROM {ROWS}
"""
# Of many sizes, as those that are measured: rows smaller than all others would each go into a gap of an old page.
ATTEMPTS = f"""
INSERT INTO {{attempts}} (webhook, event, round, fence, started_at, milliseconds, success, status, reason,
    request_headers, response_headers, response_body)
SELECT {HOOK}, {KEY}, 0, 1, $5, 12, n % 50 <> 0, CASE WHEN n % 50 = 0 THEN 410 ELSE 200 END, '200 OK',
    convert_to('[["content-type","application/json"],["webhook-id","' || n || '"],["x","'
        || repeat('y', 20 + (n::bigint * 7919 % 200)::int) || '"]]', 'UTF8'),
    '[["content-length","2"],["date","Sun, 22 Nov 2026 12:00:00 GMT"]]', 'ok'
FROM {ROWS}
"""


@dataclass(frozen=True, kw_only=True)
class Crowd:
    """So many rows of one day, evenly over the webhooks."""

    day: date
    rows: int
    #: Bytes of padding in an event's body.
    padding: int
    #: From when on they are due again; None: they have ended.
    due_from: datetime | None = None


def days(now: datetime) -> list[date]:
    """Those that are written to, oldest first."""
    return [now.date() - timedelta(days=n) for n in range(DAYS, -1, -1)]


async def grow(connection: Raw, rows: int, hooks: Sequence[UUID], *, workspace: str, now: datetime) -> None:
    """Writes `rows` deliveries, a fifth of them waiting for a later retry, into the partitions of `days`, which exist."""
    *before, today = days(now)
    await connection.execute("SET synchronous_commit = off")
    # Those of old days are small, for the disk's sake; those that a claim may come across are of 1 KB.
    for day in before:
        await _write(connection, Crowd(day=day, rows=rows // (DAYS + 1), padding=180), hooks, workspace)
    waiting = Crowd(day=today, rows=rows // (DAYS + 1), padding=950, due_from=now + timedelta(hours=3))
    await _write(connection, waiting, hooks, workspace)
    await connection.execute("RESET synchronous_commit")
    for table in (*deliveries.PARTITIONED, "webhooks", "subscriptions"):
        await connection.execute(f"VACUUM (ANALYZE) {table}", timeout=PATIENCE)


async def _write(connection: Raw, crowd: Crowd, hooks: Sequence[UUID], workspace: str) -> None:
    first, _ = partitions.bounds(crowd.day)
    start = first.int >> 80
    # Up to the last minute of the day that has passed, or of today so far.
    span = 86_340_000 if crowd.due_from is None else 60_000
    place = (start, span, crowd.rows)
    moment = datetime(crowd.day.year, crowd.day.month, crowd.day.day, tzinfo=UTC)
    events = on_day(EVENTS, crowd.day)
    await connection.execute(events, *place, workspace, crowd.padding, timeout=PATIENCE)
    statement = on_day(FINISHED if crowd.due_from is None else WAITING, crowd.day)
    await connection.execute(statement, *place, list(hooks), crowd.due_from or moment, timeout=PATIENCE)
    await connection.execute(on_day(ATTEMPTS, crowd.day), *place, list(hooks), moment, timeout=PATIENCE)
