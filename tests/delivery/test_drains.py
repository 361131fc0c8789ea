"""Drains and the sweep that sends them: whose turn it is, and how much at most (protocol.md 3.2, 3.3)."""

import asyncio
from collections import Counter
from datetime import timedelta

import pytest

from delivery.ledger.claims import drains
from delivery.tickets import JobKind
from subscriptions.ground.database import Database
from tests.clock import Clock
from tests.delivery.craft import Craft

OTHER = "485d4628bb5911eeb355f27748645044"
THIRD = "f" * 32


async def test_workspaces_in_turn(craft: Craft) -> None:
    """Of 30 rows three workspaces get 10 each, however many webhooks and rows one of them has."""
    crowd = await craft.hooks(6)
    for webhook in crowd:
        await craft.owe(webhook, 50)
    other, third = await craft.hook(workspace=OTHER), await craft.hook(workspace=THIRD)
    await craft.owe(other, 40)
    await craft.owe(third, 40)

    held = await craft.drain(wanted=30)

    by_workspace = Counter(h.hook.workspace_id for h in held)
    assert len(held) == 30
    assert by_workspace[OTHER] == by_workspace[THIRD] == 10
    assert set(Counter(h.claimed.webhook for h in held if h.claimed.webhook in crowd).values()) <= {1, 2}


async def test_small_workspace_is_no_waste(craft: Craft) -> None:
    """What a workspace does not use of its portion the next drain gives to the others."""
    busy, idle = await craft.hook(), await craft.hook(workspace=OTHER)
    await craft.owe(busy, 100)
    await craft.owe(idle, 1)

    first, second = await craft.drain(wanted=40), await craft.drain(wanted=40)

    assert Counter(h.claimed.webhook for h in first) == {busy: 20, idle: 1}
    assert Counter(h.claimed.webhook for h in second) == {busy: 40}


async def test_a_webhook_is_claimed_within_its_free_share(craft: Craft) -> None:
    """Of one webhook at most its free in-flight share is claimed; with none left it costs no claim at all."""
    webhook, slow, full = await craft.hook(), await craft.hook(), await craft.hook()
    for each in (webhook, slow, full):
        await craft.owe(each, 20)

    held = await craft.drain(wanted=60, share=8, **{slow.hex: 1, full.hex: 0})

    assert Counter(h.claimed.webhook for h in held) == {webhook: 8, slow: 1}
    assert await craft.value("SELECT sum(fence) FROM deliveries WHERE webhook = $1", full) == 0


@pytest.mark.parametrize("wanted", [1, 7, 200])
async def test_never_more_than_wanted(craft: Craft, wanted: int) -> None:
    """A drain claims, and touches, no more rows than the process has slots for."""
    for webhook in await craft.hooks(9):
        await craft.owe(webhook, 30)

    held = await craft.drain(wanted=wanted)

    assert len(held) == wanted
    assert await craft.value("SELECT count(*) FROM deliveries WHERE fence > 0") == wanted


async def test_order_of_due_time(craft: Craft) -> None:
    """Of a webhook the rows that were due first go first; those not due yet do not go."""
    webhook = await craft.hook()
    late = await craft.owe(webhook, 3, due_in=-10)
    [later] = await craft.owe(webhook, 1, due_in=-20)
    await craft.owe(webhook, 3, due_in=1)

    [first] = await craft.drain(wanted=1)
    rest = await craft.drain(wanted=10)

    assert first.claimed.event == later
    assert {h.claimed.event for h in rest} == set(late)


@pytest.mark.parametrize("chance", [0.0, 0.3, 0.999999])
@pytest.mark.parametrize("attempts", [0, 1])
async def test_wherever_it_begins(database: Database, clock: Clock, chance: float, attempts: int) -> None:
    """Where many are due a drain goes round once from where chance puts it: a row is found wherever its webhook stands."""
    craft = Craft(database, clock, chance=chance)
    busy, webhook = await craft.hooks(2)
    await craft.owe(busy, drains.MANY, due_in=-9)
    [event] = await craft.owe(webhook, attempts=attempts)

    assert [h.claimed.event for h in await craft.drain(**{busy.hex: 0})] == [event]


async def test_drains_side_by_side(craft: Craft, database: Database, clock: Clock) -> None:
    """Drains of several processes at once claim different rows."""
    for webhook in await craft.hooks(4):
        await craft.owe(webhook, 25)
    processes = [craft, *(Craft(database, clock, chance=n / 4) for n in range(4))]

    claims = await asyncio.gather(*(process.drain(wanted=50) for process in processes))

    keys = [h.key for held in claims for h in held]
    assert len(keys) == len(set(keys))
    assert await craft.value("SELECT max(fence) FROM deliveries") == 1


async def test_one_slot_for_many(database: Database, clock: Clock) -> None:
    """Slots that come free one by one go to workspaces in turn too, wherever their webhooks stand in the index."""
    craft = Craft(database, clock)
    for webhook in (*await craft.hooks(5, workspace=OTHER), await craft.hook(workspace=THIRD)):
        await craft.owe(webhook, 40)

    claims = [await Craft(database, clock, chance=n / 40).drain(wanted=1) for n in range(40)]

    by_workspace = Counter(held[0].hook.workspace_id for held in claims)
    assert by_workspace.total() == 40
    assert min(by_workspace[OTHER], by_workspace[THIRD]) >= 6


@pytest.mark.parametrize("many", [0, drains.MANY])
async def test_due_among_many_that_wait(craft: Craft, many: int) -> None:
    """A due row is found by one drain though many hundreds of webhooks have rows that are not due, and one that does not
    answer has as many due as a drain looks at."""
    webhooks = await craft.hooks(700, subscribed=None)
    waiting = await craft.owe(webhooks[0], 700, due_in=60)
    apart = "UPDATE deliveries d SET webhook = t.webhook FROM unnest($1::uuid[], $2::uuid[]) AS t (event, webhook)"
    await craft.sql(f"{apart} WHERE d.event = t.event", waiting, webhooks)
    if many:
        await craft.owe(webhooks[0], many, due_in=-9)
    # A drain begins in the middle.
    [event] = await craft.owe(webhooks[690], due_in=-1)

    held = await craft.drain(**{webhooks[0].hex: 0})

    assert [h.claimed.event for h in held] == [event]


async def test_due_beyond_the_walk(craft: Craft) -> None:
    """What is in flight counts as due, and a row that the walk does not come to is found among those that were due first."""
    webhooks = await craft.hooks(2 * drains.STEPS + 2, subscribed=None)
    waiting = await craft.owe(webhooks[0], len(webhooks), due_in=60, attempts=1)
    apart = "UPDATE deliveries d SET webhook = t.webhook FROM unnest($1::uuid[], $2::uuid[]) AS t (event, webhook)"
    await craft.sql(f"{apart} WHERE d.event = t.event", waiting, webhooks)
    await craft.owe(webhooks[0], drains.MANY, due_in=-9, leased_until=craft.clock() + timedelta(seconds=60))
    # A drain begins in the middle, and has come round to the first few when its steps are over.
    [event] = await craft.owe(webhooks[drains.STEPS - 200], due_in=-1)

    held = await craft.drain()

    assert [h.claimed.event for h in held] == [event]


async def test_drains_for_what_is_due(craft: Craft) -> None:
    """The sweep sends one drain per 200 due rows, not for those that are leased or not due (protocol.md 1.5)."""
    webhook = await craft.hook()
    for name in range(5):
        await craft.upkeep.report(f"worker-{name}", slots=500, free=500)
    idle = await craft.upkeep.sweep(0)
    await craft.owe(webhook, 401)
    await craft.owe(webhook, 100, due_in=1)
    await craft.owe(webhook, 100, leased_until=craft.clock() + timedelta(seconds=1))

    swept = await craft.upkeep.sweep(0)

    assert (idle.drains, swept.drains) == (0, 3)


@pytest.mark.parametrize(
    ("free", "outstanding", "drains"),
    [(0, 0, 0), (1, 0, 1), (2, 0, 2), (3, 0, 3), (1000, 0, 3), (1000, 1, 2), (1000, 3, 0), (1000, 50, 0)],
)
async def test_no_more_drains_than_slots(craft: Craft, free: int, outstanding: int, drains: int) -> None:
    """However much is due, no more drains are outstanding than there are workers, nor than they have free slots: busy ones
    get theirs too, for a message goes to any of them."""
    await craft.owe(await craft.hook(), 2000)
    for name, slots in (("idle", free), ("busy", 0), ("full", 0)):
        await craft.upkeep.report(name, slots=1000, free=slots)

    assert (await craft.upkeep.sweep(outstanding)).drains == drains


async def test_silent_worker(craft: Craft, clock: Clock) -> None:
    """A worker that has been silent for 5 s, or took its leave, gets no drains."""
    await craft.owe(await craft.hook(), 400)
    await craft.upkeep.report("dead", slots=500, free=500)
    clock.advance(4)
    await craft.upkeep.report("leaving", slots=200, free=200)
    both = await craft.upkeep.sweep(0)
    clock.advance(2)
    one = await craft.upkeep.sweep(0)
    await craft.upkeep.leave("leaving")

    none = await craft.upkeep.sweep(0)

    assert [swept.drains for swept in (both, one, none)] == [2, 1, 0]


async def test_one_sweep_at_a_time(craft: Craft, database: Database) -> None:
    """While one sweep runs another sends nothing."""
    await craft.owe(await craft.hook(), 400)
    for name in ("one", "other"):
        await craft.upkeep.report(name, slots=500, free=500)
    async with database.raw() as connection, connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock($1)", 0x6C616B01)
        during = await craft.upkeep.sweep(0)

    after = await craft.upkeep.sweep(0)

    assert (during.drains, after.drains) == (0, 2)


async def test_jobs_of_the_sweep(craft: Craft, clock: Clock) -> None:
    """The sweep nudges spreads, challenges and jobs that are due and in nobody's hands."""
    await craft.hooks(501)
    pending = await craft.hook(status="PENDING", subscribed=None)
    await craft.publish()
    await craft.upkeep.mend()
    await craft.sql(
        "INSERT INTO jobs (id, kind, webhook, due_at, fence) VALUES ($1, 'wake', $1, $2, 0)", pending, clock()
    )
    early = await craft.queued_jobs()
    clock.advance(2)

    found = await craft.queued_jobs()
    # Of 501 active webhooks one or the other may have its heartbeat by now.
    challenged = {queued_job.key for queued_job in found if queued_job.kind is JobKind.CHALLENGE}

    assert {queued_job.kind for queued_job in early} == {JobKind.CHALLENGE, JobKind.JOB}
    assert {queued_job.kind for queued_job in found} == {JobKind.SPREAD, JobKind.CHALLENGE, JobKind.JOB}
    assert pending in challenged


@pytest.mark.parametrize(
    ("owed", "kept", "taken"),
    [
        ((100, 1000), 0, (32, 8)),
        ((100, 1000), 25, (15, 25)),
        ((100, 0), 25, (40, 0)),
        ((0, 1000), 0, (0, 40)),
        ((10, 1000), 0, (10, 30)),
        ((100, 3), 0, (37, 3)),
    ],
)
@pytest.mark.parametrize("apart", [True, False])
async def test_first_attempts_before_retries(
    craft: Craft, owed: tuple[int, int], kept: int, taken: tuple[int, int], apart: bool
) -> None:
    """First attempts go before retries that were due before them, for which a fifth is kept, or more where they lack more;
    whether both are owed to one webhook or to two of different workspaces."""
    firsts, retries = await craft.hook(), await craft.hook(workspace=OTHER)
    if owed[1]:
        await craft.owe(retries if apart else firsts, owed[1], due_in=-60, attempts=3)
    if owed[0]:
        await craft.owe(firsts, owed[0], due_in=-1)

    held = await craft.drain(wanted=40, share=120, retries=kept)

    tried = sum(h.claimed.attempts > 0 for h in held)
    assert (len(held) - tried, tried) == taken


@pytest.mark.parametrize(("chance", "attempts"), [(0.0, 0), (0.79, 0), (0.81, 3), (0.99, 3)])
async def test_fifth_of_one(database: Database, clock: Clock, chance: float, attempts: int) -> None:
    """A webhook that may have one attempt at a time gives every fifth of them to a retry, while both wait."""
    craft = Craft(database, clock, chance=chance)
    webhook = await craft.hook()
    await craft.owe(webhook, 5, due_in=-60, attempts=3)
    await craft.owe(webhook, 5, due_in=-1)

    [held] = await craft.drain(wanted=10, share=1)

    assert held.claimed.attempts == attempts


async def test_share_for_both(craft: Craft) -> None:
    """A webhook's free share holds for its first attempts and its retries together."""
    webhook = await craft.hook()
    await craft.owe(webhook, 50, due_in=-60, attempts=3)
    await craft.owe(webhook, 50, due_in=-1)

    held = await craft.drain(wanted=100, share=10)

    assert Counter(h.claimed.attempts for h in held) == {0: 8, 3: 2}
