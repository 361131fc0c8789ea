"""The catalogue's pages over ASGI: the types, who has subscribed, an example of each, and test events."""

import httpx
import pytest

from service.services import Services
from subscriptions.access.clients import Role
from subscriptions.events import catalogue, directory, samples
from tests.dashboard.conftest import Visit
from tests.dashboard.test_webhook_pages import AUDIT, REBOOTED, hook, said, subscribe
from tests.service.callers import OTHER_WORKSPACE, WORKSPACE

PATH = "/dashboard/catalogue"


def of(event_type: str) -> str:
    return f"{PATH}/{directory.type_id(event_type)}"


async def test_the_list_of_types(visit: Visit, services: Services) -> None:
    """By API group, with category and how many of the visitor's webhooks have subscribed; searched, exported, empty in words."""
    await subscribe(services, await hook(services))
    await subscribe(services, await hook(services, "other"))
    async with await visit(Role.VIEWER) as viewer, await visit(Role.VIEWER, workspace=OTHER_WORKSPACE) as other:
        page, found = await viewer.get(PATH), await viewer.get(PATH, params={"search": "rebooted"})
        nothing, theirs = (
            await viewer.get(PATH, params={"search": "%"}),
            await other.get(PATH, params={"search": REBOOTED}),
        )
        csv = await viewer.get(PATH, params={"format": "csv"})
    async with await visit(Role.PUBLISHER) as publisher:
        published = await publisher.get(PATH)

    assert f'href="{of(AUDIT)}"' in page.text
    assert "Server rebooted" in found.text
    assert AUDIT not in found.text
    assert ">2<" in found.text
    assert ">2<" not in theirs.text
    assert "No event type matches" in nothing.text
    assert len(csv.text.splitlines()) == len(catalogue.DOCUMENTED) + 1
    assert "Subscribers" not in published.text


async def test_a_type_and_its_subscribers(visit: Visit, services: Services) -> None:
    """Its example as it would be sent; who has subscribed, of those that the visitor sees; for viewers no form."""
    await subscribe(services, await hook(services, "mine"), event_filter="uptime gt 4")
    async with await visit(Role.VIEWER) as viewer, await visit(Role.SUBSCRIBER, workspace=OTHER_WORKSPACE) as other:
        page, theirs = await viewer.get(of(REBOOTED)), await other.get(of(REBOOTED))
        missing = await viewer.get(of("no.such.type"))
        ours = await viewer.get(of(f"com.hpe.greenlake{catalogue.DELIVERY_FAILED}"))

    for text in ("Server rebooted", REBOOTED, "Custom:", "mine", "uptime gt 4", samples.MARK, "compute-ops/server"):
        assert text in page.text
    assert "mine" not in theirs.text
    assert "Nobody has subscribed" in theirs.text
    assert "/send" not in page.text
    assert "/publish" not in page.text
    assert missing.status_code == 404
    assert "failureId" in ours.text


async def test_a_type_that_nobody_registered(visit: Visit, services: Services) -> None:
    """Is marked in the list and on its page, in words."""
    await services.published_types.make("order.created.v1", by=WORKSPACE, now=services.clock())
    async with await visit(Role.VIEWER) as viewer:
        page, shown = await viewer.get(PATH), await viewer.get(of("order.created.v1"))
        registered = await viewer.get(of(REBOOTED))

    assert page.text.count("Not registered") == 1
    assert "Nobody has registered this type" in shown.text
    assert "First published" in shown.text
    assert "Nobody has registered this type" not in registered.text


async def test_a_test_event_to_one_and_to_all(visit: Visit, services: Services) -> None:
    """A subscriber sends one to a webhook of theirs; who publishes, to all of a workspace; each by their own permission."""
    one, two = await hook(services, "one"), await hook(services, "two")
    await subscribe(services, one)
    await subscribe(services, two)
    async with await visit(Role.SUBSCRIBER) as subscriber:
        sent = await subscriber.post(f"{of(REBOOTED)}/send", data={"webhook": str(one.id), "data": '{"id": "s1"}'})
        denied = await subscriber.post(f"{of(REBOOTED)}/publish", data={"workspace": ""})
        wrong = await subscriber.post(f"{of(REBOOTED)}/send", data={"webhook": str(one.id), "data": '"text"'})
        absent = await subscriber.post(f"{of(REBOOTED)}/send", data={"webhook": "nothing"})
    async with await visit(Role.OPERATOR, workspace=OTHER_WORKSPACE) as operator:
        shown = await operator.get(of(REBOOTED), params={"workspace": WORKSPACE})
        every = await operator.post(f"{of(REBOOTED)}/publish", data={"workspace": WORKSPACE})
        nobody = await operator.post(f"{of(AUDIT)}/publish", data={"workspace": WORKSPACE})
        unknown = await operator.post(f"{of(REBOOTED)}/publish", data={"workspace": "0" * 32})

    assert "on its way" in said(sent)
    assert sent.headers["location"] == f"/dashboard/webhooks/{one.id}#deliveries"
    assert denied.status_code == 403
    assert (wrong.status_code, "must be an object" in wrong.text, absent.status_code) == (400, True, 404)
    assert f'value="{WORKSPACE}"' in shown.text
    assert said(every) == "A test event is published, and sent to 2 webhooks."
    assert "no webhook wants it" in said(nobody)
    assert (unknown.status_code, "no such workspace" in unknown.text) == (400, True)
    async with services.database.raw() as connection:
        assert await connection.fetchval("SELECT count(*) FROM deliveries") == 3


@pytest.mark.parametrize("role", [Role.VIEWER, Role.PUBLISHER])
async def test_who_may_not_send_is_refused(visit: Visit, services: Services, role: Role) -> None:
    """To one webhook: who may change it. To all: publishers and operators."""
    webhook = await hook(services)
    async with await visit(role) as client:
        one: httpx.Response = await client.post(f"{of(REBOOTED)}/send", data={"webhook": str(webhook.id)})
        every = await client.post(f"{of(REBOOTED)}/publish", data={"workspace": ""})

    assert one.status_code == 403
    assert every.status_code == (303 if role is Role.PUBLISHER else 403)
