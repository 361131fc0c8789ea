"""Intake: what one transaction for many publishers keeps, refuses and answers (protocol.md 2)."""

import asyncio
import time
from datetime import timedelta

import pytest
from msgspec import structs

from delivery.publishing.calls import Request
from delivery.publishing.intake import ENOUGH, GATHER, GROUP
from delivery.publishing.receipts import Receipt
from delivery.publishing.turns import turn
from delivery.tickets import Job, JobKind, Ticket
from deploy.stores import Stores
from subscriptions.events.event import Event
from subscriptions.ground import event_keys
from subscriptions.ground.audience import Audience, NobodyWaits
from subscriptions.ground.database import Database
from subscriptions.ground.errors import Conflicting, HooklakeError, Overloaded, Unavailable
from subscriptions.ground.outage import Outage
from subscriptions.ground.settings import GroundSettings
from tests.clock import Clock
from tests.delivery.craft import REMEMBERED, WORKSPACE, Craft

#: An advisory lock, and whether somebody waits for it.
HELD = 4711
WAITS = "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid = $1 AND NOT granted)"


async def test_group_with_a_refused_array(craft: Craft) -> None:
    """The sender of a duplicate of a refused array's first item is told `duplicate: false`, and
    it is delivered (protocol.md 2.2)."""
    webhook = await craft.hook()
    await craft.intake.publish([craft.event(1, id="taken")])
    array = [craft.event(2, id="first"), craft.event(3, id="taken")]
    neighbour = craft.event(2, id="first")

    refused, answered = await asyncio.gather(
        craft.intake.publish(array), craft.intake.publish([neighbour]), return_exceptions=True
    )

    assert isinstance(refused, Conflicting)
    assert [issue.subject for issue in refused.issues] == ["[1].id"]
    assert isinstance(answered, list)
    assert (answered[0].duplicate, answered[0].key) == (False, neighbour.key)
    [held] = await craft.claim(Ticket(neighbour.key, webhook, 0, 0))
    await craft.rounds.outcomes.record([await craft.attempt(held)])
    assert (await craft.row(neighbour.key, webhook)).state == "delivered"
    assert await craft.value("SELECT count(*) FROM deliveries") == 2


async def test_refused_array_keeps_nothing(craft: Craft) -> None:
    """Nothing of an array with one conflicting item is kept, its receipts neither: its ids are free."""
    await craft.hook()
    await craft.intake.publish([craft.event(1, id="taken")])
    with pytest.raises(Conflicting):
        await craft.intake.publish([craft.event(2, id="free"), craft.event(3, id="taken"), craft.event(4)])

    [again] = await craft.intake.publish([craft.event(5, id="free")])

    assert not again.duplicate
    assert await craft.value("SELECT count(*) FROM events") == 2
    assert await craft.value("SELECT count(*) FROM receipts") == 2


async def test_a_publication_asks_postgresql_twice(craft: Craft) -> None:
    """A publication asks PostgreSQL twice, who subscribed and to keep what is owed; with ids a transaction and two more for
    receipts; as often for a hundred events as for one (protocol.md 2.2, 2.3)."""
    await craft.hook()
    await craft.publish()
    asked: list[str] = []
    async with craft.database.raw() as connection:
        connection.add_query_logger(lambda record: asked.append(record.query.split()[0].strip(";")))

        async def told(*events: Event) -> list[str]:
            asked.clear()
            await craft.intake.publish(events)
            return list(asked)

    one = await told(craft.event(1))
    assert one == ["SELECT", "WITH"]
    assert await told(*(craft.event(number) for number in range(100))) == one
    assert await told(craft.event(1, id="named")) == ["BEGIN", "INSERT", "SELECT", *one, "COMMIT"]


async def test_same_id_in_one_group(craft: Craft) -> None:
    """Of two publishers that send one occurrence at once, one is told that it is the duplicate; there is one event."""
    await craft.hook()
    twins = [craft.event(1, id="x"), craft.event(1, id="x")]

    receipts = await asyncio.gather(*(craft.intake.publish([twin]) for twin in twins))

    assert sorted(receipt.duplicate for [receipt] in receipts) == [False, True]
    assert {receipt.key for [receipt] in receipts} == {twins[0].key}
    assert await craft.states() == {"owed": 1}


async def test_same_id_with_other_content_in_one_group(craft: Craft) -> None:
    """Of two occurrences under one id at once, the first is kept and the second refused."""
    first, second = await asyncio.gather(
        craft.intake.publish([craft.event(1, id="x")]),
        craft.intake.publish([craft.event(2, id="x")]),
        return_exceptions=True,
    )

    assert isinstance(first, list)
    assert isinstance(second, Conflicting)


async def test_duplicate_within_an_array(craft: Craft) -> None:
    """A duplicate within one array gets the receipt of the first, and one event is made."""
    twin = craft.event(1, id="x")
    array = [twin, craft.event(2), craft.event(1, id="x")]

    receipts = await craft.intake.publish(array)

    assert [receipt.duplicate for receipt in receipts] == [False, False, True]
    assert receipts[2].key == twin.key
    assert await craft.value("SELECT count(*) FROM events") == 2


async def test_array_that_contradicts_itself(craft: Craft) -> None:
    """An array with two occurrences under one id is refused, naming the second."""
    with pytest.raises(Conflicting) as refused:
        await craft.intake.publish([craft.event(1, id="x"), craft.event(2, id="x")])

    assert [issue.subject for issue in refused.value.issues] == ["[1].id"]
    assert await craft.value("SELECT count(*) FROM receipts") == 0


async def test_window_passes(craft: Craft, clock: Clock) -> None:
    """An id is remembered for the idempotency window, and free again after it, pruned or not (protocol.md 1.6)."""
    [first] = await craft.intake.publish([craft.event(1, id="x")])
    clock.advance(REMEMBERED - 1)
    [within] = await craft.intake.publish([craft.event(1, id="x")])
    clock.advance(2)
    fresh = craft.event(2, id="x")

    [after] = await craft.intake.publish([fresh])

    assert (within.duplicate, within.key, within.accepted_at) == (True, first.key, first.accepted_at)
    assert (after.duplicate, after.key) == (False, fresh.key)


async def test_rerun_after_a_lost_answer(craft: Craft) -> None:
    """A rerun that finds its own receipt has found its own commit: `duplicate: false`, and one delivery (protocol.md 2.5)."""
    await craft.hook()
    event = craft.event(1, id="x")
    first = await craft.intake.publish([event])

    second = await craft.intake.publish([event])

    told = {"id": "x", "source": event.source, "type": event.type}
    receipt = Receipt(key=event.key, **told, accepted_at=craft.clock(), duplicate=False, matched=1)
    assert first == second == [receipt]
    assert await craft.states() == {"owed": 1}


async def test_one_bad_request_among_good_ones(craft: Craft) -> None:
    """A request that cannot be stored fails alone; its neighbours are accepted with the ids they had (protocol.md 2.5)."""
    webhook = await craft.hook()
    good = [craft.event(number, id=f"good-{number}") for number in range(3)]
    # PostgreSQL has no text with a zero character; the API refuses such ids, so this stands for a fault of ours.
    bad = craft.event(9, id="bad\0id")

    *kept, failed = await asyncio.gather(
        *(craft.intake.publish([event]) for event in good), craft.intake.publish([bad]), return_exceptions=True
    )

    assert isinstance(failed, Exception)
    assert not isinstance(failed, HooklakeError)
    assert [(receipts[0].key, receipts[0].duplicate) for receipts in kept if isinstance(receipts, list)] == [
        (event.key, False) for event in good
    ]
    assert await craft.states(webhook) == {"owed": 3}


async def test_missing_partition(craft: Craft, clock: Clock) -> None:
    """A writer that hits a missing partition makes it and goes on (protocol.md 1.8)."""
    webhook = await craft.hook()
    clock.advance(40 * 86400)
    event = craft.event()
    day = f"{clock():%Y%m%d}"

    receipts = await craft.intake.publish([event])

    assert receipts[0].key == event.key
    assert await craft.states(webhook) == {"owed": 1}
    assert await craft.value("SELECT count(*) FROM pg_class WHERE relname LIKE '%' || $1", f"_{day}") == 4
    for table in ("events", "deliveries", "attempts"):
        await craft.sql(f'DROP TABLE "{table}_{day}"')


async def test_answered_after_the_commit(craft: Craft, database: Database) -> None:
    """Nobody is answered, and nothing is announced, while the commit is under way (protocol.md 2.1)."""
    await craft.hook()
    await craft.sql(
        "CREATE FUNCTION held() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$BEGIN PERFORM pg_advisory_xact_lock_shared({HELD}); RETURN NULL; END$$"
    )
    # Deferred: it waits within COMMIT, behind all that the publication has written.
    await craft.sql(
        "CREATE CONSTRAINT TRIGGER held AFTER INSERT ON events DEFERRABLE INITIALLY DEFERRED "
        "FOR EACH ROW EXECUTE FUNCTION held()"
    )
    try:
        async with database.raw() as connection, connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock($1)", HELD)
            publishing = asyncio.create_task(craft.intake.publish([craft.event()]))
            while not await connection.fetchval(WAITS, HELD):  # noqa: ASYNC110  the server sets no event
                await asyncio.sleep(0.005)
            meanwhile = publishing.done(), list(craft.announced)
        [receipt] = await publishing
    finally:
        await craft.sql("DROP FUNCTION held() CASCADE")

    assert meanwhile == (False, [])
    assert [ticket.event for ticket in craft.announced if isinstance(ticket, Ticket)] == [receipt.key]


@pytest.mark.parametrize("busy", [True, False])
async def test_a_busy_process_does_not_tell_of_postgresql(
    servers: Stores, clock: Clock, craft: Craft, busy: bool
) -> None:
    """A publisher whose wait was long because the process was busy is told that; PostgreSQL's silence is its own."""
    impatient = Database(GroundSettings(database_url=servers.database_url), Outage("database"), patience=0.3)
    other = Craft(impatient, clock)
    async with craft.database.raw() as connection, connection.transaction():
        await connection.execute("LOCK TABLE events IN ACCESS EXCLUSIVE MODE")
        publishing = asyncio.create_task(other.intake.publish([other.event()]))
        while not other.intake._group:  # noqa: ASYNC110  it sets no event
            await asyncio.sleep(0)
        until = time.thread_time() + (0.4 if busy else 0.0)
        while time.thread_time() < until:
            pass
        with pytest.raises(Unavailable) as refused:
            await publishing
    await other.intake.close()
    await impatient.close()

    assert isinstance(refused.value, Overloaded) is busy
    assert refused.value.dependency == ("This process" if busy else "PostgreSQL")


async def test_what_intake_announces(craft: Craft, clock: Clock) -> None:
    """Rows are due 2 s after acceptance and announced at once; those of a webhook that may not be sent
    to are neither (protocol.md 2.4)."""
    active = await craft.hook()
    pending = await craft.hook(status="PENDING")
    deleted = await craft.hook(deleted_at=clock())
    await craft.hook(workspace="0" * 32)

    [receipt] = await craft.publish()

    assert craft.announced == [Ticket(receipt.key, active, 0, 0)]
    row, parked = await craft.row(receipt.key, active), await craft.row(receipt.key, pending)
    assert (row.state, row.due_at, row.fence) == ("owed", clock() + timedelta(seconds=2), 0)
    assert (parked.state, parked.due_at, parked.fence) == ("parked", None, 0)
    assert await craft.states(deleted) == {}


async def test_at_the_threshold(database: Database, clock: Clock) -> None:
    """With 500 matches an event is owed in its transaction; with the 501st a spread row stands
    in their place (protocol.md 2.6)."""
    craft = Craft(database, clock)
    await craft.hooks(500)
    [owed] = await craft.publish()
    tickets = list(craft.announced)
    await craft.hook()

    [spread] = await craft.publish()

    assert {ticket.event for ticket in tickets if isinstance(ticket, Ticket)} == {owed.key}
    assert await craft.states() == {"owed": 500}
    assert craft.announced[500:] == [Job(kind=JobKind.SPREAD, key=spread.key, fence=0)]
    [row] = await craft.fetch("SELECT * FROM spreads")
    assert (row["event"], row["workspace_id"], row["cursor"]) == (spread.key, WORKSPACE, None)
    assert row["due_at"] == clock() + timedelta(seconds=2)


async def test_what_waits_for_nobody(craft: Craft) -> None:
    """A publication whose publisher went before its transaction began is not kept; one that had begun is kept whole."""
    await craft.hook()
    stays, begun, waits = Audience(), Audience(), Audience()
    under_way = asyncio.create_task(craft.intake.publish([craft.event(1)], begun))
    while not craft.intake._group:  # noqa: ASYNC110  it sets no event
        await asyncio.sleep(0)
    waiting = [
        asyncio.create_task(craft.intake.publish([craft.event(n)], each)) for n, each in ((2, waits), (3, stays))
    ]
    await asyncio.sleep(0)

    begun.gone = waits.gone = True
    ended = await asyncio.gather(under_way, *waiting, return_exceptions=True)

    assert [type(each) for each in ended] == [list, NobodyWaits, list]
    assert await craft.states() == {"owed": 2}


async def test_caller_that_went_away(craft: Craft) -> None:
    """What was accepted stays accepted when its caller went away meanwhile, and its neighbour hears of its own."""
    await craft.hook()
    gone = asyncio.create_task(craft.intake.publish([craft.event()]))
    stays = asyncio.create_task(craft.intake.publish([craft.event()]))
    await asyncio.sleep(0)

    gone.cancel()

    assert len(await stays) == 1
    assert await craft.states() == {"owed": 2}


async def test_many_groups(craft: Craft) -> None:
    """Publishers that come while a group is committed are taken by the next: every one is answered, in its own order."""
    await craft.hook()
    batches = [[craft.event(10 * n + m) for m in range(3)] for n in range(40)]

    answers = await asyncio.gather(*(craft.intake.publish(batch) for batch in batches))

    assert [[receipt.key for receipt in answer] for answer in answers] == [[e.key for e in batch] for batch in batches]
    assert await craft.states() == {"owed": 120}
    assert all(event_keys.time_of(receipt.key) == craft.clock() for answer in answers for receipt in answer)


async def test_what_begins_turn_by_turn_shares_a_transaction(craft: Craft) -> None:
    """Under load, requests that came together and begin a few in each turn of the loop are committed together."""
    await asyncio.gather(*(craft.intake.publish([craft.event()]) for _ in range(ENOUGH)))
    await asyncio.sleep(GATHER)
    begun: list[asyncio.Task[list[Receipt]]] = []
    for _ in range(12):
        begun += [asyncio.create_task(craft.intake.publish([craft.event()])) for _ in range(4)]
        await asyncio.sleep(0)

    done, _ = await asyncio.wait(begun, return_when=asyncio.FIRST_COMPLETED)

    assert len(done) == len(begun)


async def test_large_events_weigh_more(craft: Craft) -> None:
    """An array of large events counts for as many small ones as it costs: no other shares its transaction."""
    event = craft.event()
    done = asyncio.get_running_loop().create_future()
    weights = [
        Request(events=[structs.replace(event, body=b"x" * size)] * count, done=done, since=0.0, asking=0.0).weight
        for size, count in ((1000, 1), (1000, 100), (60_000, 1), (60_000, 80))
    ]
    done.cancel()

    assert weights[0] == 1
    assert weights[1] < 200
    assert weights[3] > GROUP > weights[2]


async def test_a_flood_and_another_workspace(craft: Craft) -> None:
    """A publication waits for one transaction of another workspace's flood, and for none of what
    waits behind it (protocol.md 2.7)."""
    flood = [asyncio.create_task(craft.intake.publish([craft.event() for _ in range(400)])) for _ in range(12)]
    await asyncio.wait(flood, return_when=asyncio.FIRST_COMPLETED)
    before = sum(task.done() for task in flood)

    await craft.intake.publish([structs.replace(craft.event(), workspace_id="another")])
    meanwhile = sum(task.done() for task in flood) - before
    await asyncio.gather(*flood)

    # What was under way, and what shares its transaction: 1,000 events of the flood at most, each time.
    assert (before, meanwhile) == (2, 4)


@pytest.mark.parametrize(
    ("waiting", "served", "places"),
    [
        ([("a", 1), ("a", 2), ("b", 3)], (), [0, 1, 2]),
        # A part of a flood, and all of the others, whatever came first.
        ([*[("a", 4)] * 5, ("b", 1), ("c", 1)], (), [0, 1, 5, 6]),
        # One request goes whole; and then nothing of others that does not fit.
        ([("a", 50), ("b", 1)], (), [0]),
        # Who was served last comes last, so that two floods do not keep a third one out.
        ([("a", 10), ("b", 10), ("c", 1)], ("a", "b"), [0, 2]),
        ([], (), []),
    ],
)
def test_workspaces_take_turns_in_a_transaction(
    waiting: list[tuple[str, int]], served: tuple[str, ...], places: list[int]
) -> None:
    """At most twenty events in all, and ten of a workspace."""
    assert turn(waiting, served, most=20, each=10) == places
