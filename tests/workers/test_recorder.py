"""The recorder: outcomes wait for one another, and for the database (protocol.md 5.1, 5.2)."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from delivery.attempts.endings import EndedAttempt
from delivery.judgement.breaker import Result
from delivery.ledger.records.outcomes import Record
from delivery.lifecycle import State
from delivery.tickets import Job, JobKind
from subscriptions.ground.errors import Unavailable
from workers.recorder import BATCH, BYTES, Recorder

NOW = datetime(2026, 5, 4, tzinfo=UTC)


def ended(event: UUID | None = None, fence: int = 1, *, workspace: str = "one", answer: int = 0) -> EndedAttempt:
    """An outcome of a delivery of its own, unless the event is given, with an answer of so many bytes."""
    record = Record(
        event=event or uuid4(),
        webhook=UUID(int=1),
        round=0,
        fence=fence,
        state=State.DELIVERED,
        due_at=None,
        counts=1,
        delivery_failed=False,
        started_at=NOW,
        milliseconds=1,
        status=200,
        reason="200 OK",
        request_headers=b"[]",
        response_headers=None,
        response_body=bytes(answer),
    )
    result = Result(ok=True, at=NOW, disables=False, reason="")
    return EndedAttempt(
        record=record, result=result, epoch=1, batch=False, matters=False, answered=True, workspace=workspace
    )


class Pen:
    """Writes batches down; fails with these errors first."""

    def __init__(self, *errors: Exception) -> None:
        self.batches: list[list[EndedAttempt]] = []
        self.carried: list[Job] = []
        self._errors = list(errors)

    async def write(self, batch: Sequence[EndedAttempt]) -> list[Job]:
        if self._errors:
            raise self._errors.pop(0)
        self.batches.append(list(batch))
        return [Job(kind=JobKind.JOB, key=UUID(int=len(self.batches)), fence=0)]

    def recorder(self, window: float = 0.0) -> Recorder:
        return Recorder(self.write, self.carried.append, window=window)


async def test_what_ends_together_is_written_together() -> None:
    """What ends at once is written at once, up to 500 outcomes a statement, and the notices are carried."""
    pen, outcomes = Pen(), [ended() for _ in range(BATCH + 1)]
    recorder = pen.recorder()

    await asyncio.gather(*(recorder.record(each) for each in outcomes))

    assert [len(batch) for batch in pen.batches] == [BATCH, 1]
    assert len(pen.carried) == 2


async def test_long_answers_stand_behind() -> None:
    """However many long answers of a workspace wait, outcomes without are written first, and no statement has more than a
    megabyte of them, in which workspaces have turns: what is short waits for one such statement at most."""
    pen, size = Pen(), BYTES // 10
    recorder = pen.recorder()
    flood = [ended(workspace="flood", answer=size) for _ in range(30)]
    short = [ended(workspace="flood"), ended(workspace="two")]
    other, newer, newest = (
        ended(workspace=name, answer=most) for name, most in (("two", size), ("three", size), ("two", 0))
    )
    meanwhile: list[asyncio.Future[None]] = []

    async def write(batch: Sequence[EndedAttempt]) -> list[Job]:
        if len(pen.batches) == 1:
            meanwhile.extend(asyncio.ensure_future(recorder.record(each)) for each in (newer, newest))
            await asyncio.sleep(0)
        return await pen.write(batch)

    recorder._write = write
    await asyncio.gather(*(recorder.record(each) for each in (*flood, *short, other)))
    await asyncio.gather(*meanwhile)

    assert pen.batches[0] == short
    assert other in pen.batches[1]
    assert pen.batches[2] == [newest]
    assert newer in pen.batches[3]
    assert [len(batch) for batch in pen.batches] == [2, 10, 1, 10, 10, 2]


async def test_one_answer_too_long() -> None:
    """An answer longer than a statement should be is written by itself."""
    pen = Pen()
    recorder, outcomes = pen.recorder(), [ended(answer=2 * BYTES) for _ in range(2)]

    await asyncio.gather(*(recorder.record(each) for each in outcomes))

    assert pen.batches == [[each] for each in outcomes]


async def test_turns_of_short_ones() -> None:
    """Of more than one statement writes, a workspace with few has all of its own in the first."""
    pen, few = Pen(), [ended(workspace="few") for _ in range(3)]
    recorder, many = pen.recorder(), [ended(workspace="many") for _ in range(2 * BATCH)]

    await asyncio.gather(*(recorder.record(each) for each in (*many, *few)))

    assert [len(batch) for batch in pen.batches] == [BATCH, BATCH, 3]
    assert pen.batches[0][-3:] == few


async def test_order_of_one_delivery() -> None:
    """Two outcomes of one delivery are never in one statement, and keep their order."""
    pen, event = Pen(), uuid4()
    first, second, other = ended(event, 1), ended(event, 2), ended()
    recorder = pen.recorder()

    await asyncio.gather(*(recorder.record(each) for each in (first, second, other)))

    assert pen.batches == [[first, other], [second]]


async def test_database_away() -> None:
    """While the database is away outcomes are kept and their callers wait; on its return each is written once."""
    pen = Pen(Unavailable("PostgreSQL", "away"), Unavailable("PostgreSQL", "still away"))
    recorder, early, late = pen.recorder(), ended(), ended()
    waiting = asyncio.create_task(recorder.record(early))
    await asyncio.sleep(0)

    await asyncio.gather(waiting, recorder.record(late))

    assert sorted(each.record.event for batch in pen.batches for each in batch) == sorted(
        (early.record.event, late.record.event)
    )


async def test_long_answers_of_an_outage() -> None:
    """Nothing is claimed before all is written that an outage has left, long answers included (protocol.md 5.2)."""
    pen = Pen(Unavailable("PostgreSQL", "away"))
    recorder = pen.recorder()
    kept: list[bool] = []

    async def write(batch: Sequence[EndedAttempt]) -> list[Job]:
        written = await pen.write(batch)
        kept.append(recorder.kept)
        return written

    recorder._write = write
    outcomes = [ended(), *(ended(answer=BYTES) for _ in range(3))]

    await asyncio.gather(*(recorder.record(each) for each in outcomes))

    assert kept == [True] * 4
    assert not recorder.kept


async def test_statement_that_fails_for_good() -> None:
    """A write that fails for any other reason lets its callers go, and the next ones are written."""
    pen = Pen(RuntimeError("a fault of ours"))
    recorder = pen.recorder()
    await recorder.record(ended())
    after: Any = ended()

    await recorder.record(after)

    assert pen.batches == [[after]]


async def test_a_closing_recorder_writes_what_it_has() -> None:
    """A recorder that closes writes what it has; while the database is away it gives that up after its wait."""
    pen, away = Pen(), Pen(*(Unavailable("PostgreSQL", "away") for _ in range(100)))
    slow, stuck = pen.recorder(window=0.05), away.recorder()
    outcomes = [asyncio.ensure_future(each.record(ended())) for each in (slow, stuck)]
    await asyncio.sleep(0)

    await slow.close(5.0)
    await stuck.close(0.1)

    assert [len(pen.batches), len(away.batches)] == [1, 0]
    assert outcomes[0].done()
    assert not outcomes[1].done()
    outcomes[1].cancel()
