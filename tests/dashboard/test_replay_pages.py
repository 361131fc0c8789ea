"""Pages of replays over ASGI: chosen, counted, begun, looked at, paused, resumed and cancelled."""

import re
from html import unescape

import httpx
import pytest
from playwright.async_api import expect

from delivery.lifecycle import State
from delivery.tickets import Job, Nudge
from delivery.upkeep.replays import ReplayQuery
from service.api import search_pages
from service.services import Services
from subscriptions.access.clients import Role
from subscriptions.ground.database import Database
from subscriptions.webhooks.subscription_list import SubscriptionRequest
from subscriptions.webhooks.webhook import Webhook
from tests.builders import OWNER, Builder, Result
from tests.clock import Clock
from tests.dashboard import browser
from tests.dashboard.browser import Chrome
from tests.dashboard.conftest import Visit, signed_in
from tests.service.callers import OTHER_WORKSPACE, WORKSPACE

REPLAYS = "/dashboard/replays"
AUDIT = "com.hpe.greenlake.audit-log.v1.logs.created"
FAILED = Result(state=State.FAILED, status=410, reason="410 Gone")


@pytest.fixture
async def hook(builder: Builder, clock: Clock) -> Webhook:
    """A webhook with three deliveries that were given up."""
    made = await builder.webhook()
    for _ in range(3):
        await builder.tried(builder.event(), made.id, FAILED)
    clock.advance(1)
    return made


def fields(page: httpx.Response, action: str) -> dict[str, list[str]]:
    """The hidden fields of the form with this action."""
    [form] = re.findall(rf'<form action="{re.escape(action)}" method="post">(.*?)</form>', page.text, re.DOTALL)
    found: dict[str, list[str]] = {}
    for name, value in re.findall(r'name="([^"]+)" value="([^"]*)"', form):
        found.setdefault(name, []).append(value)
    return found


async def carry_out(services: Services, announced: list[Nudge]) -> None:
    job = announced[-1]
    assert isinstance(job, Job)
    await services.assembly.jobs.run(job)


async def test_a_replay_from_choice_to_end(
    visit: Visit, services: Services, announced: list[Nudge], hook: Webhook
) -> None:
    """What is chosen is counted, begun by one button, shown as far as it is, and paused, resumed and cancelled from its page."""
    ada = await visit(Role.SUBSCRIBER)
    empty = await ada.get(REPLAYS)
    counted = await ada.get(
        f"{REPLAYS}/new", params={"webhookId": str(hook.id), "statusClass": "4", "ratePerSecond": "0.5"}
    )
    begun = await ada.post(REPLAYS, data=fields(counted, REPLAYS))
    path = begun.headers["location"]
    await carry_out(services, announced)
    page = await ada.get(path)
    steps = [await ada.post(f"{path}/{word}") for word in ("pause", "resume", "cancel", "pause")]
    await carry_out(services, announced)
    over = await ada.get(path)
    listed = await ada.get(REPLAYS)

    assert "No replays yet" in empty.text
    assert "3 deliveries would be sent again" in counted.text
    assert begun.status_code == 303
    assert hook.name in page.text
    assert "What failed or expired, to 1 webhook" in page.text
    assert [each.status_code for each in steps] == [303] * 4
    assert "Cancelled" in over.text
    assert ">Pause<" not in over.text
    assert 'class="state idle"' in listed.text
    assert (await ada.get(f"{REPLAYS}?format=csv")).text.count("\n") == 2


async def test_a_count_goes_on(visit: Visit, services: Services, database: Database, hook: Webhook) -> None:
    """What was counted before is added to what is counted behind it; what is begun is all of it."""
    ada = await visit(Role.SUBSCRIBER)
    async with database.raw() as connection:
        first = await connection.fetchval("SELECT event FROM deliveries ORDER BY event LIMIT 1")
    place = search_pages.sealed(services, WORKSPACE, f"{first}.{hook.id}.0")
    chosen = {"webhookId": str(hook.id)}

    page = await ada.get(f"{REPLAYS}/new", params={**chosen, "after": place, "counted": "10000"})
    wrong = await ada.get(f"{REPLAYS}/new", params={**chosen, "after": "s.x", "counted": "many"})

    assert "10,002 deliveries would be sent again" in page.text
    assert fields(page, REPLAYS) == {"webhookId": [str(hook.id)]}
    assert "none that a page of this list has named" in wrong.text


async def test_what_cannot_be_is_said_at_its_field(visit: Visit, hook: Webhook) -> None:
    """A choice that is none is told in words, and nothing begins; one that finds nothing offers no button."""
    ada = await visit(Role.SUBSCRIBER)
    wrong = {"since": "yesterday", "ratePerSecond": "0", "webhookId": "x"}

    refused = await ada.get(f"{REPLAYS}/new", params=wrong)
    fast = await ada.get(f"{REPLAYS}/new", params={"ratePerSecond": "9999"})
    nothing = await ada.get(f"{REPLAYS}/new", params={"reason": "no such reason"})
    posted = await ada.post(REPLAYS, data=wrong)

    assert "Is no moment" in refused.text
    assert "x is no webhook" in refused.text.replace("&#39;", "'")
    assert "at most 500" in fast.text
    assert "Nothing matches" in nothing.text
    assert "Send them again" not in nothing.text
    assert posted.status_code == 400
    assert "No replays yet" in (await ada.get(REPLAYS)).text


async def test_what_is_tried_again_by_itself_is_told_where_nothing_was_given_up(
    visit: Visit, builder: Builder, clock: Clock
) -> None:
    """What failed is meant where nothing is chosen: of what still retries it is said how many, with the way to mean those."""
    ada, made = await visit(Role.SUBSCRIBER), await builder.webhook()
    for _ in range(6):
        await builder.tried(builder.event(), made.id, Result(state=State.OWED, status=500, reason="500"))
    clock.advance(1)

    page = await ada.get(f"{REPLAYS}/new", params={"webhookId": str(made.id), "endedSince": "2026-01-01T00:00"})
    [way] = re.findall(r'href="(/dashboard/replays/new\?[^"]*state=owed[^"]*)"', page.text)
    meant = await ada.get(unescape(way))

    assert "Nothing has been given up" in page.text
    assert "6 are still being tried again by themselves" in page.text
    assert "Nothing matches" not in page.text
    assert "6 deliveries would be sent again" in meant.text


async def test_event_types_are_chosen_from_a_list(visit: Visit, services: Services, builder: Builder) -> None:
    """Types that webhooks of the workspace have subscribed to are offered; chosen ones stay ticked, and several can be typed."""
    ada, made = await visit(Role.SUBSCRIBER), await builder.webhook()
    order = SubscriptionRequest(event_type=AUDIT, webhook=made.id)
    await services.subscription_store.add([order], OWNER, within=WORKSPACE, now=services.clock())
    await builder.tried(builder.event(), made.id, FAILED)

    pages = [await ada.get(path) for path in (f"{REPLAYS}/new", "/dashboard/deliveries", "/dashboard/events")]
    chosen = await ada.get(f"{REPLAYS}/new", params={"type": "a.b, c.d"})

    for page in pages:
        assert f'<option value="{AUDIT}">' in page.text
    for name in ("a.b", "c.d"):
        assert f'<input type="checkbox" name="type" value="{name}" checked>' in chosen.text


async def test_what_a_search_found_is_chosen(visit: Visit, clock: Clock, hook: Webhook) -> None:
    """The filters of the list of deliveries are taken along; one that no replay has is told, and nothing can be begun with it."""
    ada = await visit(Role.SUBSCRIBER)
    found = {
        "eventType": "com.test.v1.things.changed",
        "last": "1h",
        "state": ["failed", "parked"],
        "webhookId": str(hook.id),
    }

    taken = await ada.get(f"{REPLAYS}/new", params=found)
    beyond = await ada.get(f"{REPLAYS}/new", params={**found, "text": "x"})

    assert "3 deliveries would be sent again" in taken.text
    assert 'value="com.test.v1.things.changed" checked' in taken.text
    assert "No replay can be narrowed by a text in data" in beyond.text
    assert "Send them again" not in beyond.text


async def test_nothing_chosen_stays_on_the_list(visit: Visit, hook: Webhook) -> None:
    """Without a script the list comes again with its filters, and says what to do; only ever the list."""
    query = f"webhookId={hook.id}&last=1h"
    async with await visit(Role.SUBSCRIBER) as client:
        listed = await client.get(f"/dashboard/deliveries?{query}")
        nothing = await client.get(f"{REPLAYS}/new", params={"from": query})
        told = (await client.get(nothing.headers["location"])).text
        every = await client.get(f"{REPLAYS}/new", params={"from": ""})
        odd = await client.get(f"{REPLAYS}/new", params={"from": "//example.com/\r\nX: y"})
        some = await client.get(f"{REPLAYS}/new", params={"from": query, "id": f"{hook.id}.{hook.id}.0"})

    assert f'name="from" value="{query.replace("&", "&amp;")}"' in listed.text
    assert (nothing.status_code, nothing.headers["location"]) == (303, f"/dashboard/deliveries?{query}")
    assert ("Choose deliveries first" in told, 'class="said warn"' in told) == (True, True)
    assert (every.headers["location"], odd.headers["location"]) == ("/dashboard/deliveries", "/dashboard/deliveries")
    assert (some.status_code, "1 chosen delivery" in some.text) == (200, True)


@browser.needed
async def test_a_button_waits_for_something_that_is_ticked(
    chrome: Chrome, url: str, services: Services, hook: Webhook
) -> None:
    """With a script the button does nothing before."""
    session = await signed_in(services, "Ada", WORKSPACE, [Role.SUBSCRIBER])
    async with chrome.tab(url, session=session) as tab:
        await tab.page.goto("/dashboard/deliveries")
        button, box = tab.page.get_by_role("button", name="Retry selected"), tab.page.locator("tbody input").first
        await expect(button).to_be_disabled()
        await box.check()
        await expect(button).to_be_enabled()
        await box.uncheck()
        await expect(button).to_be_disabled()


async def test_who_may(visit: Visit, services: Services, hook: Webhook) -> None:
    """A viewer sees replays and begins none; an operator names the workspace, or a webhook of it; others' are not there."""
    viewer, operator = await visit(Role.VIEWER), await visit(Role.OPERATOR, workspace=OTHER_WORKSPACE)
    stranger = await visit(Role.SUBSCRIBER, workspace=OTHER_WORKSPACE)

    unnamed = await operator.post(REPLAYS, data={"kind": "lost"})
    begun = await operator.post(REPLAYS, data={"webhookId": str(hook.id)})
    [made], _ = await services.replays.listed(ReplayQuery(limit=10))
    path = f"{REPLAYS}/{made.id}"
    seen = await viewer.get(path)

    assert unnamed.status_code == 400
    assert "Say which workspace" in unnamed.text
    assert begun.status_code == 303
    assert made.workspace_id == WORKSPACE
    assert seen.status_code == 200
    assert ">Pause<" not in seen.text
    assert "Send deliveries again" not in (await viewer.get(REPLAYS)).text
    refused = [await viewer.get(f"{REPLAYS}/new"), await viewer.post(REPLAYS), await viewer.post(f"{path}/cancel")]
    assert [each.status_code for each in refused] == [403] * 3
    assert [(await stranger.get(path)).status_code, (await stranger.post(f"{path}/cancel")).status_code] == [404] * 2


async def test_what_was_cancelled_is_not_done(visit: Visit, services: Services, hook: Webhook) -> None:
    """Of a replay that was cancelled as much is done as was sent again: what never will be is no part of it."""
    ada = await visit(Role.SUBSCRIBER)
    begun = await ada.post(REPLAYS, data={"webhookId": str(hook.id)})
    [made], _ = await services.replays.listed(ReplayQuery(limit=10))
    async with services.database.raw() as connection:
        await connection.execute(
            "UPDATE replays SET state = 'cancelled', found_all = true, progress = $1",
            '{"found":100,"opened":30,"delivered":19,"failed":1,"cancelled":70}',
        )

    pages = [(await ada.get(each)).text for each in (begun.headers["location"], REPLAYS)]

    assert begun.headers["location"].endswith(str(made.id))
    assert [re.findall(r'<progress max="1" value="([^"]+)"', page) for page in pages] == [["0.2"], ["0.2"]]


@browser.needed
async def test_it_is_looked_at(
    chrome: Chrome, url: str, services: Services, announced: list[Nudge], hook: Webhook
) -> None:
    """In a real browser, wide and narrow, light and dark: no complaint, no barrier, nothing that sticks out; and begun without
    a script."""
    session = await signed_in(services, "Ada", WORKSPACE, [Role.SUBSCRIBER])
    async with chrome.tab(url, session=session, script=False) as tab:
        await tab.page.goto(f"{REPLAYS}/new")
        await tab.page.get_by_role("button", name="Count").click()
        await tab.page.get_by_role("button", name="Send them again").click()
        await tab.page.get_by_text("Replay", exact=True).first.wait_for()
        path = tab.page.url.removeprefix(url)
    await carry_out(services, announced)

    for size, scheme in (("desktop", "light"), ("phone", "dark")):
        async with chrome.tab(url, size=size, scheme=scheme, session=session) as tab:  # type: ignore[arg-type]
            for name, at in (
                ("replays", REPLAYS),
                ("replay", path),
                ("replay-new", f"{REPLAYS}/new?statusClass=4&ratePerSecond=0.5"),
            ):
                await tab.page.goto(at)
                await tab.picture(name)
                assert await tab.barriers() == []
                assert await tab.sideways() == 0, at
