"""One delivery and one event as people look at them: attempts, signatures, why it waits, who it went to and who not."""

from datetime import timedelta
from uuid import UUID

import msgspec
import pytest

from delivery.delivery_filter import DeliveryId
from delivery.lifecycle import State
from delivery.reports.waiting import WaitCause
from delivery.reports.why_not import NotDelivered, WhyNot
from delivery.wire import notes, parcels, signing
from delivery.wire.notes import WireNotes
from subscriptions.events.event import Event
from subscriptions.ground.errors import Absent
from tests.clock import Clock
from tests.delivery import batching
from tests.delivery.craft import TYPE, WORKSPACE, Craft
from tests.delivery.destinations import SECRET, reply


async def test_a_delivery_with_its_attempts(craft: Craft, clock: Clock) -> None:
    """How it stands, why it waits, and of each attempt what was answered; others' and unknown ones are absent."""
    webhook = await craft.hook()
    [event] = await craft.owe(webhook)
    [held] = await craft.drain()
    await craft.rounds.outcomes.record([await craft.attempt(held, reply(503, b"later", ("X", "1")))])
    id, read = DeliveryId(event, webhook, 0), craft.assembly.inspection.delivery.read

    one = await read(WORKSPACE, id)

    assert (one.state, one.attempt_count, one.status, one.body) == (State.OWED, 1, 503, b'{"data":{}}')
    assert one.wait is not None
    assert (one.wait.cause, one.wait.until) == (WaitCause.CARRIERS, None)
    [tried] = one.attempts
    assert (tried.number, tried.status, tried.response_body, tried.wire) == (1, 503, b"later", None)
    assert ("X", "1") in tried.response_headers
    assert [each.id for each in one.rounds] == [id]
    await craft.upkeep.report("worker", slots=10, free=10)
    waits = (await read(None, id)).wait
    assert waits is not None
    assert (waits.cause, waits.until) == (WaitCause.RETRY, clock() + timedelta(seconds=3))
    assert waits.text.startswith("Attempt 1 failed: 503")
    for workspace, asked in (("0" * 32, id), (None, id._replace(round=1))):
        with pytest.raises(Absent):
            await read(workspace, asked)


async def test_what_is_noted_of_the_wire_is_shown_as_it_was_noted(craft: Craft) -> None:
    """Through the record, to the microsecond."""
    webhook = await craft.hook()
    [event] = await craft.owe(webhook)
    [held] = await craft.drain()
    noted = WireNotes(
        method="POST", url="https://then.example/hook", address="192.0.2.7", port=443, looked_up=1, answered=2
    )
    craft.wire.notes = noted
    await craft.rounds.outcomes.record([await craft.attempt(held, reply(200))])

    one = await craft.assembly.inspection.delivery.read(WORKSPACE, DeliveryId(event, webhook, 0))

    assert one.attempts[0].wire == noted == notes.read(await craft.value("SELECT wire FROM attempts"))


async def test_signatures_tell_which_secret_they_were_made_with(craft: Craft) -> None:
    """A secret that the webhook has, first or second, or one that it has no more; of an erased payload nothing is known."""
    webhook = await craft.hook()
    [event] = await craft.owe(webhook)
    [held] = await craft.drain()
    body = b'{"data":{}}'
    headers = (
        ("HPE-Webhook-Signature", signing.hpe(SECRET, body)),
        ("HPE-Webhook-Signature2", signing.hpe("the one before", body)),
    )
    craft.wire.headers = headers
    await craft.rounds.outcomes.record([await craft.attempt(held, reply(200))])
    id, read = DeliveryId(event, webhook, 0), craft.assembly.inspection.delivery.read

    assert (await read(None, id)).attempts[0].signed_with == ("primary", "replaced")
    await craft.assembly.erasure.event(event)
    erased = await read(None, id)
    assert (erased.body, erased.attempts[0].signed_with) == (None, ())


async def test_signatures_of_onaps_envelopes_tell_it_too(craft: Craft) -> None:
    """They cover what was sent, which is made of the kept event; of a batch each of its events."""
    event = b'{"specversion":"1.0","id":"a","source":"//x","type":"t","data":{}}'
    envelope = b'{"eventId":"a","eventSource":"//x","eventType":"t","event":{}}'
    webhook = await craft.hook(content_mode="onap")
    [key] = await craft.owe(webhook)
    await craft.sql("UPDATE events SET body = $1", event)
    [held] = await craft.drain()
    craft.wire.headers = (("HPE-Webhook-Signature", signing.hpe(SECRET, envelope)),)
    await craft.rounds.outcomes.record([await craft.attempt(held, reply(200))])

    read = await craft.assembly.inspection.delivery.read(None, DeliveryId(key, webhook, 0))

    assert read.attempts[0].signed_with == ("primary",)
    assert [(parcel.body, parcel.unsaid) for parcel, _ in craft.wire.sent] == [(envelope, "onap")]
    both = b"[%b]" % event, b"[%b]" % envelope
    assert parcels.bodies(key, both[0], batch_of_events=True) == [*both]


async def test_a_batch_and_what_it_carries_name_each_other(craft: Craft) -> None:
    """The batch its members, a member its batch; neither needs the other to be sought."""
    webhook = await craft.hook(batching=True)
    ticket = await batching.closed(craft, 3)
    members, read = await batching.members(craft, ticket.event), craft.assembly.inspection.delivery.read

    batch = await read(None, DeliveryId(ticket.event, webhook, 0))
    member = await read(None, DeliveryId(members[0], webhook, 0))

    assert (batch.members, batch.batch, batch.type) == (tuple(members), None, "")
    assert (member.batch, member.state) == (batch.id, State.BUNDLED)
    assert member.wait is not None
    assert member.wait.cause is WaitCause.BUNDLED


async def published(craft: Craft, **data: object) -> Event:
    made = craft.event()
    made = msgspec.structs.replace(made, body=msgspec.json.encode({"id": str(made.key), "data": data}))
    await craft.intake.publish([made])
    return made


async def test_who_an_event_went_to_and_who_not_and_why(craft: Craft, clock: Clock) -> None:
    """Of each webhook of the workspace, by what is kept today; which part of the filter said no, and what the data have there."""
    named: dict[str, UUID] = {}

    async def hook(name: str, event_filter: str = "", *, subscribed: bool = True) -> None:
        named[name] = await craft.hook(subscribed=TYPE if subscribed else None)
        await craft.sql("UPDATE subscriptions SET event_filter = $2 WHERE webhook = $1", named[name], event_filter)

    await hook("all")
    await hook("wants", "total gt 5")
    await hook("refuses", "total gt 100 and not (color eq 'red') and startswith(name,'a')")
    await hook("silent", subscribed=False)
    await hook("changed", "total gt 100")
    await hook("widened", "total gt 100")
    event = await published(craft, total=7, color="red", name="abc")
    clock.advance(60)
    await hook("late")
    await craft.sql("UPDATE webhooks SET created_at = $2 WHERE id = $1", named["late"], clock() - timedelta(hours=1))
    await hook("new")
    for name, to in (("changed", "total gt 50"), ("widened", "")):
        await craft.sql(
            "UPDATE subscriptions SET event_filter = $2, generation = 2, updated_at = $3 WHERE webhook = $1",
            *(named[name], to, clock()),
        )

    one = await craft.assembly.inspection.event.read(WORKSPACE, event.key)

    assert {each.id.webhook for each in one.owed} == {named["all"], named["wants"]}
    others: dict[UUID, NotDelivered] = {each.webhook: each for each in one.others}
    assert {name: others[key].why for name, key in named.items() if key in others} == {
        "refuses": WhyNot.FILTERED,
        "silent": WhyNot.UNSUBSCRIBED,
        "changed": WhyNot.FILTERED_TODAY,
        "widened": WhyNot.CHANGED,
        "late": WhyNot.SUBSCRIBED_LATER,
        "new": WhyNot.REGISTERED_LATER,
    }
    assert [tuple(part) for part in others[named["refuses"]].failed] == [
        ("total gt 100", "total", "7"),
        ("not color eq 'red'", "color", '"red"'),
    ]
    assert [name for name, key in named.items() if key in others and others[key].now] == ["widened", "late", "new"]
    assert (one.body, one.batch, one.spreading) == (event.body, False, False)
    await craft.assembly.erasure.event(event.key)
    erased = await craft.assembly.inspection.event.read(None, event.key)
    assert {each.why for each in erased.others if each.webhook == named["refuses"]} == {WhyNot.ERASED}
    with pytest.raises(Absent):
        await craft.assembly.inspection.event.read("0" * 32, event.key)


async def test_why_an_event_of_another_version_is_not_owed(craft: Craft) -> None:
    """Which version a subscription understands alone, and of which the event was: by its dataschema, or as the current one."""
    one, two = await craft.hook(subscribed=TYPE), await craft.hook(subscribed=TYPE)
    said = "INSERT INTO event_type_versions (id, event_type, version, revision, dataschema, created_at) VALUES"
    for revision, name in enumerate(("1", "2"), 1):
        await craft.sql(
            f"{said} (gen_random_uuid(), $1, $2, $3, $4, now() + interval '{revision} s')",
            *(TYPE, name, revision, f"urn:{name}"),
        )
    pin = "UPDATE subscriptions SET version = $2, version_filter = $3, event_filter = $4 WHERE webhook = $1"
    await craft.sql(pin, one, "1", '["urn:1"]', "total gt 5")
    await craft.sql(pin, two, "2", '["", "urn:2"]', "")

    async def why(**attributes: str) -> dict[UUID, tuple[WhyNot, str, bool]]:
        made = craft.event()
        body = {"id": str(made.key), "data": {"total": 7}, **attributes}
        await craft.intake.publish([msgspec.structs.replace(made, body=msgspec.json.encode(body))])
        read = await craft.assembly.inspection.event.read(WORKSPACE, made.key)
        return {each.webhook: (each.why, each.text, each.now) for each in read.others}

    current = "It is pinned to version 1; this was 2, the current one, for it names no dataschema."
    assert await why() == {one: (WhyNot.OTHER_VERSION, current, False)}
    assert await why(dataschema="urn:1") == {
        two: (WhyNot.OTHER_VERSION, "It is pinned to version 2; this was 1.", False)
    }
    strange = await why(dataschema="urn:x")
    assert {each[0] for each in strange.values()} == {WhyNot.OTHER_VERSION}
    assert "this names the dataschema urn:x, which no version of its type has" in strange[one][1]
    await craft.sql("UPDATE subscriptions SET generation = 2, updated_at = now() + interval '1 day'")
    [again] = (await why()).values()
    assert again[0] is WhyNot.OTHER_VERSION_TODAY
