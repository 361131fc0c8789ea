"""Versions that subscriptions understand, on the pages where they are chosen and shown; and events that do not fit."""

from datetime import UTC, datetime

from sqlalchemy import select

from service.services import Services
from subscriptions.access.clients import Role
from subscriptions.catalogue.api_drafts import EventApiDraft
from subscriptions.catalogue.api_rows import ApiVersion
from subscriptions.catalogue.schemas.faults import Fault
from subscriptions.events.directory import type_id
from subscriptions.ground.tables import subscriptions
from tests.builders import Builder
from tests.dashboard.conftest import Visit
from tests.dashboard.test_webhook_pages import hook, said
from tests.service.callers import OTHER_WORKSPACE, WORKSPACE

TYPE, OTHER = "com.acme.order.placed", "com.acme.order.gone"


async def described(
    services: Services, version: str, dataschema: str, event_type: str = TYPE, life: ApiVersion | None = None
) -> None:
    """A version of the type, whose events have this `dataschema`."""
    text = f"""asyncapi: 2.6.0
info: {{title: Orders, version: '1'}}
channels:
  {event_type}:
    subscribe:
      message:
        headers: {{type: object, properties: {{ce_dataschema: {{const: '{dataschema}'}}}}}}
        payload: {{type: object}}
"""
    draft = EventApiDraft(text=text.encode(), group="orders", version=life or ApiVersion(value=version))
    await services.event_apis.register(draft, by=WORKSPACE, now=services.clock())


async def pins(services: Services) -> dict[str, tuple[str, str]]:
    async with services.database.transaction() as connection:
        columns = subscriptions.c
        rows = await connection.execute(select(columns.event_type, columns.version, columns.event_filter))
        return {row.event_type: (row.version, row.event_filter) for row in rows}


async def test_a_version_is_chosen_shown_and_changed(visit: Visit, services: Services) -> None:
    """Where a type has versions the page that subscribes asks which is understood; pages show it; a filter leaves it as it is."""
    await described(services, "1", "urn:one")
    await described(services, "2", "urn:two")
    webhook = await hook(services)
    own = f"/dashboard/webhooks/{webhook.id}"
    async with await visit(Role.SUBSCRIBER) as client:
        offered = await client.get(f"{own}/subscribe")
        wrong = await client.post(f"{own}/subscriptions", data={"type": TYPE, f"version:{TYPE}": "3"})
        made = await client.post(f"{own}/subscriptions", data={"type": TYPE, f"version:{TYPE}": "1"})
        page, of_type = await client.get(own), await client.get(f"/dashboard/catalogue/{type_id(TYPE)}")
        one = await only(services)
        form = await client.get(f"{own}/subscriptions/{one}")
        filtered = await client.post(f"{own}/subscriptions/{one}", data={"filter": "n gt 4"})
        kept = await pins(services)
        no = await client.post(f"{own}/subscriptions/{one}", data={"filter": "n gt 4", "version": "7"})
        every = await client.post(f"{own}/subscriptions/{one}", data={"filter": "n gt 4", "version": ""})

    assert offered.text.count(f'name="version:{TYPE}"') == 1
    assert "2, current" in offered.text
    assert 'name="version:com.hpe' not in offered.text
    assert (wrong.status_code, "is none of its" in wrong.text) == (400, True)
    assert "1 event type is sent" in said(made)
    assert ">only version 1<" in page.text
    assert ">only 1<" in of_type.text
    assert '<option value="1" selected>' in form.text
    assert "holds for what is published" in said(filtered)
    assert kept == {TYPE: ("1", "n gt 4")}
    assert (no.status_code, "is none of its" in no.text) == (400, True)
    assert "holds for what is published" in said(every)
    assert await pins(services) == {TYPE: ("", "n gt 4")}


async def test_a_pin_that_gets_nothing_asks_for_attention(visit: Visit, services: Services) -> None:
    """Where no event can be told to be of the version that a subscription understands its owner is warned, on the webhook's page
    and the overview; where versions are chosen such a one is shown, with the API's reason, and is not called undescribed."""
    await described(services, "1", "")
    webhook = await hook(services)
    own = f"/dashboard/webhooks/{webhook.id}"
    async with await visit(Role.SUBSCRIBER) as client, await visit(Role.VIEWER, workspace=OTHER_WORKSPACE) as other:
        await client.post(f"{own}/subscriptions", data={"type": TYPE, f"version:{TYPE}": "1"})
        before = [(await client.get(path)).text for path in (own, "/dashboard")]
        await described(services, "2", "")
        after = [(await client.get(path)).text for path in (own, "/dashboard")]
        theirs = (await other.get("/dashboard")).text
        form = (await client.get(f"{own}/subscriptions/{await only(services)}")).text
        second = await hook(services, "second")
        offered = (await client.get(f"/dashboard/webhooks/{second.id}/subscribe")).text

    told = f"A pinned subscription gets nothing: {TYPE} (version 1)."
    assert [told in page for page in before] == [False, False]
    assert [told in page for page in after] == [True, True]
    assert ">gets nothing<" in after[0]
    assert told not in theirs
    untold = "it says no dataschema, so that its events cannot be told from the current version"
    assert '<option value="1" selected>1, ' + untold in form
    assert "described no more" not in form
    assert '<option value="1" disabled>1, ' + untold in offered


async def test_a_deprecated_version_is_told_to_its_subscriber(visit: Visit, services: Services) -> None:
    """The webhook's page says of each subscription that its version is deprecated, until when, and what to read instead."""
    life = ApiVersion(
        value="1", deprecated=True, sunset=datetime(2199, 6, 1, tzinfo=UTC), migration="https://acme.example/2"
    )
    await described(services, "1", "urn:one", life=life)
    webhook = await hook(services)
    own = f"/dashboard/webhooks/{webhook.id}"
    async with await visit(Role.SUBSCRIBER) as client:
        await client.post(f"{own}/subscriptions", data={"type": TYPE})
        page = (await client.get(own)).text
        form = (await client.get(f"{own}/subscriptions/{await only(services)}")).text
        await described(services, "2", "urn:two")
        after = (await client.get(own)).text

    assert all(each in page for each in ("Version 1 is deprecated: it goes", "2199", "https://acme.example/2"))
    assert ">1, current, deprecated<" in form
    assert "is deprecated" not in after


async def only(services: Services) -> object:
    async with services.database.transaction() as connection:
        return await connection.scalar(select(subscriptions.c.id))


async def test_events_that_do_not_fit_ask_for_attention(visit: Visit, services: Services, builder: Builder) -> None:
    """Counts and what was wrong with one of them, on the type's page, in the list and on the overview: to the type's owner, of
    its own events; to operators of all; to nobody else, and not of what came a day ago."""
    await described(services, "1", "urn:one")
    await described(services, "2", "urn:two", OTHER)
    counts = services.judge.counts
    for event_type, workspace in ((TYPE, WORKSPACE), (TYPE, OTHER_WORKSPACE), (OTHER, OTHER_WORKSPACE)):
        event = builder.event(type=event_type, workspace_id=workspace)
        counts.note(event, [Fault("/number", "is no number")], rejected=False)
        counts.note(event, [Fault("/number", "is no number")], rejected=True)
    await counts.write()
    paths = ("/dashboard", "/dashboard/catalogue", f"/dashboard/catalogue/{type_id(TYPE)}")
    async with await visit(Role.VIEWER) as viewer, await visit(Role.VIEWER, workspace=OTHER_WORKSPACE) as other:
        overview, listed, one = [(await viewer.get(path)).text for path in paths]
        theirs = [(await other.get(path)).text for path in paths]
    async with await visit(Role.OPERATOR) as operator:
        every = [(await operator.get(path)).text for path in paths]
    async with services.database.raw() as connection:
        await connection.execute("UPDATE schema_misfits SET last_at = last_at - interval '25 hours'")
    async with await visit(Role.VIEWER) as viewer:
        old = (await viewer.get("/dashboard")).text

    assert overview.count("events do not fit its schema") == 1
    assert "1 was taken all the same and 1 was refused since the schema was changed" in overview
    assert "2 did not fit" in listed
    assert all(each in one for each in ("Events that did not fit", "data/number", "is no number", "of your workspace"))
    assert not any("did not fit" in page or "events do not fit its schema" in page for page in theirs)
    assert every[0].count("events do not fit its schema") == 2
    assert "4 did not fit" in every[1]
    assert "events do not fit its schema" not in old
