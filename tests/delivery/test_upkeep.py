"""The clock's work: what races left behind, what leaves with age, and work in chunks (protocol.md 3.4, 6)."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from delivery.tickets import Job, JobKind
from delivery.upkeep.jobs import CHUNK, LEASE
from delivery.upkeep.sweeping import JOBS
from subscriptions.ground import partitions
from subscriptions.ground.database import Database
from subscriptions.webhooks.webhook import Change
from tests.clock import Clock
from tests.delivery.craft import REMEMBERED, TYPE, WORKSPACE, Craft
from tests.delivery.destinations import reply

TABLES = ("events", "deliveries", "attempts")
KEPT = 30 * 86400
OTHER = "485d4628bb5911eeb355f27748645044"


async def due_order(craft: Craft) -> list[UUID]:
    """Events of owed rows in the order in which drains will take them."""
    return [
        row["event"] for row in await craft.fetch("SELECT event FROM deliveries WHERE state = 'owed' ORDER BY due_at")
    ]


async def test_an_activation_wakes_parked_rows_in_order(craft: Craft, clock: Clock) -> None:
    """On activation parked rows become owed in order of arrival, their fences as they were (protocol.md 6.4)."""
    webhook = await craft.hook(status="DISABLED", paused=True, challenge_request_enabled=False)
    arrived: list[UUID] = []
    for _ in range(3):
        arrived += await craft.owe(webhook, 3, state="parked", fence=5)
        clock.advance(60)

    await craft.webhook_lifecycle.change(WORKSPACE, webhook, Change(paused=False))
    await craft.run_jobs()

    assert await due_order(craft) == arrived
    assert await craft.value("SELECT count(*) FROM deliveries WHERE fence = 5 AND leased_until IS NULL") == 9
    assert await craft.value("SELECT count(*) FROM jobs") == 0


async def test_wake_in_chunks(craft: Craft) -> None:
    """A wake changes 1,000 rows at a time until none is left."""
    webhook = await craft.hook()
    await craft.owe(webhook, 2 * CHUNK + 1, state="parked")

    await craft.upkeep.mend()
    await craft.run_jobs()

    assert await craft.states() == {"owed": 2 * CHUNK + 1}


async def test_wake_of_a_webhook_paused_again(craft: Craft) -> None:
    """A wake that finds its webhook paused again leaves the rows parked."""
    webhook = await craft.hook(status="DISABLED", paused=True, challenge_request_enabled=False)
    await craft.owe(webhook, 3, state="parked")
    await craft.webhook_lifecycle.change(WORKSPACE, webhook, Change(paused=False))
    await craft.webhook_lifecycle.change(WORKSPACE, webhook, Change(paused=True))

    await craft.run_jobs()

    assert await craft.states() == {"parked": 3}
    assert await craft.value("SELECT count(*) FROM jobs") == 0


async def test_a_delete_cancels_what_waits(craft: Craft, clock: Clock) -> None:
    """A delete cancels what waits in chunks; an attempt under way is left to end, and its outcome to be recorded
    (protocol.md 6.7)."""
    webhook = await craft.hook(subscribed=None)
    await craft.owe(webhook, 3)
    [flying, _, _] = await craft.drain()
    await craft.owe(webhook, CHUNK + 1, due_in=3600)
    await craft.owe(webhook, 5, state="parked")

    await craft.webhook_lifecycle.remove(WORKSPACE, webhook, force=False)
    await craft.run_jobs()
    during = await craft.states()
    await craft.rounds.outcomes.record([await craft.attempt(flying)])
    clock.advance(20)
    drained = await craft.drain()

    assert during == {"owed": 3, "cancelled": CHUNK + 6}
    assert drained == []
    assert await craft.states() == {"delivered": 1, "cancelled": CHUNK + 8}


async def test_killed_between_chunks(craft: Craft, database: Database, clock: Clock) -> None:
    """Work in chunks whose process died goes on after its lease, and is done once (protocol.md 3.6)."""
    webhook = await craft.hook()
    await craft.owe(webhook, 50, state="parked")
    await craft.upkeep.mend()
    [queued_job] = await craft.queued_jobs()
    async with database.raw() as connection:
        # Claimed, and then nothing: the process is gone.
        await connection.execute(
            "UPDATE jobs SET fence = fence + 1, leased_until = $1", clock() + timedelta(seconds=LEASE)
        )
    await craft.jobs.run(queued_job)
    early = await craft.queued_jobs()
    clock.advance(LEASE + 1)

    await craft.run_jobs()

    assert early == []
    assert await craft.states() == {"owed": 50}
    assert await craft.queued_jobs() == []


async def test_slow_sweep_wakes_once(craft: Craft) -> None:
    """Rows parked under a sendable webhook are woken by one job, however often the sweep comes by;
    others are left (protocol.md 3.4)."""
    webhook, paused = await craft.hook(), await craft.hook(status="DISABLED", paused=True)
    await craft.owe(webhook, 2, state="parked")
    await craft.owe(paused, 2, state="parked")

    await asyncio.gather(*(craft.upkeep.mend() for _ in range(3)))

    [queued_job] = craft.announced
    assert isinstance(queued_job, Job)
    assert (queued_job.kind, await craft.value("SELECT webhook FROM jobs")) == (JobKind.JOB, webhook)
    await craft.run_jobs()
    assert (await craft.states(webhook), await craft.states(paused)) == ({"owed": 2}, {"parked": 2})


@pytest.mark.parametrize(("status", "purpose"), [("PENDING", "greet"), ("ERROR", "probe")])
async def test_slow_sweep_restarts_challenges(craft: Craft, clock: Clock, status: str, purpose: str) -> None:
    """A webhook that waits for a challenge or a probe that no row stands for gets one, due at once, in
    its own epoch (protocol.md 3.4)."""
    webhook = await craft.hook(status=status, epoch=7)
    await craft.hook(status="DISABLED")
    await craft.hook(status=status, deleted_at=clock())

    await craft.upkeep.mend()

    rows = await craft.fetch("SELECT webhook, epoch, purpose, due_at FROM challenges")
    assert [tuple(row) for row in rows] == [(webhook, 7, purpose, clock())]
    assert craft.announced == [Job(kind=JobKind.CHALLENGE, key=webhook, fence=0)]


async def test_sweep_names_every_workspaces(craft: Craft, clock: Clock) -> None:
    """One workspace with more jobs due than a sweep names keeps another's younger ones from no sweep, of whatever kind."""
    hooks, [last] = (
        await craft.hooks(JOBS + 50, subscribed=None),
        await craft.hooks(1, workspace=OTHER, subscribed=None),
    )
    due = [(webhook, WORKSPACE) for webhook in hooks] + [(last, OTHER)]
    for webhook, workspace in due:
        await craft.sql("INSERT INTO challenges VALUES ($1, 1, 'greet', 1, $2, NULL, 2)", webhook, clock())
        await craft.sql(
            "INSERT INTO jobs (id, kind, webhook, due_at, fence) VALUES ($1, 'wake', $1, $2, 0)", webhook, clock()
        )
        await craft.sql("INSERT INTO spreads VALUES ($1, $2, $3, NULL, $4, NULL, 0)", webhook, workspace, TYPE, clock())
        clock.advance(0.001)

    named = await craft.queued_jobs()

    kinds = [JobKind.CHALLENGE, JobKind.JOB, JobKind.SPREAD]
    assert [sum(queued_job.kind is kind for queued_job in named) for kind in kinds] == [JOBS] * 3
    assert {queued_job.kind for queued_job in named if queued_job.key == last} == set(kinds)
    owners = await craft.jobs.owners([Job(kind=kind, key=last, fence=0) for kind in (*kinds, JobKind.BATCH)])
    assert owners == {(kind, last): OTHER for kind in (*kinds, JobKind.BATCH)}


async def test_slow_sweep_calms(craft: Craft, clock: Clock) -> None:
    """A webhook in WARNING without a failure for the failure window is ACTIVE again."""
    webhook = await craft.hook(challenge_request_enabled=False)
    await craft.owe(webhook)
    [held] = await craft.drain()
    await craft.rounds.outcomes.record([await craft.attempt(held, reply(503))])
    warned = await craft.status(webhook)
    clock.advance(12 * 3600 - 1)
    await craft.upkeep.mend()
    still = await craft.status(webhook)
    clock.advance(2)

    await craft.upkeep.mend()

    assert (warned, still, await craft.status(webhook)) == ("WARNING", "WARNING", "ACTIVE")


async def test_slow_sweep_calms_what_is_well_again(craft: Craft, clock: Clock) -> None:
    """With a success since its last failure a webhook is ACTIVE minutes later, and in WARNING until then (greenlake.md D.8)."""
    webhook = await craft.hook(challenge_request_enabled=False)
    await craft.owe(webhook, 2)
    for held, answer in zip(await craft.drain(), (reply(503), reply(200)), strict=True):
        await craft.rounds.outcomes.record([await craft.attempt(held, answer)])
    # The success was claimed before the failure was known; the next one clears the count.
    await craft.sql("UPDATE webhooks SET failures = 0, first_failure_at = NULL")
    said = []
    for seconds in (0, 299, 2):
        clock.advance(seconds)
        await craft.upkeep.mend()
        said.append(await craft.status(webhook))

    assert said == ["WARNING", "WARNING", "ACTIVE"]


async def test_parked_too_long(craft: Craft, clock: Clock) -> None:
    """Rows parked past the retention time end expired; younger ones, and those of a sendable
    webhook, do not (protocol.md 6.8)."""
    paused, active = await craft.hook(status="DISABLED"), await craft.hook()
    old = await craft.owe(paused, 3, state="parked")
    await craft.owe(active, 1, state="parked")
    clock.advance(3 * 86400)
    young = await craft.owe(paused, 2, state="parked")
    clock.advance(1)

    await craft.upkeep.prune(remembered=REMEMBERED)

    assert await craft.states(paused) == {"expired": 3, "parked": 2}
    assert await craft.states(active) == {"parked": 1}
    assert {(await craft.row(event, paused)).state for event in young} == {"parked"}
    assert (await craft.row(old[0], paused)).ended_at == clock()


async def test_receipts_past_their_window(craft: Craft, clock: Clock) -> None:
    """Receipts go when their window has passed, however many there are, and not before."""
    await craft.intake.publish([craft.event(n, id=f"old-{n}") for n in range(1500)])
    clock.advance(REMEMBERED - 60)
    await craft.intake.publish([craft.event(1, id="young")])
    await craft.upkeep.prune(remembered=REMEMBERED)
    before = await craft.value("SELECT count(*) FROM receipts")
    clock.advance(61)

    await craft.upkeep.prune(remembered=REMEMBERED)

    assert before == 1501
    assert await craft.value("SELECT count(*) FROM receipts") == 1


@pytest.fixture
async def past(craft: Craft) -> AsyncIterator[Clock]:
    """A clock that stands at noon of a day long past retention; the day has partitions."""
    now = datetime.now(UTC).replace(hour=12) - timedelta(seconds=KEPT + 3 * 86400)
    async with craft.database.raw() as connection:
        await partitions.make(connection, TABLES, [now.date()])
    clock = Clock()
    clock.now = now
    yield clock
    for table in TABLES:
        await craft.sql(f'DROP TABLE IF EXISTS "{partitions.name_of(table, now.date())}"')


async def there(craft: Craft, clock: Clock) -> int:
    names = [partitions.name_of(table, clock().date()) for table in TABLES]
    return int(await craft.value("SELECT count(*) FROM pg_class WHERE relname = ANY($1)", names))


@pytest.mark.parametrize("state", ["owed", "parked", "collecting", "bundled"])
async def test_unfinished_day(craft: Craft, database: Database, past: Clock, state: str) -> None:
    """A day past retention is dropped from all tables together, but not while a row of it is unfinished (protocol.md 1.9)."""
    webhook = await craft.hook()
    await Craft(database, past).owe(webhook, state=state, due_at=craft.clock() + timedelta(days=1))
    await craft.upkeep.prune(remembered=REMEMBERED)
    unfinished = await there(craft, past)
    await craft.sql("UPDATE deliveries SET state = 'delivered'")

    await craft.upkeep.prune(remembered=REMEMBERED)

    assert (unfinished, await there(craft, past)) == (3, 0)


async def test_day_with_a_spread_or_a_notice(craft: Craft, database: Database, past: Clock) -> None:
    """Nor is a day dropped while a spread or a notice of one of its events is still to be carried out."""
    webhook = await craft.hook()
    [event] = await Craft(database, past).owe(webhook, state="failed")
    await craft.sql(
        "INSERT INTO spreads (event, workspace_id, type, due_at, fence) VALUES ($1, '', '', $2, 0)", event, past()
    )
    await craft.upkeep.prune(remembered=REMEMBERED)
    with_spread = await there(craft, past)
    await craft.sql("DELETE FROM spreads")
    notice = "INSERT INTO jobs (id, kind, webhook, event, round, due_at, fence) VALUES ($1, 'notice', $2, $3, 0, $4, 0)"
    await craft.sql(notice, event, webhook, event, past())
    await craft.upkeep.prune(remembered=REMEMBERED)
    with_notice = await there(craft, past)
    await craft.sql("DELETE FROM jobs")

    await craft.upkeep.prune(remembered=REMEMBERED)

    assert (with_spread, with_notice, await there(craft, past)) == (3, 3, 0)


async def test_day_in_use(craft: Craft, database: Database, past: Clock) -> None:
    """A day that somebody reads at the moment is left for another time; nobody waits behind the drop for long."""
    async with database.raw() as connection, connection.transaction():
        await connection.fetch(f'SELECT * FROM "{partitions.name_of("events", past().date())}"')
        await craft.upkeep.prune(remembered=REMEMBERED)
        in_use = await there(craft, past)

    await craft.upkeep.prune(remembered=REMEMBERED)

    assert (in_use, await there(craft, past)) == (3, 0)


async def test_partitions_ahead(craft: Craft, database: Database, clock: Clock) -> None:
    """Partitions are made a week ahead, by any number of processes at once (protocol.md 1.8)."""
    # Those of a week from now were there before.
    clock.advance(2 * 86400)
    await asyncio.gather(*(Craft(database, clock).upkeep.make_partitions() for _ in range(3)))

    async with database.raw() as connection:
        days = await partitions.kept(connection, "deliveries")
    today = clock().date()
    assert {today + timedelta(days=n) for n in range(-1, 8)} <= set(days)
