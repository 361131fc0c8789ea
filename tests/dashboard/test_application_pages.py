"""The pages of applications over ASGI: registered, found, changed and removed; what REST and GraphQL register is the same."""

from service.services import Services
from subscriptions.access.clients import Role
from subscriptions.catalogue.api_drafts import EventApiDraft
from tests.dashboard.conftest import Visit
from tests.dashboard.test_event_api_pages import DOCUMENT
from tests.dashboard.test_webhook_pages import hook, said
from tests.service.callers import OTHER_WORKSPACE, WORKSPACE

PATH = "/dashboard/catalogue/applications"


async def test_an_application_is_registered_and_found(visit: Visit, services: Services) -> None:
    """With the URL that it posts its events to and its webhook, which is told that; wrong names are said beside their field."""
    webhook = await hook(services, "till")
    async with await visit(Role.PUBLISHER) as publisher, await visit(Role.OPERATOR) as operator:
        empty, choosing = await publisher.get(PATH), await operator.get(PATH)
        made = await publisher.post(PATH, data={"name": "shop", "description": "Sells", "webhook": str(webhook.id)})
        again = await publisher.post(PATH, data={"name": "shop", "webhook": ""})
        reserved = await publisher.post(PATH, data={"name": "docs", "description": "kept", "webhook": ""})
        odd = await publisher.post(PATH, data={"name": "x", "webhook": "till"})
        listed, none = await publisher.get(PATH), await publisher.get(PATH, params={"search": "%"})
        one = await publisher.get(made.headers["location"])
    async with await visit(Role.VIEWER, workspace=OTHER_WORKSPACE) as other:
        theirs = [(await other.get(path)).status_code for path in (PATH, made.headers["location"])]

    assert "No applications yet" in empty.text
    assert f'<option value="{webhook.id}">till</option>' in choosing.text
    assert said(made) == "shop is registered."
    assert (again.status_code, "is the name of another application" in again.text) == (409, True)
    assert (reserved.status_code, "is reserved" in reserved.text, ">kept<" in reserved.text) == (400, True, True)
    assert (odd.status_code, "is no id of a webhook" in odd.text) == (400, True)
    assert all(each in listed.text for each in ("shop", "Sells", "/shop/v1/events", "Its own"))
    assert "No application matches" in none.text
    assert all(each in one.text for each in ("/shop/v1/events", "/shop/v2/events -H", str(webhook.id), "None yet"))
    assert theirs == [200, 404]
    async with services.database.raw() as connection:
        assert await connection.fetchval("SELECT count(*) FROM deliveries WHERE webhook = $1", webhook.id) == 1


async def test_an_application_is_changed_and_removed(visit: Visit, services: Services) -> None:
    """Its description and webhook; one that has event APIs goes by a tick alone, and they keep its name."""
    draft = EventApiDraft(text=DOCUMENT.encode(), application="shop")
    await services.event_apis.register(draft, by=WORKSPACE, now=services.clock())
    webhook = await hook(services)
    async with await visit(Role.OPERATOR) as operator:
        own = (await operator.post(PATH, data={"name": "shop", "webhook": ""})).headers["location"]
        changed = await operator.post(own, data={"description": "Sells", "webhook": str(webhook.id)})
        wrong = await operator.post(own, data={"description": "x" * 2001, "webhook": ""})
        page, kept = await operator.get(own), await operator.post(f"{own}/remove")
        gone, after = await operator.post(f"{own}/remove", data={"force": "true"}), await operator.get(own)
    async with await visit(Role.VIEWER) as viewer:
        forbidden = await viewer.post(PATH, data={"name": "x"})

    assert said(changed) == "Saved."
    assert (wrong.status_code, "at most 2,000 characters" in wrong.text) == (400, True)
    assert all(each in page.text for each in ("Sells", "Orders", f'value="{webhook.id}" selected'))
    assert (kept.status_code, "Has the event API Orders" in kept.text) == (409, True)
    assert (said(gone), after.status_code) == ("shop is removed.", 404)
    assert forbidden.status_code == 403
