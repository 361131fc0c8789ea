"""Pages that go on by themselves, in a real browser: numbers that rise, lists that say what is new without moving, one switch."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace

import httpx
import pytest
from playwright.async_api import expect
from sse_starlette.sse import AppStatus
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message

from delivery.tickets import Ticket
from service import live as lives
from service.dashboard.frame import rendering, streaming
from service.dashboard.routes import PAGES, PageRoute
from service.live import Live
from service.services import Services
from subscriptions.access.clients import Role
from tests.builders import Builder, Result
from tests.dashboard import browser
from tests.dashboard.browser import Chrome
from tests.dashboard.conftest import Visit, signed_in
from tests.dashboard.test_issue_pages import UNAVAILABLE
from tests.dashboard.test_webhook_pages import hook
from tests.service.callers import OTHER_WORKSPACE, WORKSPACE
from tests.service.test_live import EVENT, WEBHOOK, Told

TEMPLATE = """
{% extends "base.html" %}{% block title %}Live{% endblock %}
{% block main %}
{{ ui.page_title("Live") }}
{{ ui.tiles([("Delivered", ui.counted(1999, "delivered"), "", ""), ("Failed", ui.counted(3, "failed", webhook), "", "")]) }}
<p id="other">{{ ui.counted(7, "delivered", other) }}</p>
{{ ui.fresh(path ~ "#life") }}{{ ui.fresh(path, webhook=webhook) }}
{% call ui.table(["Event"]) %}<tr><td>{{ event }}</td></tr>{% endcall %}
<div id="life" {{ ui.again(path, event=event) }}>{% block life %}<p>Looked at {{ looks() }}</p>{% endblock %}</div>
{% endblock %}
"""


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Told:
    monkeypatch.setattr(lives, "TICK", 0.01)
    monkeypatch.setattr(lives, "AGAIN", 0.01)
    return Told()


@pytest.fixture
async def services(services: Services, told: Told) -> AsyncIterator[Services]:
    made = replace(services, live=Live(told.ear, per_person=2))
    yield made
    assert made.live is not None
    await made.live.close()


@pytest.fixture
def pages() -> tuple[PageRoute, ...]:
    looked = iter(range(1, 1000))

    async def shown(request: Request) -> Response:
        return rendering.render(
            request,
            rendering.environment().from_string(TEMPLATE),
            webhook=WEBHOOK,
            other="c" * 32,
            event=EVENT,
            looks=lambda: next(looked),
        )

    return (PageRoute("GET", "/dashboard", shown, None), *(each for each in PAGES if each.path != "/dashboard"))


async def test_what_may_not_be_watched(visit: Visit) -> None:
    """A stranger watches nothing."""
    assert (await (await visit()).get(streaming.PATH)).status_code == 303


@browser.needed
async def test_a_page_goes_on_by_itself(chrome: Chrome, url: str, services: Services, told: Told) -> None:
    """Numbers rise, the frame says once how much is new and the list stays as it is, what is of one event is loaded again; and
    all of it stands still while it is paused, on the next page too."""
    session = await signed_in(services, "Ada", WORKSPACE, [Role.VIEWER])
    async with chrome.tab(url, session=session) as tab:
        page = tab.page
        delivered, failed = page.locator('[data-live="delivered"]').first, page.locator('[data-live="failed"]')
        await page.goto("/dashboard")
        await expect(page.locator("#stamp")).to_have_class("stamp live")
        await expect(page.locator("#life")).to_have_text("Looked at 1")
        place = await page.locator("table").bounding_box()
        alone: list[str | None] = []
        page.on("request", lambda request: alone.append(request.headers.get("x-live")))

        told.say(OTHER_WORKSPACE, 500)
        told.say(WORKSPACE, 3)
        told.say(WORKSPACE, 0, 2, 1)

        await expect(delivered).to_have_text("2,002")
        await expect(failed).to_have_text("5")
        await expect(page.locator("#other")).to_have_text("7")
        await expect(page.get_by_role("link", name="6 new attempts, show")).to_be_visible()
        # One for the page, in its frame: it covers nothing.
        assert await page.get_by_role("link", name="new attempt").count() == 1
        assert await page.locator(".top #news").count() == 1
        await expect(page.locator("#life")).to_have_text("Looked at 2")
        assert await page.locator("table").bounding_box() == place
        # What a page asks for by itself says so: it keeps nobody signed in.
        assert set(alone) == {"true"}
        await tab.picture("live", whole=False)
        assert await tab.barriers() == []

        await page.get_by_role("button", name="Pause live updates").click()
        await expect(page.locator("#stamp")).to_have_class("stamp paused")
        assert services.live is not None
        await page.get_by_role("link", name="6 new attempts, show").click()
        await expect(page.locator("#stamp")).to_have_class("stamp paused")
        await expect(delivered).to_have_text("1,999")
        told.say(WORKSPACE, 3)
        await page.get_by_role("button", name="Resume live updates").click()
        await expect(page.locator("#stamp")).to_have_class("stamp live")
        await expect(page.get_by_role("link", name="New things, show")).to_be_visible()
        told.say(WORKSPACE, 4)
        await expect(delivered).to_have_text("2,003")


@browser.needed
async def test_what_somebody_asked_for_is_waited_for(
    chrome: Chrome, url: str, services: Services, told: Told, builder: Builder
) -> None:
    """After one's own test event the list goes on by itself as soon as that one was tried, and what was said of it is old then;
    until then it covers nothing of the list. Of a delivery that is retried the attempts are shown, too."""
    webhook, event = await hook(services), builder.event()
    await builder.tried(builder.event(id="before"), webhook.id, Result())
    session = await signed_in(services, "Ada", WORKSPACE, [Role.SUBSCRIBER])
    cookies = [
        {"name": rendering.SAID, "value": "On%20its%20way", "url": f"{url}/dashboard"},
        {"name": rendering.OF, "value": event.key.hex, "url": f"{url}/dashboard"},
    ]
    async with chrome.tab(url, session=session) as tab:
        page = tab.page
        flash, table = page.locator(".said"), page.locator("#deliveries table")
        await page.context.add_cookies(cookies)  # type: ignore[arg-type]
        await page.goto(f"/dashboard/webhooks/{webhook.id}#deliveries")
        await expect(page.locator("#stamp")).to_have_class("stamp live")
        covering, heading = await flash.bounding_box(), await page.locator("#deliveries h2").bounding_box()
        assert covering is not None
        assert heading is not None
        assert covering["y"] + covering["height"] <= heading["y"]

        told.say_of(webhook.id, builder.event().key)
        await expect(page.get_by_role("link", name="1 new attempt, show")).to_be_visible()
        await expect(flash).to_be_visible()
        await builder.tried(event, webhook.id, UNAVAILABLE)
        told.say_of(webhook.id, event.key)
        await expect(table).to_contain_text(event.id)
        await expect(flash).to_have_count(0)
        await expect(page.locator("#news")).to_be_hidden()

        await page.context.add_cookies(cookies)  # type: ignore[arg-type]
        await page.goto(f"/dashboard/deliveries/{event.key}/{webhook.id}/0")
        await expect(page.locator("#stamp")).to_have_class("stamp live")
        await expect(page.locator("details.attempt")).to_have_count(1)
        ticket = Ticket(event.key, webhook.id, 0, await builder.fence(event.key, webhook.id))
        claimed = ticket._replace(fence=await builder.claim(ticket))
        await builder.end(claimed, replace(UNAVAILABLE, due_at=services.clock()))
        told.say_of(webhook.id, event.key)
        await expect(page.get_by_text("Attempt 2", exact=True).first).to_be_attached()
        await expect(flash).to_have_count(0)
        await expect(page.locator("#attempt-2")).to_have_count(1)
        await expect(page.locator("#news")).to_be_hidden()


async def test_a_stream_is_for_who_may_see_deliveries(visit: Visit) -> None:
    """What a stream tells is what pages of webhooks and deliveries show: no other role has it."""
    async with await visit(Role.PUBLISHER) as publisher:
        assert (await publisher.get(streaming.PATH)).status_code == 403


@browser.needed
@pytest.mark.parametrize("changed", ["roles", "removed"])
async def test_a_stream_ends_with_what_one_may_see(
    url: str, services: Services, told: Told, monkeypatch: pytest.MonkeyPatch, changed: str
) -> None:
    """Whoever has other roles, or may not sign in any more, is told nothing more by a stream of before."""
    monkeypatch.setattr(streaming, "LOOK", 0.05)
    session = await signed_in(services, "Ada", WORKSPACE, [Role.OPERATOR])
    client = httpx.AsyncClient(base_url=url, cookies={"hooklake_session": session}, timeout=20)
    async with client, client.stream("GET", streaming.PATH) as stream:
        lines = stream.aiter_lines()
        assert (await anext(lines)).startswith("event: alive")
        [person] = await services.people.page(limit=1)
        if changed == "roles":
            await services.people.set_roles(person.id, frozenset({Role.VIEWER}))
        else:
            await services.people.remove(person.id, now=services.clock())
        async for _ in lines:
            pass


@browser.needed
async def test_a_stream_ends_whole_with_its_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the process is told to end, what is streamed ends with its last chunk: it is not cut off."""
    sent: list[Message] = []

    async def pieces() -> AsyncIterator[bytes]:
        yield b"data: 1\n\n"
        await asyncio.Event().wait()

    async def receive() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: Message) -> None:
        sent.append(message)
        if message.get("body"):
            monkeypatch.setattr(AppStatus, "should_exit", True)

    await streaming.Stream(pieces(), ping=60)({"type": "http", "method": "GET"}, receive, send)

    assert [(each["type"], each.get("body"), each.get("more_body")) for each in sent[1:]] == [
        ("http.response.body", b"data: 1\n\n", True),
        ("http.response.body", b"", False),
    ]


async def test_a_session_has_so_many_streams(url: str, services: Services, told: Told) -> None:
    """One page more than one may have live is answered 429; nothing is cached, and what is sent is events."""
    session = await signed_in(services, "Ada", WORKSPACE, [Role.VIEWER])
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(httpx.AsyncClient(base_url=url, cookies={"hooklake_session": session}))
        held = []
        for _ in range(2):
            stream = await stack.enter_async_context(client.stream("GET", streaming.PATH))
            assert stream.headers["content-type"].startswith("text/event-stream")
            assert stream.headers["cache-control"] == "no-store"
            held.append(stream.aiter_lines())
            assert (await anext(held[-1])).startswith("event: alive")
        refused = await client.get(streaming.PATH)
        assert refused.status_code == 429
        assert "2 pages at once" in refused.text
