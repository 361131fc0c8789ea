"""Filters at the doors: an event is owed to those who want it, in the transaction that accepts it or chunk by chunk."""

import asyncio
import itertools
from collections.abc import Sequence
from uuid import UUID

import msgspec
import pytest
from msgspec import structs

from delivery.publishing import intake
from delivery.tickets import Job, Nudge, Ticket
from delivery.upkeep.jobs import LEASE
from deploy.stores import Stores
from subscriptions.events.event import Event
from subscriptions.ground.database import Database
from subscriptions.ground.errors import Unavailable
from subscriptions.ground.outage import Outage
from subscriptions.ground.settings import GroundSettings
from subscriptions.webhooks.subscription_list import SubscriptionRequest
from subscriptions.webhooks.subscription_store import Replacement, SubscriptionStore
from tests.clock import Clock
from tests.delivery.craft import OWNER, Craft


async def filtered(craft: Craft, webhooks: Sequence[UUID], text: str) -> None:
    """The webhooks' subscriptions get this filter, as an order that was answered."""
    await craft.sql("UPDATE subscriptions SET event_filter = $2 WHERE webhook = ANY($1::uuid[])", list(webhooks), text)


async def owed(craft: Craft) -> set[UUID]:
    """The webhooks with a delivery."""
    return {row["webhook"] for row in await craft.fetch("SELECT webhook FROM deliveries")}


async def test_owed_to_those_who_want_it(craft: Craft) -> None:
    """In one group each event goes to the webhooks whose filters are true of its data, and tickets go to those alone."""
    everything, small, large, parked = [await craft.hook(), await craft.hook(), await craft.hook(), await craft.hook()]
    await craft.sql("UPDATE webhooks SET status = 'DISABLED' WHERE id = $1", parked)
    await filtered(craft, [small, parked], "number lt 10")
    await filtered(craft, [large], "number ge 10")

    [[five], [ten]] = await asyncio.gather(
        craft.intake.publish([craft.event(5)]), craft.intake.publish([craft.event(10)])
    )

    rows = await craft.fetch("SELECT event, webhook, state FROM deliveries")
    assert {(row["event"], row["webhook"], row["state"]) for row in rows} == {
        (five.key, everything, "owed"),
        (five.key, small, "owed"),
        (five.key, parked, "parked"),
        (ten.key, everything, "owed"),
        (ten.key, large, "owed"),
    }
    assert set(craft.announced) == {
        Ticket(row["event"], row["webhook"], 0, 0) for row in rows if row["state"] == "owed"
    }


async def test_nobody_wants_it(craft: Craft) -> None:
    """An event that every filter refuses is accepted and stored, with no delivery and nothing announced."""
    await filtered(craft, [await craft.hook()], "number lt 10")

    [receipt] = await craft.intake.publish([craft.event(10)])

    assert await craft.value("SELECT count(*) FROM events WHERE key = $1", receipt.key) == 1
    assert await craft.states() == {}
    assert craft.announced == []


async def test_change_of_a_filter(craft: Craft) -> None:
    """A change that was answered holds for every publication that begins after it (protocol.md 2.3)."""
    hook = await craft.hook()
    await filtered(craft, [hook], "number lt 10")
    await craft.intake.publish([craft.event(10)])
    before = await craft.states()

    await filtered(craft, [hook], "number lt 11")
    await craft.intake.publish([craft.event(10)])

    assert (before, await craft.states()) == ({}, {"owed": 1})


def event_of(craft: Craft, data: object) -> Event:
    """An event with these data."""
    event = craft.event()
    return structs.replace(event, body=msgspec.json.encode({"specversion": "1.0", "id": event.id, "data": data}))


async def test_cheap_questions_are_asked_at_once(craft: Craft) -> None:
    """How many filters are asked decides nothing, what they take does: 8,000 cheap questions are asked in one transaction."""
    await filtered(craft, await craft.hooks(400), "number lt 10")

    await craft.intake.publish([craft.event(10) for n in range(20)])

    assert await craft.states() == {}
    assert await craft.value("SELECT count(*) FROM spreads") == 0


async def test_asking_is_bounded(craft: Craft) -> None:
    """One transaction takes 50,000 steps for a workspace and some more; events beyond are spread, others are not."""
    await filtered(craft, await craft.hooks(5), "'x' in a")
    await craft.hook(subscribed="com.hpe.greenlake.compute.v1.servers.deleted")
    heavy = [event_of(craft, {"a": [0] * 3000}) for n in range(10)]

    await craft.intake.publish([*heavy, craft.event(kind="com.hpe.greenlake.compute.v1.servers.deleted")])

    # Five filters of 3,000 elements each: three events are asked about, and the fourth comes to the end.
    assert await craft.value("SELECT count(*) FROM spreads") == 7
    assert await craft.states() == {"owed": 1}
    await craft.run_jobs()
    assert await craft.states() == {"owed": 1}


async def test_a_filter_that_takes_too_much(craft: Craft, clock: Clock) -> None:
    """It lets the event pass, at once and by a spread, its webhook says so, and stops when the filter goes; others do not."""
    greedy, other, ill = await craft.hooks(3)
    await filtered(craft, [greedy, ill], "'x' in a")
    await filtered(craft, [other], "a eq null")
    await craft.sql("UPDATE webhooks SET status = 'WARNING', state_reason = 'ill' WHERE id = $1", ill)
    huge = event_of(craft, {"a": [0] * 21_000})

    await craft.intake.publish([huge])

    reasons = dict(await craft.fetch("SELECT id, state_reason FROM webhooks"))
    assert await owed(craft) == {greedy, ill}
    assert (reasons[other], reasons[ill]) == ("", "ill")
    assert "more than 20,000 steps" in reasons[greedy]
    [subscription] = await craft.fetch("SELECT id, event_type FROM subscriptions WHERE webhook = $1", greedy)
    order = SubscriptionRequest(event_type=subscription["event_type"], webhook=greedy, event_filter="a eq 1")
    change = Replacement(subscription=subscription["id"], order=order)
    await SubscriptionStore(craft.database).replace([change], OWNER, within=None, now=clock())
    assert await craft.value("SELECT state_reason FROM webhooks WHERE id = $1", greedy) == ""


async def test_a_spread_asks_in_portions(craft: Craft) -> None:
    """A chunk of a spread ends where its steps do, and the next goes on: nobody is left out, and greedy filters are told of."""
    hooks = await craft.hooks(600)
    await filtered(craft, hooks, "'x' in a")
    await craft.intake.publish([event_of(craft, {"a": [0] * 21_000})])
    [queued_job] = craft.announced
    assert isinstance(queued_job, Job)
    craft.announced.clear()

    await craft.jobs.run(queued_job)

    assert await owed(craft) == set(hooks)
    assert await craft.value("SELECT count(*) FROM webhooks WHERE state_reason LIKE '%20,000 steps%'") == 600
    assert await craft.value("SELECT count(*) FROM spreads") == 0


async def test_slow_filters_are_no_outage(
    servers: Stores, clock: Clock, craft: Craft, caplog: pytest.LogCaptureFixture
) -> None:
    """Callers who waited for filters for longer than they are patient are told of filters; nobody is told of PostgreSQL."""
    impatient = Database(GroundSettings(database_url=servers.database_url), Outage("database"), patience=0.5)
    # As many steps as keep any machine busy for well over that.
    slow = Craft(impatient, clock, filter_steps=10**9)
    await filtered(craft, await craft.hooks(400), "2021-05-12T07:20:00Z in a")
    heavy = event_of(craft, {"a": ["2021-05-12T07:20:01Z"] * 20_000})
    try:
        with pytest.raises(Unavailable) as refused:
            await slow.intake.publish([heavy])
        await slow.intake.close()
    finally:
        await impatient.close()

    assert refused.value.dependency == intake.FILTERS
    assert "database.away" not in caplog.text
    assert await craft.states() == {}
    assert await craft.value("SELECT count(*) FROM events") == 1


async def spread(craft: Craft) -> Job:
    """Publishes one event, and answers its spread."""
    await craft.intake.publish([craft.event(10)])
    [queued_job] = craft.announced
    assert isinstance(queued_job, Job)
    craft.announced.clear()
    return queued_job


async def test_spread_asks_filters(craft: Craft) -> None:
    """Of 1,700 webhooks, those get a row whose filter wants the event; chunks that nobody wants do not end the spread."""
    hooks = await craft.hooks(1700)
    await filtered(craft, hooks[:600], "number lt 10")
    await filtered(craft, hooks[1000:1100], "number ge 10")
    queued_job = await spread(craft)

    await craft.jobs.run(queued_job)

    assert await owed(craft) == set(hooks[600:])
    assert {nudge.webhook for nudge in craft.announced if isinstance(nudge, Ticket)} == set(hooks[600:])
    assert await craft.value("SELECT count(*) FROM spreads") == 0


async def test_spread_of_what_nobody_wants(craft: Craft) -> None:
    """A spread that every filter refuses ends like any other, without a row or a nudge."""
    await filtered(craft, await craft.hooks(1000), "number lt 10")
    queued_job = await spread(craft)

    await craft.jobs.run(queued_job)

    assert await craft.states() == {}
    assert craft.announced == []
    assert await craft.value("SELECT count(*) FROM spreads") == 0


async def test_killed_between_chunks(database: Database, clock: Clock, craft: Craft) -> None:
    """A worker dies between chunks: who goes on after its lease asks the rest, and every row is there once."""
    hooks = await craft.hooks(2000)
    wanted = hooks[::2]
    await filtered(craft, hooks[1::2], "number lt 10")
    queued_job = await spread(craft)
    count = itertools.count(1)

    def die(_: Sequence[Nudge]) -> None:
        if next(count) == 2:
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await Craft(database, clock, announce=die).jobs.run(queued_job)
    halfway = await owed(craft)
    cursor = await craft.value("SELECT cursor FROM spreads")
    clock.advance(LEASE + 1)

    await craft.run_jobs()

    assert (halfway, cursor) == (set(wanted[:500]), hooks[999])
    assert await owed(craft) == set(wanted)
    assert await craft.states() == {"owed": 1000}
    assert await craft.value("SELECT count(*) FROM spreads") == 0


async def test_chunk_is_all_or_nothing(craft: Craft) -> None:
    """A chunk that is interrupted leaves neither rows nor a cursor behind it."""
    await craft.hooks(600)
    queued_job = await spread(craft)
    await craft.sql("ALTER TABLE spreads ADD CONSTRAINT unmoved CHECK (cursor IS NULL)")
    try:
        with pytest.raises(Exception, match="unmoved"):
            await craft.jobs.run(queued_job)
        states, cursor = await craft.states(), await craft.value("SELECT cursor FROM spreads")
    finally:
        await craft.sql("ALTER TABLE spreads DROP CONSTRAINT unmoved")

    assert (states, cursor) == ({}, None)


async def test_erased_meanwhile(craft: Craft) -> None:
    """An event that was erased before its spread went on has nothing that a filter could refuse: its rows say so."""
    hooks = await craft.hooks(600)
    await filtered(craft, hooks, "number lt 10")
    queued_job = await spread(craft)
    await craft.sql("UPDATE events SET body = NULL")

    await craft.jobs.run(queued_job)

    assert len(await owed(craft)) == 600
