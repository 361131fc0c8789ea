"""Numbers: whatever is recorded is counted once, in its own transaction, and folded once (protocol.md 5.8)."""

import asyncio
import random
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import replace

from delivery.ledger.counts import histograms
from delivery.ledger.counts.rollups import DAY, HOUR, MINUTE, NOBODY
from delivery.ledger.webhooks.state_history import KEPT
from delivery.reports.figures import Scope, Span
from delivery.upkeep.counting import FOLDED
from delivery.wire.parcels import Failure, FailureKind, Reply
from subscriptions.webhooks.webhook import Change
from tests.clock import Clock
from tests.delivery.craft import WORKSPACE, Craft
from tests.delivery.destinations import TIMED_OUT, reply


async def rollup(craft: Craft, webhook: UUID = NOBODY, *, workspace: str = "", grain: int = MINUTE) -> Any:
    """The one there is of the scope and grain."""
    [row] = await craft.fetch(
        "SELECT * FROM rollups WHERE webhook = $1 AND workspace_id = $2 AND grain = $3", webhook, workspace, grain
    )
    return row


async def test_what_attempts_came_to_is_counted(craft: Craft, clock: Clock) -> None:
    """Of a webhook, its workspace and all, by minute, hour and day: attempts, what they did, and classes of their statuses."""
    webhook = await craft.hook()
    await craft.owe(webhook, 5)
    clock.advance(0.5)
    held = await craft.drain()
    answers: list[Reply | Failure] = [reply(204), reply(302), reply(410), reply(503), TIMED_OUT]
    ended = [await craft.attempt(each, answer) for each, answer in zip(held, answers, strict=True)]

    await craft.rounds.outcomes.record(ended)
    await craft.counting.count()

    states = await craft.states()
    found = [
        await rollup(craft, of, workspace=workspace, grain=grain)
        for of, workspace in ((webhook, ""), (NOBODY, WORKSPACE), (NOBODY, ""))
        for grain in (MINUTE, HOUR, DAY)
    ]
    for row in found:
        assert (row["attempts"], row["succeeded"], row["delivered"], row["given_up"]) == (
            5,
            1,
            1,
            states.get("failed", 0),
        )
        assert [row[name] for name in ("status_2xx", "status_3xx", "status_4xx", "status_5xx", "unanswered")] == [1] * 5
        assert sum(histograms.merged([row["took"]]).values()) == 4
        assert histograms.quantile(histograms.merged([row["arrived"]]), 0.5) == pytest.approx(500, rel=0.1)
    assert {row["start"].minute for row in found if row["grain"] == HOUR} == {0}
    assert await craft.value("SELECT count(*) FROM outcome_counts") == 0


async def test_an_outcome_told_twice_counts_once(craft: Craft) -> None:
    """The first answer having been lost, it is written again with others: neither attempt nor delivery is counted anew."""
    webhook = await craft.hook()
    await craft.owe(webhook, 2)
    first, second = [await craft.attempt(each, reply(200)) for each in await craft.drain()]

    await craft.rounds.outcomes.record([first])
    await craft.rounds.outcomes.record([first, second])
    await craft.counting.count()
    await craft.counting.count()

    row = await rollup(craft, webhook)
    assert (row["attempts"], row["succeeded"], row["delivered"]) == (2, 2, 2)


async def test_a_late_success_delivers_and_a_late_failure_does_not_give_up(craft: Craft, clock: Clock) -> None:
    """An attempt under an old fence is an attempt; what it does to its delivery is counted as far as it does it."""
    webhook = await craft.hook()
    await craft.owe(webhook)
    [old] = await craft.drain()
    clock.advance(20)
    [new] = await craft.drain()

    await craft.rounds.outcomes.record([await craft.attempt(old, reply(410))])
    await craft.rounds.outcomes.record([await craft.attempt(new, reply(200))])
    await craft.counting.count()

    row = await rollup(craft, webhook)
    assert (row["attempts"], row["succeeded"], row["delivered"], row["given_up"]) == (2, 1, 1, 0)


async def test_counts_stand_and_fall_with_their_outcomes(craft: Craft) -> None:
    """Outcomes that are rolled back were never counted, and one that is recorded bare is counted as one."""
    webhook = await craft.hook()
    await craft.owe(webhook, 3)
    held = await craft.drain()
    odd = Failure(kind=FailureKind.reset, cause="odd \0 byte")
    answers: list[Reply | Failure] = [reply(200), odd, reply(200)]
    ended = [
        replace(await craft.attempt(each, answer), matters=False) for each, answer in zip(held, answers, strict=True)
    ]

    await craft.rounds.outcomes.record(ended)
    await craft.counting.count()

    row = await rollup(craft, webhook)
    assert (row["attempts"], row["delivered"], row["unanswered"]) == (3, 2, 1)


async def test_many_are_counted_in_few_rows(craft: Craft) -> None:
    """One statement writes outcomes and their counts, sixty to a row, and none of them is lost when rows are folded by turns."""
    webhook = await craft.hook()
    await craft.owe(webhook, 150)
    ended = [await craft.attempt(each, reply(200)) for each in await craft.drain(wanted=200, share=200)]

    await craft.rounds.outcomes.record(ended)

    assert await craft.value("SELECT count(*) FROM outcome_counts") == 3
    await asyncio.gather(*(craft.counting.count() for _ in range(4)))
    assert (await rollup(craft, webhook, grain=DAY))["delivered"] == 150


async def test_what_was_left_while_nobody_folded_is_folded_minute_by_minute(craft: Craft, clock: Clock) -> None:
    """Counts of three minutes, more rows than one transaction takes: each in its own minute, all in their hour or day."""
    webhook = await craft.hook()
    for _ in range(3):
        await craft.sql(
            "INSERT INTO outcome_counts SELECT $1, ARRAY[$2::uuid], '{200}', '{3}', '{7}', '{9}' FROM generate_series(1, $3)",
            *(clock(), webhook, FOLDED * 3 // 5),
        )
        clock.advance(60)

    await craft.counting.count()

    rows = await craft.fetch("SELECT attempts FROM rollups WHERE webhook = $1 AND grain = 1", webhook)
    assert [row["attempts"] for row in rows] == [FOLDED * 3 // 5] * 3
    days = await craft.fetch("SELECT delivered FROM rollups WHERE webhook = $1 AND grain = 1440", webhook)
    assert sum(row["delivered"] for row in days) == FOLDED * 3 // 5 * 3


async def test_accepted_events_are_counted(craft: Craft) -> None:
    """In the transaction that accepts them, once, for their workspace and for all."""
    await craft.hook()
    await craft.intake.publish([craft.event(1, id="one"), craft.event(2, id="two")])
    await craft.intake.publish([craft.event(1, id="one"), craft.event(3)])
    await craft.counting.count()

    assert (await rollup(craft, workspace=WORKSPACE, grain=HOUR))["accepted"] == 3
    assert (await rollup(craft, grain=DAY))["accepted"] == 3


async def test_what_waits_is_sampled(craft: Craft, clock: Clock) -> None:
    """Overdue, retrying and parked rows, and the age of the oldest; not what is in hands or has a ticket on its way."""
    failing, halted, well = await craft.hook(), await craft.hook(status="ERROR"), await craft.hook()
    since = clock()
    await craft.owe(failing, 2, attempts=1, due_in=900)
    clock.advance(30)
    await craft.owe(failing)
    await craft.owe(halted, 3, state="parked")
    await craft.owe(well, due_in=1)
    clock.advance(10)
    await craft.owe(well, due_in=1)
    await craft.sql(
        "UPDATE deliveries SET leased_until = $1 WHERE webhook = $2 AND due_at < $1", clock() + timedelta(5), well
    )

    await craft.counting.count()

    rows = {row["webhook"]: row for row in await craft.fetch("SELECT * FROM backlogs")}
    assert {key: (row["waiting"], row["more"]) for key, row in rows.items()} == {
        failing: (3, False),
        halted: (3, False),
    }
    assert abs(rows[failing]["oldest"] - since) < timedelta(milliseconds=1)
    everything = await rollup(craft, grain=HOUR)
    assert (everything["waiting"], everything["oldest"]) == (6, 40)

    await craft.sql("UPDATE deliveries SET state = 'delivered'")
    await craft.counting.count()
    assert await craft.fetch("SELECT * FROM backlogs") == []
    assert (await rollup(craft, failing, grain=HOUR))["waiting"] == 3


async def test_a_sample_of_nothing_is_a_sample(craft: Craft, clock: Clock) -> None:
    """When what waits was counted is known where nothing waited; a step that was folded, and in which nobody counted, is none."""
    webhook = await craft.hook()
    await craft.counting.count()
    clock.advance(180)
    await craft.owe(webhook)
    [held] = await craft.drain()
    await craft.rounds.outcomes.record([await craft.attempt(held, reply(204))])
    clock.advance(60)
    await craft.counting.count()

    points = (await craft.assembly.figures.over(Span.HOUR, Scope(webhook=webhook))).points[-5:]

    assert [(point.waiting, point.counts.attempts) for point in points] == [
        (0, 0),
        (None, 0),
        (None, 0),
        (None, 1),
        (0, 0),
    ]


async def test_a_sample_counts_no_further_than_its_budget(craft: Craft) -> None:
    """However much waits for one webhook, a thousand of a day are counted, and said to be more."""
    webhook = await craft.hook(status="ERROR")
    await craft.owe(webhook, 1500, state="parked")

    await craft.counting.count()

    [row] = await craft.fetch("SELECT waiting, more FROM backlogs")
    assert (row["waiting"], row["more"]) == (1000, True)


async def test_old_numbers_leave(database: Any, clock: Clock) -> None:
    """Minutes, hours and days are kept for as long as is set for each."""
    craft = Craft(database, clock, keep_minute_rollups=60.0, keep_hour_rollups=2 * 3600.0, keep_day_rollups=3 * 86400.0)
    await craft.hook()
    await craft.publish()
    await craft.counting.count()

    left = []
    for passed in (120, 3 * 3600, 4 * 86400):
        clock.advance(passed)
        await craft.counting.forget()
        left.append({row["grain"] for row in await craft.fetch("SELECT DISTINCT grain FROM rollups")})

    assert left == [{HOUR, DAY}, {DAY}, set()]


async def test_quantiles_are_within_a_tenth(craft: Craft) -> None:
    """From one millisecond to twelve hours, by the buckets that statements put them into."""
    bucketed = f"SELECT ({histograms.BUCKET} << {histograms.SHIFT}) + 1 AS one FROM unnest($1::float8[]) AS ms"
    chance = random.Random(7)
    for mean in (2, 30, 800, 20_000, 3_000_000):
        values = sorted(max(1, round(chance.lognormvariate(0, 1) * mean)) for _ in range(5000))
        histogram = histograms.merged([row["one"]] for row in await craft.fetch(bucketed, values))
        for share in (0.5, 0.95, 0.99):
            exact = values[int(share * len(values)) - 1]
            assert histograms.quantile(histogram, share) == pytest.approx(exact, rel=0.1)
    assert histograms.quantile({}, 0.5) is None


async def test_statuses_are_remembered(craft: Craft, clock: Clock) -> None:
    """Each with its reason and since when, from the first on, whatever moved it; a failure that moves nothing adds none
    (protocol.md 6.10)."""
    webhook = await craft.hook()
    await craft.owe(webhook, 2)
    for each in await craft.drain():
        await craft.rounds.outcomes.record([await craft.attempt(each, reply(503))])
    clock.advance(60)
    await craft.webhook_lifecycle.change(WORKSPACE, webhook, Change(paused=True), by="user:someone")

    rows = await craft.fetch("SELECT * FROM webhook_states WHERE webhook = $1 ORDER BY place", webhook)
    assert [row["status"] for row in rows] == ["WARNING", "DISABLED"]
    assert [row["since"] for row in rows] == [clock() - timedelta(seconds=60), clock()]
    assert "503" in rows[0]["reason"]
    assert rows[1]["reason"] == "Webhook Disabled by user: user:someone"


async def test_the_newest_statuses_are_kept(craft: Craft) -> None:
    """A webhook that goes to and fro for ever has a history of bounded length."""
    webhook = await craft.hook(challenge_request_enabled=False)
    other = await craft.hook()
    await craft.sql(
        "INSERT INTO webhook_states (webhook, since, status, reason) SELECT w, now(), 'ACTIVE', n::text "
        "FROM generate_series(1, 250) AS n, unnest($1::uuid[]) AS w",
        [webhook, other],
    )

    await craft.webhook_lifecycle.change(WORKSPACE, webhook, Change(paused=True))

    kept = await craft.fetch("SELECT status, reason FROM webhook_states WHERE webhook = $1 ORDER BY place", webhook)
    assert (len(kept), kept[0]["reason"], kept[-1]["status"]) == (KEPT, "52", "DISABLED")
    assert await craft.value("SELECT count(*) FROM webhook_states WHERE webhook = $1", other) == 250
