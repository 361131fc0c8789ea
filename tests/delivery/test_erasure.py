"""Erasure on request: what events carried is gone, what waits of them is not sent, what they were stays."""

import asyncio
from uuid import UUID

import msgspec
import pytest

from delivery.attempts.endings import ClaimedDelivery
from delivery.ledger.jobs import erasures, job_rows
from delivery.reports.recent_deliveries import History
from delivery.tickets import Job, JobKind, Ticket
from delivery.upkeep.erasure import Erasure
from delivery.upkeep.jobs import LEASE
from subscriptions.ground import event_keys
from subscriptions.ground.database import Database
from subscriptions.ground.errors import Absent, Refused
from tests.clock import Clock
from tests.delivery.batching import closed, members, numbers, sent
from tests.delivery.craft import TYPE, WORKSPACE, Craft
from tests.delivery.destinations import reply

#: From a claim until a job comes back for the answer to it.
BACK = 20 + erasures.RECORDED
REASON = "its payload was erased"


@pytest.fixture
def erasure(database: Database, clock: Clock, craft: Craft) -> Erasure:
    return Erasure(database, clock, craft.announced.extend)


async def published(craft: Craft) -> tuple[UUID, Ticket]:
    """An event owed to one webhook, and its ticket."""
    [receipt] = await craft.publish()
    ticket = craft.announced.pop()
    assert isinstance(ticket, Ticket)
    return receipt.key, ticket


async def body(craft: Craft, event: UUID) -> bytes | None:
    found: bytes | None = await craft.value("SELECT body FROM events WHERE key = $1", event)
    return found


async def number_of(craft: Craft, event: UUID) -> int:
    """What the event has in it."""
    found = await body(craft, event)
    assert found is not None
    return int(msgspec.json.decode(found)["data"]["number"])


async def answers(craft: Craft, event: UUID) -> set[tuple[bytes, bytes | None]]:
    """What is kept of the attempts: request headers and answers."""
    rows = await craft.fetch("SELECT request_headers, response_body FROM attempts WHERE event = $1", event)
    return {(row["request_headers"], row["response_body"]) for row in rows}


async def record(craft: Craft, held: ClaimedDelivery, status: int) -> None:
    await craft.rounds.outcomes.record([await craft.attempt(held, reply(status, b"an answer"))])


@pytest.mark.parametrize("state", ["owed", "parked", "collecting"])
async def test_what_waits_is_not_sent(craft: Craft, erasure: Erasure, clock: Clock, state: str) -> None:
    """Whatever a delivery waits for, it ends expired; neither its ticket nor a drain takes it; its
    neighbour is left (protocol.md 9.1)."""
    webhook = await craft.hook()
    erased, other = await craft.owe(webhook, 2, state=state)

    await erasure.event(erased)

    row = await craft.row(erased, webhook)
    assert (row.state, row.reason, row.due_at, row.ended_at) == ("expired", REASON, None, clock())
    assert await craft.claim(Ticket(erased, webhook, 0, 0)) == []
    assert [held.claimed.event for held in await craft.drain()] == ([other] if state == "owed" else [])
    assert ((await craft.row(other, webhook)).state, await body(craft, other)) == (state, b'{"data":{}}')


async def test_what_stays(craft: Craft, erasure: Erasure) -> None:
    """Ids, type, workspace, times and statuses are there afterwards; body, headers and answer are not (protocol.md 9.3)."""
    webhook = await craft.hook()
    event, ticket = await published(craft)
    [held] = await craft.claim(ticket)
    await record(craft, held, 410)

    await erasure.event(event)

    [kept] = await craft.fetch("SELECT * FROM events")
    assert (kept["key"], kept["id"], kept["type"], kept["workspace_id"]) == (event, str(event), TYPE, WORKSPACE)
    assert (kept["body"], await answers(craft, event)) == (None, {(b"[]", None)})
    assert ((await craft.row(event, webhook)).state, (await craft.row(event, webhook)).status) == ("failed", 410)


async def test_an_erasure_may_be_asked_for_again(craft: Craft, erasure: Erasure, clock: Clock) -> None:
    """An erasure may be asked for again: nothing changes. An event that nobody knows is absent."""
    webhook = await craft.hook()
    [event] = await craft.owe(webhook)
    await erasure.event(event)
    before = await craft.row(event, webhook)
    clock.advance(60)

    await erasure.event(event)

    assert await craft.row(event, webhook) == before
    with pytest.raises(Absent):
        await erasure.event(event_keys.new(clock()))


async def test_claimed_before(craft: Craft, erasure: Erasure, clock: Clock) -> None:
    """An attempt under way goes on and its outcome counts; what was answered is erased after its lease (protocol.md 9.1)."""
    webhook = await craft.hook()
    event, ticket = await published(craft)
    [held] = await craft.claim(ticket)
    await erasure.event(event)
    await record(craft, held, 200)
    at_first = await answers(craft, event)
    clock.advance(BACK)

    await craft.run_jobs()

    assert (await craft.row(event, webhook)).state == "delivered"
    assert [answer for _, answer in at_first] == [b"an answer"]
    assert (await answers(craft, event), await craft.queued_jobs()) == ({(b"[]", None)}, [])


async def test_claimed_before_and_failed(craft: Craft, erasure: Erasure, clock: Clock) -> None:
    """An attempt under way that fails is the last one: its retry finds nothing to send."""
    webhook = await craft.hook()
    event, ticket = await published(craft)
    [held] = await craft.claim(ticket)
    await erasure.event(event)
    await record(craft, held, 503)
    clock.advance(4)

    [after] = await craft.drain()
    await craft.rounds.outcomes.record([await craft.attempt(after)])

    row = await craft.row(event, webhook)
    assert (row.state, row.reason, len(craft.wire.sent)) == ("expired", REASON, 1)


async def test_lost_try(craft: Craft, erasure: Erasure, clock: Clock) -> None:
    """A claim whose lease has lapsed holds nothing up: its row ends at once, and a late failure changes nothing."""
    webhook = await craft.hook()
    event, ticket = await published(craft)
    [held] = await craft.claim(ticket)
    clock.advance(21)
    await erasure.event(event)

    await record(craft, held, 503)

    assert (await craft.row(event, webhook)).reason == REASON
    assert await craft.queued_jobs() == []


async def test_claims_at_the_same_time(craft: Craft, erasure: Erasure) -> None:
    """Of what is claimed while it is erased all is either begun with its payload or never: nothing in between."""
    webhooks = await craft.hooks(20)
    [receipt] = await craft.publish()
    tickets = [nudge for nudge in craft.announced if isinstance(nudge, Ticket)]

    erasing = asyncio.create_task(erasure.event(receipt.key))
    claimed = await asyncio.gather(*(craft.claim(ticket) for ticket in tickets))
    await erasing

    begun = {held.claimed.webhook for taken in claimed for held in taken}
    assert all(held.claimed.body is not None for taken in claimed for held in taken)
    states = {webhook: (await craft.row(receipt.key, webhook)).state for webhook in webhooks}
    assert states == {webhook: "owed" if webhook in begun else "expired" for webhook in webhooks}


async def test_recent_deliveries_and_their_retry(
    craft: Craft, erasure: Erasure, database: Database, clock: Clock
) -> None:
    """Recent deliveries show that there is no payload any more; to send it again is refused, and says why."""
    webhook = await craft.hook()
    event, ticket = await published(craft)
    [held] = await craft.claim(ticket)
    await record(craft, held, 410)
    history = History(database, clock, craft.announced.extend)

    await erasure.event(event)

    [item], _ = await history.recent(WORKSPACE, webhook, limit=10, offset=0)
    assert (item.request_body, item.request_headers, item.response_body, item.status) == (None, (), b"", 410)
    with pytest.raises(Refused, match="payload was erased"):
        await history.retry(WORKSPACE, webhook, event)


async def test_spread_under_way(database: Database, clock: Clock) -> None:
    """A spread ends with the erasure: webhooks that it had not come to get no delivery, the others' end expired."""
    craft = Craft(database, clock, spread_threshold=3, spread_chunk=3)
    await craft.hooks(7)
    [receipt] = await craft.publish()
    [queued_job] = craft.announced
    assert isinstance(queued_job, Job)
    erasure = Erasure(database, clock, craft.announced.extend)

    def erase_after_the_first_chunk(_nudges: object) -> None:
        erasing.append(asyncio.get_running_loop().create_task(erasure.event(receipt.key)))

    erasing: list[asyncio.Task[None]] = []
    spreading = Craft(
        database, clock, announce=erase_after_the_first_chunk, chance=0.5, spread_threshold=3, spread_chunk=3
    )
    await spreading.jobs.run(queued_job)
    await asyncio.gather(*erasing)

    states = await craft.states()
    assert (set(states), await craft.value("SELECT count(*) FROM spreads")) == ({"expired"}, 0)
    assert await craft.drain() == []


async def test_batch_that_waits(craft: Craft, erasure: Erasure) -> None:
    """A closed batch goes out without the event, with all the others; the event's own delivery ends expired (protocol.md 9.2)."""
    webhook = await craft.hook(batching=True)
    ticket = await closed(craft, 3)
    erased, *others = await members(craft, ticket.event)
    number = await number_of(craft, erased)

    await erasure.event(erased)
    await sent(craft, ticket, reply(200))

    [(parcel, _)] = craft.wire.sent
    assert (numbers(parcel.body), await members(craft, ticket.event)) == ({0, 1, 2} - {number}, others)
    assert (await craft.row(erased, webhook)).state == "expired"
    assert {(await craft.row(event, webhook)).state for event in others} == {"delivered"}


async def test_batch_that_was_sent(craft: Craft, erasure: Erasure) -> None:
    """Of a batch that has arrived the event's bytes and the answer go; how it ended stays."""
    webhook = await craft.hook(batching=True)
    ticket = await closed(craft, 2)
    [held] = await craft.claim(ticket)
    await record(craft, held, 200)
    [erased, _] = await members(craft, ticket.event)
    number = await number_of(craft, erased)

    await erasure.event(erased)

    left = await body(craft, ticket.event)
    assert left is not None
    assert (numbers(left), await answers(craft, ticket.event)) == ({0, 1} - {number}, {(b"[]", None)})
    assert await craft.states(webhook) == {"delivered": 3}


async def test_last_event_of_a_batch(craft: Craft, erasure: Erasure) -> None:
    """A batch ends expired with the last of its events (protocol.md 9.2)."""
    webhook = await craft.hook(batching=True)
    ticket = await closed(craft, 2)

    for event in await members(craft, ticket.event):
        await erasure.event(event)

    assert (await craft.claim(ticket), await body(craft, ticket.event)) == ([], None)
    assert await craft.states(webhook) == {"expired": 3}


async def test_batch_under_way(craft: Craft, erasure: Erasure, clock: Clock) -> None:
    """A batch that is being sent is sent as it was; its retry has the event no more, and its answer is erased later."""
    await craft.hook(batching=True)
    ticket = await closed(craft, 2)
    [held] = await craft.claim(ticket)
    erased, _ = await members(craft, ticket.event)
    number = await number_of(craft, erased)
    await erasure.event(erased)
    await record(craft, held, 503)
    clock.advance(BACK)
    await craft.run_jobs()
    after = await answers(craft, ticket.event)

    [again] = await craft.drain()
    await record(craft, again, 200)

    assert [numbers(parcel.body) for parcel, _ in craft.wire.sent] == [{0, 1}, {0, 1} - {number}]
    assert after == {(b"[]", None)}


async def test_all_of_a_workspace_is_erased(craft: Craft, erasure: Erasure, clock: Clock) -> None:
    """All that a workspace has published up to now is erased, page by page; later events and other workspaces are left."""
    webhook = await craft.hook()
    old = await craft.owe(webhook, 2 * erasures.PAGE + 1)
    other = await craft.owe(await craft.hook(workspace="f" * 32, subscribed=None), 3)
    await craft.sql("UPDATE events SET workspace_id = $1 WHERE key = ANY($2)", "f" * 32, other)
    clock.advance(1)
    await erasure.workspace(WORKSPACE)
    clock.advance(1)
    later = await craft.owe(webhook, 2)

    await craft.run_jobs()

    left = await craft.fetch("SELECT key FROM events WHERE body IS NOT NULL")
    assert {row["key"] for row in left} == {*other, *later}
    assert await craft.states(webhook) == {"expired": len(old), "owed": 2}
    assert await craft.value("SELECT count(*) FROM jobs") == 0


async def test_workspace_with_batches(craft: Craft, erasure: Erasure, clock: Clock) -> None:
    """Batches of the workspace are erased with its events, also one that was closed while the job went on."""
    webhook = await craft.hook(batching=True)
    await closed(craft, 3)
    await craft.publish(9)
    clock.advance(1)
    await erasure.workspace(WORKSPACE)
    [queued_job] = [nudge for nudge in craft.announced if isinstance(nudge, Job) and nudge.kind is JobKind.JOB]
    clock.advance(59)
    for webhook_batch in [each for each in await craft.queued_jobs() if each.kind is JobKind.BATCH]:
        await craft.jobs.run(webhook_batch)

    await craft.jobs.run(queued_job)

    assert await craft.value("SELECT count(*) FROM events WHERE body IS NOT NULL") == 0
    assert await craft.states(webhook) == {"expired": 14}


async def test_workspace_after_a_crash(craft: Craft, erasure: Erasure, database: Database, clock: Clock) -> None:
    """A process that dies over it holds it up for a lease; the next one goes on where it was."""
    webhook = await craft.hook()
    await craft.owe(webhook, erasures.PAGE + 5)
    clock.advance(1)
    job = await erasure.workspace(WORKSPACE)
    async with database.raw() as connection:
        carried = await job_rows.claim(connection, Job(kind=JobKind.JOB, key=job, fence=0), now=clock(), lease=LEASE)
        assert carried is not None
        chunk = await erasures.proceed(connection, carried, now=clock(), lease=LEASE)
    early = await craft.queued_jobs()
    half = await craft.states(webhook)
    clock.advance(LEASE + 1)

    await craft.run_jobs()

    async with database.raw() as connection:
        stale = await erasures.proceed(connection, carried, now=clock(), lease=LEASE)
    assert (chunk.events, early, half) == (erasures.PAGE, [], {"expired": erasures.PAGE, "owed": 5})
    assert (await craft.states(webhook), stale.over) == ({"expired": erasures.PAGE + 5}, True)


async def test_receipt_stays(craft: Craft, erasure: Erasure) -> None:
    """The id of an erased event stays taken: published again it is a duplicate, and nothing is owed (protocol.md 9.3)."""
    await craft.hook()
    [first] = await craft.intake.publish([craft.event(1, id="mine")])
    await erasure.event(first.key)

    [second] = await craft.intake.publish([craft.event(1, id="mine")])

    assert (second.key, second.duplicate, await craft.states()) == (first.key, True, {"expired": 1})
