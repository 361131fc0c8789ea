"""The catalogue's pages in a real browser: versions, schemas as trees, subscription sets; wide and narrow, light and dark."""

from dataclasses import replace

import msgspec
import pytest

from service.app import Configuration
from service.services import Services
from subscriptions.access.clients import Role
from subscriptions.catalogue.api_rows import ApiVersion
from subscriptions.catalogue.applications import ApplicationDraft
from subscriptions.catalogue.builtin.shipped import CATALOGUES
from subscriptions.catalogue.schemas.faults import Fault
from subscriptions.events.directory import type_id
from subscriptions.webhooks.subscription_list import SubscriptionRequest
from subscriptions.webhooks.webhook import Owner
from tests.builders import Builder
from tests.dashboard import browser
from tests.dashboard.browser import Chrome, Tab
from tests.dashboard.conftest import Visit, signed_in
from tests.dashboard.test_event_api_pages import DOCUMENT, PLACED
from tests.dashboard.test_event_api_pages import made as event_api
from tests.service.callers import WORKSPACE
from tests.service.described import described

ANSWER = "org.onap.cps.ncmp.event.model.DmiAsyncRequestResponseEvent"
OWNER = Owner(workspace_id=WORKSPACE, principal="user:1", created_by="Ada")
AVC = "org.onap.cps.ncmp.events.avc1_0_0.AvcEvent"


@pytest.fixture
def configuration(configuration: Configuration) -> Configuration:
    """A deployment that has all shipped catalogues."""
    ground = msgspec.structs.replace(configuration.ground, catalogues=tuple(CATALOGUES))
    return replace(configuration, ground=ground)


@browser.needed
async def test_the_catalogue_is_there_for_everybody(
    chrome: Chrome, url: str, services: Services, builder: Builder
) -> None:
    """No error, nothing that the policy stops, no barrier, nothing that sticks out; what is read needs no script."""
    await described(services)
    hook = await builder.webhook()
    session = await signed_in(services, "Ada", WORKSPACE, [Role.SUBSCRIBER])
    looked = {
        "catalogue": "/dashboard/catalogue",
        "catalogue-versions": f"/dashboard/catalogue/{type_id(ANSWER)}",
        "catalogue-deep": f"/dashboard/catalogue/{type_id(AVC)}",
        "subscribe-sets": f"/dashboard/webhooks/{hook.id}/subscribe",
    }
    for size, scheme, script in (("desktop", "light", True), ("phone", "dark", True), ("phone", "light", False)):
        async with chrome.tab(url, size=size, scheme=scheme, session=session, script=script) as tab:  # type: ignore[arg-type]
            for name, path in looked.items():
                await tab.page.goto(path)
                if script:
                    await tab.picture(name, whole=name != "subscribe-sets")
                    assert await tab.barriers() == []
                    assert await tab.sideways() == 0
                else:
                    assert await tab.page.locator("main h1").is_visible()


@browser.needed
async def test_event_apis_are_there_for_everybody(
    chrome: Chrome, url: str, services: Services, builder: Builder
) -> None:
    """Refused with its faults beside it, read and about to be removed, with and without scripts; as light as other pages."""
    old = ApiVersion(value="0.9", deprecated=True, migration="https://acme.example/orders/2", for_removal=True)
    await event_api(services, version=old)
    api = await event_api(services)
    hook = await builder.webhook()
    order = SubscriptionRequest(event_type=PLACED, webhook=hook.id, version="1.0")
    await services.subscription_store.add([order], OWNER, within=WORKSPACE, now=services.clock())
    services.judge.counts.note(builder.event(type=PLACED), [Fault("/number", "is no number")], rejected=False)
    await services.judge.counts.write()
    shop = ApplicationDraft(workspace_id=WORKSPACE, name="shop", description="Sells", webhook=hook.id)
    await services.event_urls.register(shop, by=WORKSPACE)
    session = await signed_in(services, "Ada", WORKSPACE, [Role.PUBLISHER, Role.SUBSCRIBER])
    apis = "/dashboard/catalogue/apis"
    looked = {
        "event-apis": apis,
        "event-api": f"{apis}/{api.id}",
        "applications": "/dashboard/catalogue/applications",
        "event-type-misfits": f"/dashboard/catalogue/{type_id(PLACED)}",
    }
    for size, scheme, script in (("desktop", "light", True), ("phone", "dark", True), ("phone", "light", False)):
        async with chrome.tab(url, size=size, scheme=scheme, session=session, script=script) as tab:  # type: ignore[arg-type]
            await tab.page.goto(f"{apis}/new")
            await tab.page.locator("textarea[name=document]").fill(DOCUMENT.replace("type: integer", "type: whole"))
            await tab.page.get_by_role("button", name="Register").click()
            await tab.page.locator(".faults mark").wait_for()
            assert "type: whole" in await tab.page.locator("textarea[name=document]").input_value()
            await _looked_at(tab, "event-api-faults", script)
            for name, path in looked.items():
                answer = await tab.page.goto(path)
                assert answer is not None
                assert answer.ok
                await _looked_at(tab, name, script)
            if script:
                await tab.page.goto(f"{apis}/{api.id}")
                assert await tab.weight() < 60_000
                await tab.page.locator("#remove > summary").click()
                await tab.picture("event-api-remove", whole=False)


async def _looked_at(tab: Tab, name: str, script: bool) -> None:
    if not script:
        assert await tab.page.locator("main h1").is_visible()
        return
    await tab.picture(name)
    assert await tab.barriers() == []
    assert await tab.sideways() == 0


async def test_a_set_is_subscribed_to_and_ended(visit: Visit, services: Services, builder: Builder) -> None:
    """In one go, and its types say of which set they are; the same page ends it."""
    await described(services)
    hook = await builder.webhook()
    ada = await visit(Role.SUBSCRIBER)
    own = f"/dashboard/webhooks/{hook.id}"
    choosing = await ada.get(f"{own}/subscribe")
    before = len((await services.described_types.of([ANSWER])).versions)

    made = await ada.post(f"{own}/subscription-sets", data={"set": "acm.cluster-management-tool"})
    shown = await ada.get(own)
    again = await ada.post(f"{own}/subscription-sets", data={"set": "acm.cluster-management-tool"})
    ended = await ada.post(f"{own}/subscription-sets/end", data={"set": "acm.cluster-management-tool"})
    left = await ada.get(own)

    assert before == 1
    assert "Cluster management tool" in choosing.text
    assert (made.status_code, again.status_code, ended.status_code) == (303, 400, 303)
    assert shown.text.count("acm.cluster-management-tool") == 9
    assert "acm.cluster-management-tool" not in left.text


async def test_versions_and_schemas_are_shown(visit: Visit, services: Services) -> None:
    """Of a type each version, the newest first, with attributes, schema as a tree, examples, and that it is deprecated."""
    await described(services)
    ada = await visit(Role.VIEWER)

    page = (await ada.get(f"/dashboard/catalogue/{type_id(ANSWER)}")).text

    assert page.index("Version 2.0.0") < page.index("Version 1.0.0") < page.index("Deprecated")
    assert all(each in page for each in ("response-data-schema", "correlationid", "Subscribers", "no other properties"))
