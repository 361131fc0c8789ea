"""Replays, turn by turn over the real ledger with a told clock (protocol.md 11.1)."""

import asyncio
import itertools
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest

from delivery.delivery_filter import DeliveryFilter, DeliveryId
from delivery.ledger.jobs import job_rows
from delivery.ledger.replays import finding, replay_rows
from delivery.ledger.replays.finding import Sought
from delivery.lifecycle import State
from delivery.reports.recent_deliveries import History
from delivery.tickets import Job, JobKind
from delivery.upkeep.replaying import Replaying
from delivery.upkeep.replays import Replay, ReplayProgress, ReplayRequest, Replays, ReplayState, SkipReason
from subscriptions.ground.errors import Absent, Conflicting, LimitReached, Refused
from tests.delivery.craft import TYPE, WORKSPACE, Craft
from tests.delivery.destinations import reply

#: The moment a row has ended in, where it has.
ENDED = {State.FAILED, State.EXPIRED, State.DELIVERED, State.CANCELLED}


async def ended(craft: Craft, hook: UUID, count: int = 1, *, state: State = State.FAILED, **row: Any) -> list[UUID]:
    """Deliveries that have ended."""
    columns = {
        "attempts": 3,
        "first_try_at": craft.clock(),
        "ended_at": craft.clock(),
        "status": 503,
        "reason": "503 x",
    }
    made = await craft.owe(hook, count, state=state, **{**columns, **row})
    craft.clock.advance(0.01)
    return made


def door(craft: Craft) -> Replays:
    return craft.assembly.replays


def request(*, missing: bool = False, per_second: float | None = None, **wanted: Any) -> ReplayRequest:
    return ReplayRequest(
        workspace_id=WORKSPACE, wanted=DeliveryFilter(**wanted), missing=missing, per_second=per_second
    )


async def ask(craft: Craft, **asked: Any) -> Replay:
    return await door(craft).ask(request(**asked), by="a test")


async def turn(craft: Craft) -> None:
    """What the sweep names is carried out."""
    for job in await craft.queued_jobs():
        if job.kind is JobKind.REPLAY:
            await craft.jobs.run(job)


async def carried(craft: Craft, replay: Replay, *answers: int, seconds: float = 120.0) -> Replay:
    """All that is due is tried, a second after the other, until the replay or the time is over; answers one by one, then 200."""
    said = list(answers)
    for _ in range(int(seconds)):
        await turn(craft)
        craft.clock.advance(1.0)
        for held in await craft.drain():
            result = await craft.attempt(held, reply(said.pop(0) if said else 200))
            await craft.rounds.outcomes.record([result])
        shown = await door(craft).read(WORKSPACE, replay.id)
        if shown.state not in (ReplayState.RUNNING, ReplayState.PAUSED):
            return shown
    return shown


async def rounds(craft: Craft, hook: UUID) -> list[tuple[int, str]]:
    found = await craft.fetch("SELECT round, state FROM deliveries WHERE webhook = $1 ORDER BY event, round", hook)
    return [(row["round"], row["state"]) for row in found]


async def test_what_has_failed_is_sent_again(craft: Craft) -> None:
    """All that failed or expired of the workspace has a further round, once, which is delivered and counted; what arrived, or is
    another workspace's, is left alone (protocol.md 11.2, 11.5)."""
    hook, other, foreign = await craft.hook(), await craft.hook(), await craft.hook(workspace="0" * 32)
    await ended(craft, hook, 3)
    await ended(craft, other, 1, state=State.EXPIRED, first_try_at=None)
    for webhook, state in ((hook, State.DELIVERED), (foreign, State.FAILED)):
        await ended(craft, webhook, state=state)

    counted = await door(craft).count(request())
    replay = await carried(craft, await ask(craft))

    assert (counted.count, counted.more) == (4, False)
    assert replay.state is ReplayState.FINISHED
    assert replay.progress == ReplayProgress(found=4, opened=4, delivered=4)
    assert await rounds(craft, hook) == [(0, "failed"), (1, "delivered")] * 3 + [(0, "delivered")]
    assert await rounds(craft, other) == [(0, "expired"), (1, "delivered")]
    assert await rounds(craft, foreign) == [(0, "failed")]
    assert await craft.value("SELECT count(*) FROM replay_items") == 0


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"status_classes": (4,)}, [0]),
        ({"status_classes": (0,)}, [1]),
        ({"reason": "REFUSED"}, [1]),
        ({"types": (TYPE,)}, [0, 1, 2]),
        ({"types": ("another",)}, []),
        ({"states": (State.DELIVERED,)}, [3]),
        ({"states": (State.OWED,)}, [4]),
    ],
)
async def test_a_filter_narrows(craft: Craft, wanted: dict[str, Any], found: list[int]) -> None:
    """Each field of the filter leaves what it says, in the count and in the replay alike (protocol.md 11.2)."""
    hook = await craft.hook()
    made = await ended(craft, hook, status=404, reason="404 Not Found")
    made += await ended(craft, hook, status=None, reason="connection refused by 127.0.0.1:9")
    made += await ended(craft, hook, status=500, reason="500")
    made += await ended(craft, hook, state=State.DELIVERED, status=200, reason="200 OK")
    made += await craft.owe(hook, due_in=600, attempts=1, status=503, reason="503")
    made += await craft.owe(hook, due_in=600)  # not tried so far: no replay is needed
    craft.clock.advance(1)

    counted = await door(craft).count(request(**wanted))
    replay = await ask(craft, **wanted)
    await turn(craft)

    opened = await craft.fetch("SELECT event FROM replay_items WHERE replay = $1 ORDER BY event", replay.id)
    assert [made.index(row["event"]) for row in opened] == found
    assert counted.count == len(found)


async def test_of_a_few_webhooks_only_theirs_are_read(craft: Craft) -> None:
    """What others lack is not read for the count of a few webhooks' losses, and page by page each is found once, in order."""
    hooks = [await craft.hook() for _ in range(3)]
    made = [(event, hook) for _ in range(4) for hook in hooks for event in await ended(craft, hook, 2)]
    craft.clock.advance(1)

    counted = await door(craft).count(request(webhooks=(hooks[0],)))
    wanted = DeliveryFilter(webhooks=(hooks[0], hooks[2]))
    sought = Sought(workspace_id=WORKSPACE, wanted=wanted, before=craft.clock(), kept=3600.0)
    found: list[tuple[UUID, UUID]] = []
    at = None
    async with craft.database.raw() as connection:
        while (page := await finding.page(connection, sought, at, read=3)).cursor is not None:
            found += page.pairs
            at = page.cursor

    assert (counted.count, counted.more, counted.read) == (8, False, 8)
    assert found == [(event, hook) for event, hook in made if hook != hooks[1]]


async def test_a_count_goes_on_where_the_one_before_left_off(craft: Craft) -> None:
    """What is behind the place is counted and nothing of it twice, until there is no more."""
    hook = await craft.hook()
    for state in (State.FAILED, State.DELIVERED, State.EXPIRED):
        await ended(craft, hook, 3, state=state)
    craft.clock.advance(1)
    counts: list[tuple[int, bool, bool]] = []
    after = None
    while not counts or after is not None:
        counted = await door(craft).count(request(states=(State.FAILED, State.DELIVERED)), after, rows=4)
        counts.append((counted.count, counted.more, counted.next is not None))
        after = counted.next

    assert counts == [(4, True, True), (2, True, True), (0, False, False)]


async def test_times_and_names(craft: Craft) -> None:
    """Since and until are of the event's acceptance, `ended_since` is of the end; ids name deliveries, in any round."""
    hook, since = await craft.hook(), []
    made = []
    for _ in range(3):
        since.append(craft.clock())
        made += await ended(craft, hook)
        craft.clock.advance(10)

    counts = [
        (await door(craft).count(request(**wanted))).count
        for wanted in (
            {"since": since[1]},
            {"until": since[1]},
            {"since": since[1], "until": since[2]},
            {"ended_since": since[2]},
            {"ids": (DeliveryId(made[0], hook, 0), DeliveryId(made[2], hook, 7), DeliveryId(made[0], made[0], 0))},
            {"webhooks": (hook,)},
        )
    ]
    [arrived] = await ended(craft, hook, state=State.DELIVERED)
    craft.clock.advance(1)
    named = await door(craft).count(request(ids=(DeliveryId(arrived, hook, 0),)))

    assert counts == [2, 1, 1, 1, 2, 3]
    assert named.count == 1  # it was meant, whatever became of it


async def test_pages(craft: Craft, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a page's bound, each is found once; a page reads no more than its bound (protocol.md 11.2)."""
    monkeypatch.setattr(finding, "READ", 2)
    hook = await craft.hook()
    await ended(craft, hook, 3, state=State.DELIVERED)
    await ended(craft, hook, 4)

    counted = await door(craft).count(request())
    replay = await carried(craft, await ask(craft))

    assert (counted.count, counted.read) == (4, 4)
    assert replay.progress == ReplayProgress(found=4, opened=4, delivered=4)
    again = await door(craft).count(request(states=(State.DELIVERED, State.FAILED)))
    assert (again.count, again.read) == (7, 11)


async def test_what_changed_since_is_skipped(craft: Craft) -> None:
    """What was delivered, asked for by hand or erased between being found and its turn is skipped by its reason, and not
    sent (protocol.md 11.4)."""
    hook = await craft.hook()
    made = await ended(craft, hook, 5)
    replay = await ask(craft, per_second=0.001)  # its turn is long in coming
    await turn(craft)
    history = History(craft.database, craft.clock, craft.announced.extend)
    await craft.sql("UPDATE deliveries SET state = 'delivered' WHERE event = $1", made[1])
    await craft.sql("UPDATE events SET body = NULL WHERE key = $1", made[2])
    await craft.sql(
        "INSERT INTO attempts (webhook, event, round, fence, started_at, milliseconds, success, reason, request_headers) "
        "VALUES ($1, $2, 0, 1, now(), 1, false, '', '[]')",
        *(hook, made[3]),
    )
    await history.retry(WORKSPACE, hook, made[3])

    await craft.sql("UPDATE replays SET per_second = 100, next_at = $1, due_at = $1", craft.clock())
    replay = await carried(craft, replay)

    assert replay.progress == ReplayProgress(
        found=5, opened=2, delivered=2, skipped={SkipReason.DELIVERED: 1, SkipReason.UNDERWAY: 1, SkipReason.ERASED: 1}
    )
    assert await craft.value("SELECT count(*) FROM deliveries WHERE round = 1") == 3


async def test_a_batch_is_one(craft: Craft) -> None:
    """Members of a batch are found as their batch, which takes them along; what expired before it was in one goes alone
    (protocol.md 11.2)."""
    hook = await craft.hook(batching=True)
    await craft.publish(10)
    craft.clock.advance(61)
    await craft.run_jobs()
    craft.clock.advance(3)
    [held] = await craft.drain()
    await craft.rounds.outcomes.record([await craft.attempt(held, reply(410))])
    await craft.sql("UPDATE webhooks SET status = 'ACTIVE', paused = false, batching = false")
    await ended(craft, hook, 1, state=State.EXPIRED, first_try_at=None, attempts=0)
    assert await craft.states() == {"failed": 11, "expired": 1}

    replay = await carried(craft, await ask(craft))

    assert replay.progress == ReplayProgress(found=2, opened=2, delivered=2)
    assert await craft.value("SELECT count(*) FROM deliveries WHERE round = 1 AND state = 'delivered'") == 12


async def test_what_was_never_owed(craft: Craft) -> None:
    """A webhook that was registered later gets what it is subscribed to and its filter wants, as a first round; what it was owed,
    whatever became of that, is not sent again (protocol.md 11.3)."""
    old = await craft.hook()
    await craft.publish(3)
    craft.clock.advance(1)
    new, collecting = await craft.hook(), await craft.hook(batching=True)
    await craft.sql("UPDATE subscriptions SET event_filter = 'number ge 1' WHERE webhook = $1", new)
    await craft.publish(1)
    await craft.drain()
    await craft.sql(
        "UPDATE deliveries SET state = 'failed', due_at = NULL, leased_until = NULL, ended_at = now() WHERE state = 'owed'"
    )
    craft.clock.advance(1)

    counted = await door(craft).count(request(missing=True))
    replay = await carried(craft, await ask(craft, missing=True))

    assert counted.count == 5
    assert (replay.progress.found, replay.progress.opened, replay.progress.delivered) == (5, 5, 2)
    assert await rounds(craft, old) == [(0, "failed")] * 4
    assert await rounds(craft, new) == [(0, "delivered")] * 2
    assert [state for _, state in await rounds(craft, collecting)] == ["collecting"] * 4
    craft.clock.advance(61)
    await craft.run_jobs()
    assert (await carried(craft, replay)).progress == ReplayProgress(found=5, opened=5, delivered=5)


async def test_what_a_spread_has_passed_by(craft: Craft) -> None:
    """An event that is being spread is looked at when that has ended: to a webhook that subscribed behind the spread's cursor
    nobody else owes it (protocol.md 11.3)."""
    await craft.hook()
    [receipt] = await craft.publish(1)
    await craft.drain()
    # The process that spread it died with all owed, before the row was gone; another takes it over when its lease has ended.
    await craft.sql(
        "INSERT INTO spreads VALUES ($1, $2, $3, $4, now(), now(), 1)",
        receipt.key,
        WORKSPACE,
        TYPE,
        UUID(int=-1 % 2**128),
    )
    new = await craft.hook()
    craft.clock.advance(1)
    replay = await ask(craft, missing=True)

    meanwhile = await carried(craft, replay, seconds=30)
    await craft.sql("DELETE FROM spreads")
    after = await carried(craft, replay, seconds=30)

    assert (meanwhile.state, meanwhile.progress.found) == (ReplayState.RUNNING, 0)
    assert (after.state, after.progress) == (ReplayState.FINISHED, ReplayProgress(found=1, opened=1, delivered=1))
    assert await rounds(craft, new) == [(0, "delivered")]


async def test_the_rate(craft: Craft) -> None:
    """Deliveries become due evenly spaced at the rate that was asked for, over turns and processes; nothing is made up for, and
    nothing is announced (protocol.md 11.4)."""
    hook = await craft.hook()
    await ended(craft, hook, 12)
    replay = await ask(craft, per_second=4)

    dues: dict[UUID, Any] = {}
    for seconds in (1.0, 1.0, 30.0, 1.0, 1.0, 1.0):
        await turn(craft)
        found = await craft.fetch("SELECT event, due_at FROM deliveries WHERE round = 1 AND state = 'owed'")
        dues |= {row["event"]: row["due_at"] for row in found}
        craft.clock.advance(seconds)
        for held in await craft.drain():
            await craft.rounds.outcomes.record([await craft.attempt(held, reply(200))])

    times = sorted(dues.values())
    assert (await door(craft).read(WORKSPACE, replay.id)).state is ReplayState.FINISHED
    assert len(times) == 12
    assert all(later - sooner >= timedelta(seconds=0.25) for sooner, later in itertools.pairwise(times))
    assert [nudge for nudge in craft.announced if not isinstance(nudge, Job)] == []


async def test_turns_wait_for_their_time(craft: Craft) -> None:
    """What is opened in a turn is not followed by another one at once: a second lies between them."""
    hook = await craft.hook()
    await ended(craft, hook, 40)
    replay = await ask(craft, per_second=500)
    await turn(craft)

    due_at = await craft.value("SELECT due_at FROM replays WHERE id = $1", replay.id)
    assert due_at == craft.clock() + timedelta(seconds=1)
    assert await craft.value("SELECT count(*) FROM deliveries WHERE round = 1") == 16


async def test_a_slow_webhook_holds_up_nobody(craft: Craft) -> None:
    """At a webhook that takes nothing no more than 16 wait untried, and others' go on; what is fresh is due before the rest is
    opened (protocol.md 11.4)."""
    slow, quick = sorted([await craft.hook(), await craft.hook()])
    await ended(craft, slow, 40)
    await ended(craft, quick, 40)
    replay = await ask(craft, per_second=500)

    for _ in range(6):
        await turn(craft)
        craft.clock.advance(1.5)
        for held in await craft.drain(**{slow.hex: 0}):
            await craft.rounds.outcomes.record([await craft.attempt(held, reply(200))])

    shown = await door(craft).read(WORKSPACE, replay.id)
    assert (await craft.states(slow), await craft.states(quick)) == (
        {"failed": 40, "owed": 16},
        {"failed": 40, "delivered": 40},
    )
    assert (shown.progress.waiting, shown.progress.delivered) == (24, 40)


async def test_halted_webhooks(craft: Craft) -> None:
    """For a paused webhook items wait; for one in ERROR what its probe needs is parked; a deleted one's are skipped, and after
    the time that undelivered events are kept the others' as well (protocol.md 11.7)."""
    paused = await craft.hook(status="DISABLED", paused=True)
    broken, gone = await craft.hook(status="ERROR"), await craft.hook()
    for hook in (paused, broken, gone):
        await ended(craft, hook, 20)
    replay = await ask(craft)
    await turn(craft)
    await craft.sql("UPDATE webhooks SET deleted_at = now() WHERE id = $1", gone)
    await craft.sql(
        "UPDATE deliveries SET state = 'cancelled', due_at = NULL, ended_at = now() WHERE webhook = $1 AND round = 1",
        gone,
    )
    waiting = await carried(craft, replay, seconds=20)

    assert await craft.states(paused) == {"failed": 20}
    assert await craft.states(broken) == {"failed": 20, "parked": 16}
    assert (waiting.state, waiting.progress.waiting) == (ReplayState.RUNNING, 24)
    craft.clock.advance(3 * 86400)
    late = await carried(craft, replay, seconds=3)
    assert late.progress.skipped[SkipReason.HALTED] == 24
    assert sum(late.progress.skipped.values()) + late.progress.opened == 60
    assert late.progress.skipped[SkipReason.DELETED] == 60 - 24 - late.progress.opened


async def test_pause_resume_cancel(craft: Craft) -> None:
    """After the answer to a pause nothing is opened until it is resumed; after that to a cancellation nothing more at all, and
    what was opened is counted to its end; asked twice it is done once (protocol.md 11.6)."""
    hook = await craft.hook()
    await ended(craft, hook, 30)
    replay = await ask(craft, per_second=2)
    await turn(craft)
    opened = await craft.value("SELECT count(*) FROM deliveries WHERE round = 1")

    for _ in range(2):
        paused = await door(craft).order(WORKSPACE, replay.id, ReplayState.PAUSED)
    await carried(craft, replay, seconds=10)
    assert paused.state is ReplayState.PAUSED
    assert await craft.value("SELECT count(*) FROM deliveries WHERE round = 1") == opened == 4
    assert (await door(craft).read(WORKSPACE, replay.id)).progress.delivered == opened

    await door(craft).order(WORKSPACE, replay.id, ReplayState.RUNNING)
    await turn(craft)
    more = await craft.value("SELECT count(*) FROM deliveries WHERE round = 1")
    assert more > opened
    cancelled = await door(craft).order(WORKSPACE, replay.id, ReplayState.CANCELLED)
    for _ in range(3):
        await turn(craft)
        craft.clock.advance(6)
        for held in await craft.drain():
            await craft.rounds.outcomes.record([await craft.attempt(held, reply(200))])
    await turn(craft)

    shown = await door(craft).read(WORKSPACE, replay.id)
    assert shown.state is cancelled.state is ReplayState.CANCELLED
    assert shown.progress == ReplayProgress(found=30, opened=more, delivered=more, cancelled=30 - more)
    assert await craft.value("SELECT count(*) FROM replay_items") == 0
    with pytest.raises(Conflicting):
        await door(craft).order(WORKSPACE, replay.id, ReplayState.RUNNING)
    with pytest.raises(Absent):
        await door(craft).order("0" * 32, replay.id, ReplayState.CANCELLED)


async def test_what_was_tried_before_is_over_soon_after_it_arrives(craft: Craft) -> None:
    """What waits to be tried again has attempts already, and looks as if it had been tried: that it arrived is seen within a few
    seconds all the same."""
    hook = await craft.hook()
    await craft.owe(hook, attempts=3, due_in=900)
    craft.clock.advance(0.01)
    replay = await ask(craft, states=(State.OWED,))
    for _ in range(2):
        await turn(craft)
        craft.clock.advance(1.0)
    [held] = await craft.drain(retries=1)
    await craft.rounds.outcomes.record([await craft.attempt(held, reply(200))])

    over = await carried(craft, replay, seconds=8)

    assert (over.state, over.progress.delivered) == (ReplayState.FINISHED, 1)


async def test_what_is_fresh_goes_in_the_same_drain(craft: Craft) -> None:
    """A replay of many leaves room: what is published meanwhile, to the same webhook and another, is claimed by the next drain,
    which takes no more than a webhook's share (protocol.md 11.4)."""
    hook, other = await craft.hook(), await craft.hook()
    await ended(craft, hook, 1000)
    await ask(craft, per_second=500)
    await turn(craft)
    craft.clock.advance(1)
    fresh = await craft.publish(3)
    craft.clock.advance(3)

    held = await craft.drain(wanted=40, share=20)

    claimed = {(each.claimed.event, each.claimed.webhook) for each in held}
    assert {(receipt.key, webhook) for receipt in fresh for webhook in (hook, other)} <= claimed
    assert sum(webhook == hook for _, webhook in claimed) == 16 + 3


async def test_a_turn_that_breaks_off_has_done_nothing(craft: Craft) -> None:
    """An error at the end of a turn takes all of it back, and the next claim does it once (protocol.md 11.1)."""
    hook = await craft.hook()
    await ended(craft, hook, 5)
    replay = await ask(craft, per_second=500)
    [job] = [job for job in await craft.queued_jobs() if job.kind is JobKind.REPLAY]
    async with craft.database.raw() as connection:
        claimed = await job_rows.claim(connection, job, now=craft.clock(), lease=15)
    assert claimed is not None
    moments = iter([craft.clock()])  # for the beginning of a turn, and no more

    with pytest.raises(RuntimeError):  # StopIteration, as a coroutine raises it
        await Replaying(craft.database, lambda: next(moments), craft.settings, craft.announced.extend).carry(claimed)
    left = await door(craft).read(WORKSPACE, replay.id)
    kept = await craft.value("SELECT count(*) FROM replay_items")
    craft.clock.advance(15.5)
    shown = await carried(craft, replay)

    assert (left.progress, kept) == (ReplayProgress(), 0)
    assert shown.progress == ReplayProgress(found=5, opened=5, delivered=5)
    assert await rounds(craft, hook) == [(0, "failed"), (1, "delivered")] * 5


async def test_two_processes_at_once(craft: Craft) -> None:
    """A turn under an old fence changes nothing, and two that carry the same replay open each item once (protocol.md 11.1)."""
    other = Craft(craft.database, craft.clock)
    hook = await craft.hook()
    await ended(craft, hook, 50)
    replay = await ask(craft, per_second=500)

    for _ in range(30):
        [*jobs] = [job for job in await craft.queued_jobs() if job.kind is JobKind.REPLAY]
        await asyncio.gather(*(each.jobs.run(job) for job in jobs for each in (craft, other)))
        craft.clock.advance(1.0)
        for held in await craft.drain():
            await craft.rounds.outcomes.record([await craft.attempt(held, reply(200))])

    shown = await door(craft).read(WORKSPACE, replay.id)
    assert shown.progress == ReplayProgress(found=50, opened=50, delivered=50)
    assert await craft.value("SELECT count(*) FROM deliveries WHERE round > 0") == 50


async def test_bounds(craft: Craft) -> None:
    """A workspace has so many open replays, and one of them so many items; it leaves off finding there and says so. What is
    asked for in vain is refused (protocol.md 11.8)."""
    small = Craft(craft.database, craft.clock, replays_per_workspace=2, replay_rows=3)
    hook = await small.hook()
    await ended(small, hook, 5)

    replay = await ask(small)
    # Which of two has its turn first is not said: this one finds nothing.
    await ask(small, states=(State.CANCELLED,))
    with pytest.raises(LimitReached):
        await ask(small)
    shown = await carried(small, replay)

    assert (shown.full, shown.progress.found, shown.progress.opened) == (True, 3, 3)
    for wrong in (
        {"per_second": 0.0},
        {"per_second": 501.0},
        {"states": (State.PARKED,)},
        {"missing": True, "reason": "x"},
    ):
        with pytest.raises(Refused):
            await door(small).count(request(**wrong))
    with pytest.raises(Absent):
        await door(small).count(request(webhooks=(replay.id,)))


async def test_old_ones_are_forgotten(craft: Craft) -> None:
    """What ended longer ago than records are kept leaves; what is open stays."""
    await ended(craft, await craft.hook())
    over = await carried(craft, await ask(craft))
    left = await ask(craft)
    craft.clock.advance(86400)

    async with craft.database.raw() as connection:  # not all upkeep of that day, which would take today's records
        await replay_rows.prune(connection, craft.clock(), 1000)

    assert [row["id"] for row in await craft.fetch("SELECT id FROM replays")] == [left.id] != [over.id]


def test_counts_add_up() -> None:
    """What waits and what is under way are what the counts leave; they are kept as JSON."""
    progress = ReplayProgress(found=10, opened=5, delivered=2, failed=1, cancelled=1, skipped={SkipReason.ERASED: 2})

    assert (progress.waiting, progress.underway) == (2, 2)
    assert msgspec.json.decode(msgspec.json.encode(progress), type=ReplayProgress) == progress
