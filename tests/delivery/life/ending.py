"""How an example begins and ends: webhooks of all kinds, and a calm in which everything due is carried out.

After the calm nothing is lost and nothing is stuck (protocol.md 10.1). What is asked in between is `watch.py`'s.
"""

from collections.abc import Awaitable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from delivery.ledger.counts.rollups import NOBODY
from delivery.tickets import Job
from subscriptions.ground.database import Database
from subscriptions.ground.errors import Absent, TooSoon
from tests.delivery.craft import Craft
from tests.delivery.life import stuck
from tests.delivery.life.promises import Promises
from tests.delivery.life.stage import Actor
from tests.delivery.life.watch import SENDABLE, Watch
from tests.delivery.life.world import KINDS, Process, World

#: Which kinds the webhooks of `furnish` want.
WANTED = ((0, 1), (0, 2), (0, 1), (0, 2))
#: Two of the longest leases, a challenge's, and the interval of the slow sweep; in seconds.
LEASES, MEND = 50.0, 60.0
#: Rounds of a calm after which what still moves will never end.
ROUNDS = 300
#: Seconds that a calm goes on by at least: it is long, and nothing is at stake in it.
STRIDE = 5.0
NEVER = datetime.max.replace(tzinfo=UTC)

TABLES = (
    *("replay_items", "replays"),
    *("attempts", "deliveries", "parcels", "spreads", "challenges", "jobs", "workers", "receipts", "events"),
    *("outcome_counts", "accepted_counts", "rollups", "backlogs", "webhook_states"),
)
# What is due already, and was not carried out, waits for the slow sweep. A probe that has nothing to try is repeated for ever.
UNFINISHED = """
SELECT min(due) FILTER (WHERE due > $1) AS due, count(*) FILTER (WHERE due <= $1) AS left FROM (
    SELECT greatest(d.due_at, d.leased_until) AS due FROM deliveries d WHERE d.state = 'owed'
    UNION ALL SELECT greatest(due_at, leased_until) FROM spreads
    UNION ALL SELECT greatest(due_at, leased_until) FROM jobs
    UNION ALL SELECT greatest(r.due_at, r.leased_until) FROM replays r WHERE r.state = 'running' AND NOT r.found_all
    UNION ALL SELECT greatest(r.due_at, r.leased_until) FROM replays r JOIN replay_items i ON i.replay = r.id
        LEFT JOIN deliveries d ON d.event = i.event AND d.webhook = i.webhook AND d.round = i.round
        WHERE CASE i.stage WHEN 0 THEN r.state <> 'paused' ELSE d.state NOT IN ('parked', 'collecting', 'bundled') END
    UNION ALL SELECT greatest(c.due_at, c.leased_until) FROM challenges c JOIN webhooks w ON w.id = c.webhook
        WHERE c.purpose = 'greet' OR (c.purpose = 'probe' AND w.challenge_request_enabled)
            OR (c.purpose IN ('probe', 'earned') AND EXISTS (
                SELECT 1 FROM deliveries d WHERE d.webhook = w.id AND d.state IN ('owed', 'parked')))
    UNION ALL SELECT d.due_at FROM deliveries d JOIN webhooks w ON w.id = d.webhook
        WHERE d.state = 'collecting' AND w.status NOT IN ('PENDING', 'DISABLED')
    UNION ALL SELECT max(d.ended_at) FROM parcels p JOIN deliveries d ON d.event = p.id AND d.webhook = p.webhook
        WHERE NOT p.settled GROUP BY p.id HAVING count(d.ended_at) = count(*)
) AS unfinished
"""

# What was counted, and what there is to be counted.
COUNTED = """
SELECT (SELECT coalesce(sum(attempts), 0) FROM rollups WHERE grain = 1440 AND webhook = $1 AND workspace_id = '') AS attempts,
    (SELECT coalesce(sum(succeeded), 0) FROM rollups WHERE grain = 1440 AND webhook <> $1) AS succeeded,
    (SELECT count(*) FROM attempts WHERE round >= 0) AS kept, (SELECT count(*) FROM attempts WHERE round >= 0 AND success) AS well
"""


async def clean(database: Database) -> None:
    """What the example before this one left is gone."""
    async with database.raw() as connection:
        for table in (*TABLES, "subscriptions", "webhooks"):
            await connection.execute(f"DELETE FROM {table}")


async def furnish(world: World) -> list[UUID]:
    """A webhook without challenges, one with, one that batches and one with a rate."""
    craft = world.processes[0].craft
    ids = await craft.hooks(4, subscribed=None)
    columns = ("challenge_request_enabled = false", "failures = 0", "batching = true", "endpoint_rate_limit = 20")
    for hook, column, kinds in zip(ids, columns, WANTED, strict=True):
        await craft.sql(f"UPDATE webhooks SET {column} WHERE id = $1", hook)
        for kind in kinds:
            await craft.subscribe([hook], KINDS[kind])
    await craft.upkeep.report("worker", slots=1000, free=1000)
    return ids


async def tolerant(work: Awaitable[Any]) -> None:
    """Of a webhook that may be gone, or be asked already."""
    with suppress(Absent, TooSoon):
        await work


async def go_on(actor: Actor) -> None:
    """Lets it go on from where it stands still."""
    if actor.still is not None:
        actor.still.set_result(None)


async def calm(world: World, watch: Watch, promises: Promises, publishing: Sequence[Actor]) -> None:
    """All faults end; what is due is carried out until nothing is; raises AssertionError for what was lost or is stuck."""
    await _faults_end(world, watch, publishing)
    await _until_quiet(world, watch, until=world.clock() + timedelta(seconds=LEASES))
    _nobody_forgotten(watch)
    await _mend(world, watch)
    await _nothing_stuck(world)
    await _until_quiet(world, watch)
    await _nothing_stuck(world)
    _nothing_lost(world, watch, promises)
    await _counted_once(world.processes[0].craft)


async def _faults_end(world: World, watch: Watch, publishing: Sequence[Actor]) -> None:
    world.answers_at_once = True
    world.broker.clear()
    for actor in publishing:
        await go_on(actor)
    await world.stage.settled()
    # What has just come into being may be delivered by a probe in what follows.
    await watch.look()
    for exchange in list(world.exchanges):
        await world.let(exchange, None)
        await world.stage.settled()
    for process in list(world.processes):
        for each in world.recordable(process):
            await world.record(process, [each])
        await world.die(process)
        process.gate.fuse = None
    world.step += 1
    await watch.look()


async def _carry_out(world: World, watch: Watch) -> None:
    """What a sweep finds, and what follows from it at once."""
    process = world.processes[0]
    await process.craft.upkeep.report("worker", slots=1000, free=1000)
    for _ in range(ROUNDS):
        world.step += 1
        announced = [nudge for nudge in world.broker if isinstance(nudge, Job)]
        queued_jobs = list(dict.fromkeys([*announced, *(await process.craft.upkeep.sweep(0)).jobs]))
        world.broker.clear()
        for queued_job in queued_jobs:
            world.carry(process, queued_job)
            await world.stage.settled()
            await watch.look()
        moved = await _deliver(world, watch, process)
        if not moved and not queued_jobs:
            return
    raise AssertionError("what is due never ends")


async def _deliver(world: World, watch: Watch, process: Process) -> bool:
    claimed = sorted(
        await world.drain(process, 100, 100), key=lambda each: each.held.claimed.send_at or each.claimed_at
    )
    for each in claimed:
        send_at = each.held.claimed.send_at
        if send_at is not None and send_at > world.clock():
            world.clock.advance((send_at - world.clock()).total_seconds())
        world.begin(each)
        await world.stage.settled()
    await world.record(process, world.recordable(process))
    await watch.look()
    return bool(claimed)


async def _mend(world: World, watch: Watch) -> None:
    world.step += 1
    await world.processes[0].craft.upkeep.mend()
    await watch.look()
    await _carry_out(world, watch)


async def _until_quiet(world: World, watch: Watch, until: datetime = NEVER) -> None:
    """From one due time to the next, with a slow sweep each minute."""
    craft: Craft = world.processes[0].craft
    mends = world.clock() + timedelta(seconds=MEND)
    for _ in range(ROUNDS):
        await _carry_out(world, watch)
        [found] = await craft.fetch(UNFINISHED, world.clock())
        coming = found["due"] or (mends if found["left"] else NEVER)
        if min(coming, mends) >= until or coming == NEVER:
            break
        world.clock.now = max(min(coming, mends), world.clock() + timedelta(seconds=STRIDE))
        if world.clock() >= mends:
            mends += timedelta(seconds=MEND)
            await _mend(world, watch)
    else:
        raise AssertionError("it never ends")
    if until < NEVER:
        world.clock.now = max(world.clock(), until)


def _nobody_forgotten(watch: Watch) -> None:
    """Whoever parks a row under a webhook that was activated meanwhile has it woken, without the slow sweep."""
    for key, row in watch.picture.deliveries.items():
        hook = watch.picture.webhooks[key[1]]
        waits = row["state"] != "parked" or hook["deleted_at"] is not None or hook["status"] not in SENDABLE
        assert waits, f"{key} is parked under {hook['status']}"


async def _nothing_stuck(world: World) -> None:
    async with world.database.raw() as connection:
        found = await stuck.stuck(connection, now=world.clock())
    assert not found, f"stuck: {found}"


async def _counted_once(craft: Craft) -> None:
    """Whatever fell between, each attempt that is kept is counted, once (protocol.md 5.8)."""
    await craft.counting.count()
    [found] = await craft.fetch(COUNTED, NOBODY)
    counted, kept = (found["attempts"], found["succeeded"]), (found["kept"], found["well"])
    assert counted == kept, f"{counted} attempts and successes are counted, {kept} are kept"


def _nothing_lost(world: World, watch: Watch, promises: Promises) -> None:
    picture = watch.picture
    for key, accepted in promises.accepted.items():
        for hook in accepted.owed:
            deleted = picture.webhooks[hook]["deleted_at"] is not None
            # Nobody else is sent what was erased while its deliveries were being written.
            excused = deleted or key in watch.erasures
            assert excused or (key, hook, 0) in picture.deliveries, f"{key} was never owed to {hook}"
    carried = {(member, p["webhook"]): p["id"] for p in picture.parcels.values() for member in p["members"]}
    rounds = sum(number > 0 and (event, hook) not in carried for event, hook, number in picture.deliveries)
    watch.replays.ended(picture, rounds, promises.by_hand)
    for (event, hook, number), row in picture.deliveries.items():
        if row["state"] == "delivered" and event not in watch.erasures:  # its batch knows nothing of it any more
            sent = (carried.get((event, hook), event), hook)
            assert sent in world.taken, f"{event}/{number} is delivered, and nobody took it"
        if row["state"] in ("parked", "collecting", "bundled"):
            status = picture.webhooks[hook]["status"]
            assert status == "DISABLED", f"{event}/{number} is {row['state']} under {status}"
