"""Records: the outcomes of many attempts are written together, each under the fence of its claim (protocol.md 5).

What an outcome means, and what follows when a shared statement fails, is left to `attempts/recording.py`.
"""

from collections.abc import Sequence
from contextlib import suppress
from datetime import date, datetime, timedelta
from uuid import UUID

import asyncpg
import msgspec
from msgspec import structs
from msgspec.structs import replace

from delivery.ledger.days import by_day, day_statement, on_day
from delivery.lifecycle import State
from subscriptions.ground import event_keys
from subscriptions.ground.database import Raw
from subscriptions.ground.partitions import name_of
from subscriptions.ground.statements import Row, fragment

MILLISECOND = timedelta(milliseconds=1)


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """One ended try and where it leaves the delivery."""

    event: UUID
    webhook: UUID
    round: int
    #: Of the claim that made the attempt.
    fence: int
    #: `delivered`, `failed`, `expired` (its payload was erased), `owed` (again, at `due_at`) or `parked` (a probe that failed).
    state: State
    #: When the next attempt is due; None unless `owed`.
    due_at: datetime | None
    #: 1, or 0 for a probe, which is not one of the row's attempts.
    counts: int
    #: A delivery-failed event is owed; of one that was given up none is.
    delivery_failed: bool
    started_at: datetime
    milliseconds: int
    #: HTTP status, None where there was no answer.
    status: int | None
    reason: str
    # JSON arrays of [name, value]; the body as far as it was read.
    request_headers: bytes
    response_headers: bytes | None
    response_body: bytes | None
    #: `delivery/wire/notes.py`, as JSON.
    wire: bytes | None = None
    #: What a failure is alike by (`judgement/alike.py`); empty where it is none, or none that anybody can mend.
    cause: str = ""


class WrittenOutcomes(msgspec.Struct, frozen=True, kw_only=True):
    """What a recording statement came to."""

    #: (event, webhook, round, fence) of the records that applied to their row.
    applied: set[tuple[UUID, UUID, int, int]]
    #: Those of the delivery-failed events that it wrote down.
    jobs: list[UUID]
    database_now: datetime | None


class Write(msgspec.Struct, frozen=True, kw_only=True):
    """What `write.sql` is given: the fields of the records, one by one."""

    event: list[UUID]
    webhook: list[UUID]
    round: list[int]
    fence: list[int]
    state: list[State]
    due_at: list[datetime | None]
    counts: list[int]
    delivery_failed: list[bool]
    started_at: list[datetime]
    milliseconds: list[int]
    status: list[int | None]
    reason: list[str]
    request_headers: list[bytes]
    response_headers: list[bytes | None]
    response_body: list[bytes | None]
    wire: list[bytes | None]
    #: Milliseconds from the publication to the answer, where it is a first round's that arrived; -1 elsewhere.
    arrived: list[int]
    now: datetime


class WriteFailing(Write, frozen=True, kw_only=True):
    """What `write.sql` is given where some of the records are failures to be noted."""

    cause: list[str]


#: Attempts that are counted in one row, which stays below the size from which the server would keep parts of it elsewhere.
COUNTED_TOGETHER = 60

#: Newest events that are kept of failures that are alike.
AFFECTED = 5

WRITE = day_statement(__package__, "write", Write, {"counted_together": COUNTED_TOGETHER, "noting": ""})
#: The same with a note of what failed: what goes well has no part in it, and pays nothing.
WRITE_FAILING = day_statement(
    __package__,
    "write",
    WriteFailing,
    {"counted_together": COUNTED_TOGETHER, "noting": fragment(__package__, "note_failures"), "affected": AFFECTED},
)


async def write(connection: Raw, records: Sequence[Record], *, now: datetime) -> WrittenOutcomes:
    """Writes the records, one statement per day of their events; all may be written again, and will change nothing then."""
    rows: list[Row] = []
    for day, of_day in by_day(records, lambda record: record.event).items():
        with suppress(asyncpg.UndefinedTableError):  # dropped by age since
            rows += await _write(connection, day, of_day, now)
    return WrittenOutcomes(
        applied={_key(row) for row in rows if row["job"] is None},
        jobs=[row["job"] for row in rows if row["job"] is not None],
        database_now=rows[0]["told"] if rows else None,
    )


async def _write(connection: Raw, day: date, records: Sequence[Record], now: datetime) -> list[Row]:
    given, causes = _given(records, now), [r.cause for r in records]
    if any(causes):
        failing = WriteFailing(**structs.asdict(given), cause=causes)
        return await WRITE_FAILING.on(day).fetch(connection, failing)
    return await WRITE.on(day).fetch(connection, given)


def _given(records: Sequence[Record], now: datetime) -> Write:
    return Write(
        event=[r.event for r in records],
        webhook=[r.webhook for r in records],
        round=[r.round for r in records],
        fence=[r.fence for r in records],
        state=[r.state for r in records],
        due_at=[r.due_at for r in records],
        counts=[r.counts for r in records],
        delivery_failed=[r.delivery_failed for r in records],
        started_at=[r.started_at for r in records],
        milliseconds=[r.milliseconds for r in records],
        status=[r.status for r in records],
        reason=[r.reason for r in records],
        request_headers=[r.request_headers for r in records],
        response_headers=[r.response_headers for r in records],
        response_body=[r.response_body for r in records],
        wire=[r.wire for r in records],
        arrived=[_arrived(r) for r in records],
        now=now,
    )


def _arrived(record: Record) -> int:
    if record.round or record.state is not State.DELIVERED:
        return -1
    since = record.started_at - event_keys.time_of(record.event)
    return max(0, since // MILLISECOND + record.milliseconds)


def bare(record: Record, why: str) -> Record:
    """The record without its answer, for one that could not be stored as it was: the state still moves."""
    return replace(
        record,
        reason=f"{record.status or 'no answer'}; the record of it could not be stored: {why}",
        request_headers=b"[]",
        response_headers=None,
        response_body=None,
        cause=record.cause and f"the record of it could not be stored: {why}",
    )


KEYS = "unnest($1::uuid[], $2::uuid[], $3::smallint[], $4::int[]) AS o (event, webhook, round, fence)"
THERE = f"""
SELECT o.* FROM {KEYS} JOIN {{deliveries}} d ON d.event = o.event AND d.webhook = o.webhook AND d.round = o.round
"""
FREE = THERE + "FOR UPDATE OF d SKIP LOCKED"


async def locked(connection: Raw, keys: Sequence[tuple[UUID, UUID, int, int]]) -> set[tuple[UUID, UUID, int, int]]:
    """Those of the keys whose rows others hold; the other rows are this transaction's from now on."""
    held: set[tuple[UUID, UUID, int, int]] = set()
    for day, of_day in by_day(keys, lambda key: key[0]).items():
        columns = [list(column) for column in zip(*of_day, strict=True)]
        if not await connection.fetchval("SELECT to_regclass($1) IS NOT NULL", name_of("deliveries", day)):
            continue  # dropped by age since
        there = {_key(row) for row in await connection.fetch(on_day(THERE, day), *columns)}
        free = {_key(row) for row in await connection.fetch(on_day(FREE, day), *columns)}
        held |= there - free
    return held


def _key(row: Row) -> tuple[UUID, UUID, int, int]:
    return row["event"], row["webhook"], row["round"], row["fence"]


class GiveBack(msgspec.Struct, frozen=True, kw_only=True):
    """What `give_back.sql` is given: the claims, part by part."""

    events: list[UUID]
    webhooks: list[UUID]
    rounds: list[int]
    fences: list[int]
    now: datetime


GIVE_BACK = day_statement(__package__, "give_back", GiveBack)


async def give_back(connection: Raw, held: Sequence[tuple[UUID, UUID, int, int]], *, now: datetime) -> None:
    """Returns claims (event, webhook, round, fence) that were not sent: due at once, for any process."""
    for day, of_day in by_day(held, lambda each: each[0]).items():
        given = GiveBack(
            events=[event for event, _, _, _ in of_day],
            webhooks=[webhook for _, webhook, _, _ in of_day],
            rounds=[number for _, _, number, _ in of_day],
            fences=[fence for _, _, _, fence in of_day],
            now=now,
        )
        await GIVE_BACK.on(day).execute(connection, given)
