"""Records: outcomes of many attempts, under the fence of the claim that made each (protocol.md 5)."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from delivery.attempts.endings import EndedAttempt
from delivery.wire.parcels import Failure, FailureKind
from tests.clock import Clock
from tests.delivery.craft import Craft
from tests.delivery.destinations import TIMED_OUT, reply
from workers.recorder import Recorder

LEASE = 20.0


async def overlapping(craft: Craft, clock: Clock) -> tuple[Any, Any, EndedAttempt, EndedAttempt]:
    """A delivery whose first attempt outlived its lease and succeeded, while the claim after it failed: (event,
    webhook, both)."""
    webhook = await craft.hook()
    [event] = await craft.owe(webhook)
    [first] = await craft.drain()
    clock.advance(LEASE)
    [second] = await craft.drain()
    return event, webhook, await craft.attempt(first, reply(200)), await craft.attempt(second, reply(503))


async def test_late_success_then_failure(craft: Craft, clock: Clock) -> None:
    """A success that comes late is kept, and the failure of the newer claim does not undo it."""
    event, webhook, success, failure = await overlapping(craft, clock)

    await craft.rounds.outcomes.record([success])
    after_success = await craft.row(event, webhook)
    await craft.rounds.outcomes.record([failure])

    assert (after_success.state, after_success.fence) == ("delivered", 3)
    assert await craft.row(event, webhook) == after_success
    assert await craft.value("SELECT count(*) FROM attempts") == 2
    assert await craft.drain() == []


async def test_failure_then_late_success(craft: Craft, clock: Clock) -> None:
    """A success that comes after the newer claim's failure is kept all the same, and ends the delivery."""
    event, webhook, success, failure = await overlapping(craft, clock)

    await craft.rounds.outcomes.record([failure])
    waiting = await craft.row(event, webhook)
    await craft.rounds.outcomes.record([success])

    assert (waiting.state, waiting.due_at) == ("owed", clock() + timedelta(seconds=3))
    row = await craft.row(event, webhook)
    assert (row.state, row.due_at, row.leased_until) == ("delivered", None, None)
    assert row.fence > waiting.fence


@pytest.mark.parametrize("success_first", [True, False], ids=["success first", "failure first"])
async def test_both_in_one_batch(craft: Craft, clock: Clock, success_first: bool) -> None:
    """The two outcomes of one delivery that wait together: delivered in either order, and both attempts kept."""
    event, webhook, success, failure = await overlapping(craft, clock)
    recorder = Recorder(craft.rounds.outcomes.record, lambda queued_job: None, window=0.01)
    both = (success, failure) if success_first else (failure, success)

    await asyncio.gather(*(recorder.record(ended) for ended in both))

    assert (await craft.row(event, webhook)).state == "delivered"
    assert await craft.value("SELECT count(*) FROM attempts") == 2


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("owed", "delivered"),
        ("parked", "delivered"),
        ("failed", "delivered"),
        ("cancelled", "cancelled"),
        ("expired", "expired"),
        ("delivered", "delivered"),
    ],
)
async def test_late_success_over(craft: Craft, before: str, after: str) -> None:
    """A success is kept whatever its fence, over a row given up too; what ended otherwise stays ended (protocol.md 1.3)."""
    webhook = await craft.hook()
    [event] = await craft.owe(webhook)
    [held] = await craft.drain()
    await craft.sql("UPDATE deliveries SET fence = 9, state = $1", before)

    await craft.rounds.outcomes.record([await craft.attempt(held, reply(200))])

    row = await craft.row(event, webhook)
    assert row.state == after
    assert row.fence == (10 if before in ("owed", "parked", "failed") else 9)


async def test_late_failure(craft: Craft, clock: Clock) -> None:
    """A failure under an old fence changes nothing of the row, and is kept as an attempt (protocol.md 1.3, 5.6)."""
    webhook = await craft.hook()
    [event] = await craft.owe(webhook)
    [old] = await craft.drain()
    clock.advance(LEASE)
    await craft.drain()
    before = await craft.row(event, webhook)

    await craft.rounds.outcomes.record([await craft.attempt(old, reply(410))])

    assert await craft.row(event, webhook) == before
    assert await craft.value("SELECT status FROM attempts WHERE fence = 1") == 410


async def test_record_told_twice(craft: Craft, clock: Clock) -> None:
    """An outcome that is written again, its first answer having been lost, counts once."""
    webhook = await craft.hook()
    [event] = await craft.owe(webhook)
    [held] = await craft.drain()
    ended = await craft.attempt(held, reply(503))

    await craft.rounds.outcomes.record([ended])
    once = await craft.row(event, webhook)
    await craft.rounds.outcomes.record([ended])

    assert await craft.row(event, webhook) == once
    assert (once.attempts, once.due_at) == (1, clock() + timedelta(seconds=3))
    assert await craft.value("SELECT count(*) FROM attempts") == 1


@pytest.mark.parametrize("cause", ["odd \0 byte", "half a pair \ud800"], ids=["by the server", "by the driver"])
async def test_one_that_cannot_be_stored(craft: Craft, cause: str) -> None:
    """Of a hundred outcomes one cannot be stored: 99 are stored, that one bare, and its row goes on
    all the same (protocol.md 5.1)."""
    webhook = await craft.hook()
    keys = await craft.owe(webhook, 100)
    held = await craft.drain(wanted=100, share=100)
    ended = [await craft.attempt(each, reply(200, b"fine")) for each in held[:-1]]
    ended.insert(41, await craft.attempt(held[-1], Failure(kind=FailureKind.reset, cause=cause)))
    recorder = Recorder(craft.rounds.outcomes.record, lambda queued_job: None, window=0.01)

    async with asyncio.timeout(10):
        await asyncio.gather(*(recorder.record(each) for each in ended))

    assert len(keys) == 100
    assert await craft.states() == {"delivered": 99, "owed": 1}
    assert await craft.value("SELECT count(*) FROM attempts WHERE response_body = 'fine'") == 99
    [bare] = await craft.fetch("SELECT * FROM attempts WHERE NOT success")
    assert "could not be stored" in bare["reason"]
    assert (bare["request_headers"], bare["response_body"]) == (b"[]", None)
    [row] = await craft.fetch("SELECT attempts, due_at FROM deliveries WHERE state = 'owed'")
    assert (row["attempts"], row["due_at"]) == (1, craft.clock() + timedelta(seconds=3))


async def test_hundred_together(craft: Craft) -> None:
    """A hundred outcomes that end at once are written by one statement."""
    webhook = await craft.hook()
    await craft.owe(webhook, 100)
    ended = [await craft.attempt(each) for each in await craft.drain(wanted=100, share=100)]
    sizes: list[int] = []

    async def counted(batch: Any) -> list[Any]:
        sizes.append(len(batch))
        return await craft.rounds.outcomes.record(batch)

    recorder = Recorder(counted, lambda queued_job: None, window=0.01)

    await asyncio.gather(*(recorder.record(each) for each in ended))

    assert sizes == [100]
    assert await craft.states() == {"delivered": 100}


async def test_window_stands_still(craft: Craft, clock: Clock) -> None:
    """The 12 hours stand still while the webhook is halted: an hour of it adds an hour (protocol.md 5.5)."""
    webhook = await craft.hook()
    [event] = await craft.owe(webhook)
    [held] = await craft.drain()
    await craft.rounds.outcomes.record([await craft.attempt(held, reply(503))])
    # Halted for an hour after the first attempt, then sent to again half an hour past the plain window.
    clock.advance(12 * 3600 + 1800)
    await craft.sql("UPDATE webhooks SET halted_seconds = halted_seconds + 3600")
    [held] = await craft.drain()

    await craft.rounds.outcomes.record([await craft.attempt(held, reply(503))])

    assert held.claimed.halted == 3600
    row = await craft.row(event, webhook)
    assert (row.state, row.due_at) == ("owed", clock() + timedelta(seconds=8))


async def test_halt_before_the_first_try(craft: Craft, clock: Clock) -> None:
    """Time that the webhook was halted before the first attempt gives no more window; past it the delivery is given up."""
    webhook = await craft.hook(halted_seconds=7200.0)
    [event] = await craft.owe(webhook)
    [held] = await craft.drain()
    await craft.rounds.outcomes.record([await craft.attempt(held, reply(503))])
    clock.advance(12 * 3600 + 1800)
    [held] = await craft.drain()

    await craft.rounds.outcomes.record([await craft.attempt(held, reply(503))])

    assert held.claimed.halted == 0
    row = await craft.row(event, webhook)
    assert (row.state, row.attempts) == ("failed", 2)
    assert row.reason is not None
    assert "503" in row.reason


async def test_weekend_without_workers(craft: Craft, clock: Clock) -> None:
    """An attempt once scheduled is made, however late: a weekend without workers gives nothing up before
    its first attempt (protocol.md 5.5)."""
    webhook = await craft.hook()
    [event] = await craft.owe(webhook)
    clock.advance(3 * 86400)

    [held] = await craft.drain()
    await craft.rounds.outcomes.record([await craft.attempt(held, reply(503))])

    row = await craft.row(event, webhook)
    assert (row.state, row.attempts, row.due_at) == ("owed", 1, clock() + timedelta(seconds=3))


async def test_given_up(craft: Craft, clock: Clock) -> None:
    """A delivery given up owes one notice, in the transaction that gives it up; told twice it is one event (protocol.md 5.7)."""
    webhook = await craft.hook()
    listener = await craft.hook(subscribed="com.hpe.greenlake.events.v1beta1.webhooks.delivery-failed")
    [event] = await craft.owe(webhook)
    [held] = await craft.drain()

    [notice] = await craft.rounds.outcomes.record([await craft.attempt(held, reply(301))])
    row = await craft.fetch("SELECT * FROM jobs WHERE id = $1", notice.key)
    await craft.jobs.run(notice)
    await craft.sql("INSERT INTO jobs SELECT ($1::jobs).*", row[0])
    await craft.jobs.run(notice)

    assert (await craft.row(event, webhook)).state == "failed"
    assert await craft.states(listener) == {"owed": 1}


async def test_notice_of_a_notice(craft: Craft) -> None:
    """A notice that cannot be delivered is given up without a notice of its own (protocol.md 5.7)."""
    told = "com.hpe.greenlake.events.v1beta1.webhooks.delivery-failed"
    webhook = await craft.hook(subscribed=told)
    [receipt] = await craft.intake.publish([craft.event(kind=told)])
    [held] = await craft.claim(*craft.announced)  # type: ignore[arg-type]  # tickets alone are announced here

    notices = await craft.rounds.outcomes.record([await craft.attempt(held, reply(301))])

    assert notices == []
    assert (await craft.row(receipt.key, webhook)).state == "failed"


async def test_faults_of_ours(craft: Craft) -> None:
    """A secret that cannot be unsealed is an outcome, retried, and says nothing of the webhook's health (protocol.md 5.4)."""
    webhook = await craft.hook(secret=b"\x04gone" + b"0" * 40)
    [event] = await craft.owe(webhook)
    [held] = await craft.drain()

    await craft.rounds.outcomes.record([await craft.attempt(held)])

    row = await craft.row(event, webhook)
    assert (row.state, row.attempts, row.status) == ("owed", 1, None)
    assert craft.wire.sent == []
    assert await craft.status(webhook) == "ACTIVE"


async def test_time_out_is_told(craft: Craft) -> None:
    """A time-out says so, for the in-flight share to shrink; an answer does not."""
    webhook = await craft.hook()
    await craft.owe(webhook, 2)
    one, other = await craft.drain()

    endings = [await craft.attempt(one, TIMED_OUT), await craft.attempt(other, reply(503))]

    assert [ended.answered for ended in endings] == [False, True]


async def test_what_is_kept_of_answers(craft: Craft, clock: Clock) -> None:
    """Whole answers of the first attempt and of the one that ends a delivery; 4 KB of bodies, and of headers, between."""
    webhook = await craft.hook()
    await craft.owe(webhook)
    great = [(f"X-{n}", "y" * 1000) for n in range(10)]
    for status in (503, 503, 503, 200):
        [held] = await craft.drain()
        await craft.rounds.outcomes.record([await craft.attempt(held, reply(status, b"z" * 20_000, *great))])
        clock.advance(3600)

    rows = await craft.fetch("SELECT length(response_body), length(response_headers) FROM attempts ORDER BY fence")
    sizes = [tuple(row) for row in rows]
    whole = (20_000, sizes[0][1])

    assert sizes == [whole, (4096, sizes[1][1]), (4096, sizes[1][1]), whole]
    assert sizes[1][1] <= 4096 + 100 < 10_000 < whole[1]
