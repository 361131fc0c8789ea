"""Batches: when they close, and what goes out (greenlake.md 3.4, D.5; protocol.md 7)."""

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest

from delivery.tickets import JobKind, Ticket
from delivery.upkeep.sweeping import PARTITIONED
from subscriptions.ground import partitions
from subscriptions.ground.database import Database
from subscriptions.webhooks.webhook import Change
from tests.clock import Clock
from tests.delivery.batching import closed, members, nudged, numbers, parcels, sent, swept
from tests.delivery.craft import REMEMBERED, WORKSPACE, Craft
from tests.delivery.destinations import reply

DAY = 86400.0


async def test_tenth_event(craft: Craft) -> None:
    """Nine events collect, unannounced; the tenth closes one parcel of all ten, at once (protocol.md 7.1, 7.2)."""
    webhook = await craft.hook(batching=True)
    await craft.publish(9)
    early = await nudged(craft)
    collecting = await craft.states()
    drained = await craft.drain()
    await craft.publish()

    [ticket] = await nudged(craft)

    assert (early, collecting, drained) == ([], {"collecting": 9}, [])
    assert await craft.states() == {"bundled": 10, "owed": 1}
    assert ticket == Ticket(ticket.event, webhook, 0, 0)
    assert len(set(await members(craft, ticket.event))) == 10


async def test_oldest_is_a_minute_old(craft: Craft, clock: Clock) -> None:
    """What has collected closes when the oldest is a minute old, younger ones with it; not before."""
    await craft.hook(batching=True)
    await craft.publish(2)
    clock.advance(30)
    await craft.publish(1)
    clock.advance(29)
    early = await swept(craft)
    clock.advance(1)

    [ticket] = await swept(craft)

    assert early == []
    assert len(await members(craft, ticket.event)) == 3
    assert await swept(craft) == []


async def test_many_at_once(craft: Craft, clock: Clock) -> None:
    """Of 25 events two full parcels close at once, each event in one; the rest has its minute."""
    await craft.hook(batching=True)
    await craft.publish(25)

    full = await nudged(craft)

    assert (len(full), await craft.states()) == (2, {"bundled": 20, "owed": 2, "collecting": 5})
    clock.advance(60)
    assert len(await swept(craft)) == 1
    assert sorted(map(len, await parcels(craft))) == [5, 10, 10]
    assert len({event for parcel in await parcels(craft) for event in parcel}) == 25


@pytest.mark.parametrize(
    ("mode", "media_type"), [("json", "application/json"), ("structured", "application/cloudevents-batch+json")]
)
async def test_what_goes_out(craft: Craft, mode: str, media_type: str) -> None:
    """One array of the events' own bytes, with the batch's id as `webhook-id` and the mode's media type."""
    await craft.hook(batching=True, content_mode=mode)
    ticket = await closed(craft)
    bodies = {row["key"]: row["body"] for row in await craft.fetch("SELECT key, body FROM events WHERE type <> ''")}

    await sent(craft, ticket)

    [(parcel, destination)] = craft.wire.sent
    expected = b",".join(bodies[event] for event in await members(craft, ticket.event))
    assert parcel.body == b"[" + expected + b"]"
    assert (parcel.id, parcel.headers) == (str(ticket.event), (("Content-Type", media_type),))
    assert numbers(parcel.body) == set(range(10))
    assert len(destination.secrets) == 1


async def test_same_bytes_at_each_retry(craft: Craft, clock: Clock) -> None:
    """A batch is closed once: what arrives meanwhile is another one's, and a retry sends the same bytes under
    the same id (protocol.md 7.3)."""
    webhook = await craft.hook(batching=True)
    ticket = await closed(craft, 3)
    await sent(craft, ticket, reply(503))
    await craft.publish(4)
    clock.advance(4)

    [held] = await craft.drain()
    await craft.rounds.outcomes.record([await craft.attempt(held)])

    [(first, _), (second, _)] = craft.wire.sent
    assert first == second
    assert (held.claimed.event, held.claimed.attempts) == (ticket.event, 1)
    assert await craft.states(webhook) == {"delivered": 4, "collecting": 4}


async def test_closers_at_once(craft: Craft, database: Database, clock: Clock) -> None:
    """Closers in eight processes at once share no member, and leave none (protocol.md 7.2)."""
    webhook = await craft.hook(batching=True)
    await craft.publish(45)
    clock.advance(60)
    [queued_job] = [each for each in await craft.queued_jobs() if each.kind is JobKind.BATCH]

    await asyncio.gather(*(Craft(database, clock).jobs.run(queued_job) for _ in range(8)))

    made = await parcels(craft)
    bundled = [event for parcel in made for event in parcel]
    assert len(bundled) == len(set(bundled)) == 45
    assert sorted(map(len, made)) == [5, 10, 10, 10, 10]
    assert await craft.states(webhook) == {"bundled": 45, "owed": 5}


async def test_lost_nudges(craft: Craft, clock: Clock) -> None:
    """A full batch whose nudge was lost closes with its minute; a parcel whose ticket was lost is found by a drain."""
    await craft.hook(batching=True)
    await craft.publish(10)
    clock.advance(60)
    [ticket] = await swept(craft)
    too_early = await craft.drain()
    clock.advance(craft.settings.first_due)

    [held] = await craft.drain()

    assert too_early == []
    assert (held.claimed.event, await swept(craft)) == (ticket.event, [])


async def test_erased_while_it_collected(craft: Craft, clock: Clock) -> None:
    """An event whose payload was erased is in no batch: it ends expired, and the others close without it."""
    webhook = await craft.hook(batching=True)
    [erased, *_] = await craft.publish(3)
    await craft.sql("UPDATE events SET body = NULL WHERE key = $1", erased.key)
    clock.advance(60)

    [ticket] = await swept(craft)

    assert erased.key not in await members(craft, ticket.event)
    assert await craft.states(webhook) == {"expired": 1, "bundled": 2, "owed": 1}


async def test_pause_keeps_collecting(craft: Craft, clock: Clock) -> None:
    """For a paused webhook events collect, however many and however long; full batches go out once
    it is ACTIVE (protocol.md 7.2)."""
    webhook = await craft.hook(batching=True, challenge_request_enabled=False)
    await craft.publish(4)
    await craft.webhook_lifecycle.change(WORKSPACE, webhook, Change(paused=True))
    await craft.publish(8)
    clock.advance(3600)
    paused = [*await nudged(craft), *await swept(craft)]
    kept = await craft.states()

    await craft.webhook_lifecycle.change(WORKSPACE, webhook, Change(paused=False))
    await swept(craft)

    assert (paused, kept) == ([], {"collecting": 12})
    assert sorted(map(len, await parcels(craft))) == [2, 10]


async def test_paused_too_long(craft: Craft, clock: Clock) -> None:
    """What has collected for a halted webhook past the retention time ends expired; what is
    younger does not (protocol.md 6.8)."""
    paused, active = await craft.hook(batching=True, status="DISABLED"), await craft.hook(batching=True)
    await craft.publish(2)
    clock.advance(3 * DAY + craft.settings.batch_wait)
    await craft.publish(1)
    clock.advance(1)

    await craft.upkeep.prune(remembered=REMEMBERED)

    assert await craft.states(paused) == {"expired": 2, "collecting": 1}
    assert await craft.states(active) == {"collecting": 3}


async def test_in_error_it_closes(craft: Craft, clock: Clock) -> None:
    """What collects for a webhook in ERROR becomes a parked parcel, so that its probe has something to try and may heal it."""
    webhook = await craft.hook(status="ERROR", batching=True, challenge_request_enabled=False)
    await craft.publish(3)
    await craft.upkeep.mend()
    await craft.challenge(webhook)
    collecting = await craft.status(webhook)
    clock.advance(60)
    tickets = await swept(craft)
    parked = await craft.states(webhook)

    await craft.challenge(webhook)

    assert (collecting, tickets, parked) == ("ERROR", [], {"bundled": 3, "parked": 1})
    assert (await craft.status(webhook), await craft.states(webhook)) == ("ACTIVE", {"delivered": 4})


@pytest.mark.parametrize("paused", [False, True])
async def test_switched_off(craft: Craft, paused: bool) -> None:
    """Switching batching off closes what is collecting at once, for a paused webhook into parked parcels (protocol.md 7.4)."""
    webhook = await craft.hook(batching=True, paused=paused, status="DISABLED" if paused else "ACTIVE")
    await craft.publish(13)
    craft.announced.clear()

    await craft.webhook_lifecycle.change(WORKSPACE, webhook, Change(batching=False))
    tickets = await nudged(craft)
    await craft.publish()

    assert len(tickets) == (0 if paused else 2)
    assert await craft.states() == {"bundled": 13, "parked" if paused else "owed": 3}


async def test_switched_on(craft: Craft) -> None:
    """Switching batching on leaves waiting singles single; what comes after collects (protocol.md 7.4)."""
    webhook = await craft.hook()
    await craft.publish(3)
    await craft.webhook_lifecycle.change(WORKSPACE, webhook, Change(batching=True))
    await craft.publish(2)

    assert await craft.states() == {"owed": 3, "collecting": 2}


async def test_switched_off_while_published(craft: Craft) -> None:
    """What a publication owed while batching was being switched off is closed by the slow sweep."""
    webhook = await craft.hook(batching=True)
    await craft.publish(3)
    await craft.sql("UPDATE webhooks SET batching = false")
    craft.announced.clear()

    await craft.upkeep.mend()
    [ticket] = await nudged(craft)

    assert len(await members(craft, ticket.event)) == 3
    assert await craft.states(webhook) == {"bundled": 3, "owed": 1}


async def test_day_without_partitions(craft: Craft, clock: Clock) -> None:
    """A batch that closes on a day for which nobody has made partitions closes all the same."""
    clock.advance(90 * DAY)
    await craft.hook(batching=True)
    await craft.publish(2)
    clock.advance(DAY)

    [ticket] = await swept(craft)

    assert len(await members(craft, ticket.event)) == 2
    for day in (clock().date(), (clock() - timedelta(days=1)).date()):
        for table in PARTITIONED:
            await craft.sql(f'DROP TABLE "{partitions.name_of(table, day)}"')


async def test_a_parcel_takes_one_slot_of_a_rate(craft: Craft, clock: Clock) -> None:
    """Under a destination's rate a parcel is one delivery with one send time, given by the drains."""
    await craft.hook(batching=True, endpoint_rate_limit=60)
    await craft.publish(30)

    tickets = await nudged(craft)
    held = await craft.drain()

    assert tickets == []
    assert sorted((each.claimed.send_at - clock()).total_seconds() for each in held if each.claimed.send_at) == [
        0,
        1,
        2,
    ]


async def test_a_spread_collects_where_webhooks_batch(craft: Craft) -> None:
    """A spread event collects where webhooks batch, and asks for the closing of each of them."""
    batching, single = await craft.hooks(300, batching=True), await craft.hooks(300)
    await craft.publish()
    [queued_job] = craft.announced
    craft.announced.clear()
    assert not isinstance(queued_job, Ticket)

    await craft.jobs.run(queued_job)

    assert await craft.states() == {"collecting": 300, "owed": 300}
    assert {each.key for each in craft.announced if not isinstance(each, Ticket)} == set(batching)
    assert {each.webhook for each in craft.announced if isinstance(each, Ticket)} == set(single)


async def test_a_batch_holds_what_the_filter_wants(craft: Craft) -> None:
    """A batch holds the events that the webhook's filter wants, and no others."""
    webhook: UUID = await craft.hook(batching=True)
    await craft.sql("UPDATE subscriptions SET event_filter = 'number ge 10'")
    await craft.publish(20)

    [ticket] = await nudged(craft)
    await sent(craft, ticket)

    [(parcel, _)] = craft.wire.sent
    assert numbers(parcel.body) == set(range(10, 20))
    assert await craft.states(webhook) == {"delivered": 11}
