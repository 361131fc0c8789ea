"""Event APIs are the same on the dashboard, by REST and by GraphQL, wherever they were registered."""

import httpx

from service.services import Services
from subscriptions.access.clients import Role
from subscriptions.catalogue.api_drafts import EventApiDraft
from tests.dashboard.conftest import Visit
from tests.dashboard.test_event_api_pages import DOCUMENT, PATH
from tests.service import conftest as stage
from tests.service.callers import WORKSPACE, Callers
from tests.service.test_graphql import ADD, Asker, created, definition

api = stage.api


async def test_one_object_in_three_places(
    api: httpx.AsyncClient, visit: Visit, callers: Callers, services: Services
) -> None:
    """What GraphQL registers has its page and its place by REST; what another place registers is the application's there."""
    headers = await callers.headers(Role.PUBLISHER)
    ask = Asker(api, headers)
    app = await created(ask, "shop")
    one = (await ask.data(ADD, app=app, **{"in": definition(DOCUMENT, group="orders")}))["addEventAPI"]["id"]
    text = DOCUMENT.replace("com.acme.order", "com.acme.bill").replace("Orders", "Bills")
    draft = EventApiDraft(text=text.encode(), application="shop", origin="page")
    two = await services.event_apis.register(draft, by=WORKSPACE, now=services.clock())
    listed = "query ($id: ID!) { application(id: $id) { eventDefinitions { data { id name } } } }"
    found = (await ask.data(listed, id=app))["application"]["eventDefinitions"]["data"]
    async with await visit(Role.PUBLISHER) as publisher:
        page, every = await publisher.get(f"{PATH}/{one}"), await publisher.get(PATH)

    assert found == [{"id": str(two.id), "name": "Bills"}, {"id": one, "name": "Orders"}]
    assert page.status_code == 200
    assert "com.acme.order.placed" in page.text
    assert all(f'href="{PATH}/{each}"' in every.text for each in (one, two.id))
    by_rest = (await api.get("/events/v1beta1/event-apis", headers=headers)).json()["items"]
    assert [each["id"] for each in by_rest] == [str(two.id), one]
