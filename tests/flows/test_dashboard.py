"""The dashboard over a whole stack, in a real browser: what a subscriber and an operator do there, from signing in to looking at
every page."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect
from starlette.routing import compile_path

from delivery import assembly
from service.dashboard.frame import cookies
from service.dashboard.routes import PAGES
from subscriptions.access.clients import Role
from subscriptions.access.people import PersonDraft
from subscriptions.ground.settings import GroundSettings, read
from tests import canaries
from tests.dashboard import browser
from tests.dashboard.browser import Chrome, Tab
from tests.flows.stage import Stage
from tests.flows.workspaces import EVENTS as EVENTS_API
from tests.flows.workspaces import REBOOTED, SECRET, Workspace
from tests.receiver import Answer, Receiver

pytestmark = [pytest.mark.asyncio(loop_scope="session"), browser.needed]

NEW = canaries.planted("second")
#: Deliveries that are given up and sent again.
EVENTS = 6
#: Bytes of a page with all that it loads, as they travel.
HEAVIEST = 60_000
#: Answers with no page of their own: parts of pages, streams.
PARTS = ("/dashboard/live", "/dashboard/webhooks/check", "/dashboard/catalogue/apis/{id}/document")


@pytest_asyncio.fixture(loop_scope="session")
async def chrome() -> AsyncIterator[Chrome]:
    async with browser.chrome() as opened:
        yield opened


async def invited(stage: Stage, name: str, workspace: Workspace, *roles: Role) -> str:
    """The path of a link that signs a new person in."""
    kept = assembly.stores(read(GroundSettings, stage.stack.environ), connections=1)
    try:
        draft = PersonDraft(name=f"{name}-{workspace.id[:6]}", workspace_id=workspace.id, roles=frozenset(roles))
        person = await kept.people.create(draft, None, now=datetime.now(UTC))
        token = await kept.people.link(person.id, now=datetime.now(UTC))
    finally:
        await kept.close()
    canaries.add(token)
    return f"/dashboard/sign-in?link={token}"


async def entered(page: Page, link: str) -> None:
    await page.goto(link)
    await page.get_by_role("button", name="Sign in as").click()
    await expect(page.get_by_role("heading", name="Overview")).to_be_visible()


async def shows(page: Page, text: str) -> None:
    """Loads the page again until it does."""
    for _ in range(60):
        if await page.locator("main").get_by_text(text).count():
            return
        await page.wait_for_timeout(250)
        await page.reload()
    await expect(page.locator("main")).to_contain_text(text)


async def test_a_subscriber_s_first_hour(
    chrome: Chrome, stage: Stage, workspace: Workspace, receiver: Receiver
) -> None:
    """Signs in by a link, registers, subscribes, sees a delivery land while looking, one fail and why, and rotates."""
    link = await invited(stage, "ada", workspace, Role.SUBSCRIBER)
    receiver.secrets["/ada"] = (SECRET,)
    async with chrome.tab(stage.stack.base_url) as tab:
        page = tab.page
        await entered(page, link)
        await tab.picture("overview-empty")
        await _registers(tab, receiver.url("/ada"))
        await _subscribes(page)
        await workspace.publish()
        await expect(page.get_by_role("link", name=re.compile("new attempt"))).to_be_visible()
        await page.get_by_role("link", name=re.compile("new attempt")).click()
        await shows(page, "Delivered")

        receiver.plan("/ada", *[Answer(status=400)] * 2)
        await workspace.publish()
        await shows(page, "400 Bad Request")
        await tab.picture("webhook-failed")
        await _rotates(tab, receiver)


async def _registers(tab: Tab, destination: str) -> None:
    page = tab.page
    await page.goto("/dashboard/webhooks")
    await tab.picture("webhooks-none")
    await page.get_by_role("link", name="Register a webhook").first.click()
    await page.get_by_label("Name", exact=True).fill("my handler")
    await page.get_by_label("Webhook URL").fill("ftp://nowhere")
    await expect(page.locator("#check-destination")).to_contain_text("http")
    await tab.picture("webhook-new")
    assert await tab.barriers() == []
    await page.get_by_label("Webhook URL").fill(destination)
    await page.get_by_label("Shared secret").fill(SECRET)
    await page.get_by_label("Require a challenge request handshake").check()
    await page.get_by_role("button", name="Register").click()
    await expect(page.locator(".said")).to_be_visible()
    await page.goto("/dashboard/webhooks")
    await page.get_by_role("link", name="my handler").click()
    await shows(page, "Active")


async def _subscribes(page: Page) -> None:
    await page.get_by_role("link", name="Subscribe to event types").click()
    await page.get_by_label("Find a type").fill("servers.rebooted")
    await page.locator(f'input[value="{REBOOTED}"]').check()
    await page.get_by_role("button", name="Subscribe", exact=True).click()
    await expect(page.locator("#subscriptions")).to_contain_text(REBOOTED)


async def _rotates(tab: Tab, receiver: Receiver) -> None:
    page = tab.page
    await page.get_by_role("link", name="Rotate step by step").click()
    await page.get_by_label("Second secret").fill(NEW)
    await page.get_by_role("button", name="Sign with both").click()
    await tab.picture("webhook-rotation")
    assert await tab.barriers() == []
    receiver.secrets["/ada"] = (NEW,)
    await page.locator("#promote > summary").click()
    await page.get_by_role("dialog").get_by_role("button", name="End the rotation").click()
    await expect(page.locator(".said")).to_be_visible()


async def test_every_page_is_there_for_everybody(
    chrome: Chrome, stage: Stage, workspace: Workspace, receiver: Receiver
) -> None:
    """Every page, with something on it, wide and narrow, light and dark, and without a script: no error, nothing that the policy
    stops, no barrier, nothing that sticks out, and no more than 60 KB with all that it loads."""
    hook = await workspace.hook()
    failing = await workspace.hook()
    receiver.plan(failing.path, *[Answer(status=503)] * 3, *[Answer(status=400)] * 20)
    await workspace.publish_many(12)
    await workspace.tried(hook)
    await workspace.tried(failing)
    again = {"webhookIds": [hook.id], "filter": {"states": ["delivered"]}}
    (await workspace.http.post(f"{EVENTS_API}/replays", json=again)).raise_for_status()
    link = await invited(stage, "grace", workspace, Role.OPERATOR)
    faults: list[str] = []
    async with chrome.tab(stage.stack.base_url) as tab:
        await entered(tab.page, link)
        found = await _every_page(tab)
        state = await tab.page.context.storage_state()
    session = next(each["value"] for each in state["cookies"] if each["name"] == cookies.PLAIN)
    for size, scheme in (("desktop", "light"), ("phone", "dark")):
        async with chrome.tab(stage.stack.base_url, size=size, scheme=scheme, session=session) as tab:  # type: ignore[arg-type]
            for name, address in found.items():
                await tab.page.goto(address)
                await tab.picture(name)
                faults += await tab.barriers()
                if wide := await tab.sideways():
                    faults.append(f"{address} is {wide} pixels wider than a {size}")
                if (weight := await tab.weight()) > HEAVIEST:
                    faults.append(f"{address} weighs {weight} bytes with all that it loads")
    async with chrome.tab(stage.stack.base_url, size="phone", script=False, session=session) as tab:
        for address in found.values():
            await tab.page.goto(address)
            await expect(tab.page.locator("h1").first).to_be_visible()
    assert faults == []


async def test_all_that_failed_is_sent_again_while_a_worker_is_killed(
    chrome: Chrome, stage: Stage, workspace: Workspace, receiver: Receiver
) -> None:
    """What was given up is chosen by a filter, counted, sent again, and watched to its end: a worker that dies on the way keeps
    nothing of it back."""
    hook = await workspace.hook()
    receiver.plan(hook.path, *[Answer(status=400)] * EVENTS * 5)
    receipts = await workspace.publish_many(EVENTS)
    await workspace.settled(*receipts, failed=1)
    link = await invited(stage, "rosa", workspace, Role.SUBSCRIBER)
    async with chrome.tab(stage.stack.base_url) as tab:
        page = tab.page
        await entered(page, link)
        await _acknowledges(tab)
        await page.get_by_role("link", name="Deliveries", exact=True).click()
        await page.get_by_role("link", name="Failed", exact=True).click()
        await page.get_by_role("link", name="Retry everything that this finds").click()
        await page.get_by_label("Rate").fill("2")
        await page.get_by_role("button", name="Count").click()
        await expect(page.locator("#counted")).to_contain_text(f"{EVENTS} deliveries would be sent again")
        await tab.picture("replay-counted")
        assert await tab.barriers() == []
        await page.get_by_role("button", name="Send them again").click()
        await receiver.wait_for(EVENTS * 5 + 2, path=hook.path, timeout=60)
        next(iter(stage.workers().values())).kill()
        await shows(page, "Finished")
        await expect(page.locator(".tile").filter(has_text="Delivered")).to_contain_text(str(EVENTS))
        await tab.picture("replay-done")
    await workspace.settled(*receipts, delivered=1)


async def _acknowledges(tab: Tab) -> None:
    """What fails alike is one issue, which somebody says he knows of."""
    page = tab.page
    await page.get_by_role("link", name="Issues", exact=True).click()
    await shows(page, "400 Bad Request")
    await page.locator("tr[data-row] a").first.click()
    await tab.picture("issue-open")
    assert await tab.barriers() == []
    await page.locator("#acknowledge").get_by_role("button", name="Acknowledge").click()
    await expect(page.locator(".heading .state")).to_have_text("Acknowledged")


async def test_a_webhook_is_paused_by_keys_alone(chrome: Chrome, stage: Stage, workspace: Workspace) -> None:
    """Sections by `g` and a letter, rows by `j`, buttons by Tab: no mouse is needed, and what has the focus can be seen."""
    await workspace.hook()
    link = await invited(stage, "kim", workspace, Role.SUBSCRIBER)
    async with chrome.tab(stage.stack.base_url) as tab:
        page, press = tab.page, tab.page.keyboard.press
        await entered(page, link)
        await press("g")
        await press("w")
        await page.wait_for_url("**/dashboard/webhooks")
        await press("j")
        await press("Enter")
        await page.wait_for_url("**/dashboard/webhooks/*")
        for _ in range(60):
            await press("Tab")
            if await page.evaluate("document.activeElement.innerText") == "Pause":
                break
        assert await page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
        await press("Enter")
        await expect(page.locator(".said")).to_be_visible()
        await expect(page.locator(".verdict .state")).to_have_text("Paused")


async def _every_page(tab: Tab) -> dict[str, str]:
    """An address of each page that links lead to, by a name for its picture."""
    wanted = {
        each.path: compile_path(each.path)[0] for each in PAGES if each.method == "GET" and each.path not in PARTS
    }
    found: dict[str, str] = {}
    seen, left = {"/dashboard"}, ["/dashboard"]
    while left:
        address = left.pop(0)
        path = next((path for path, pattern in wanted.items() if pattern.match(urlsplit(address).path)), None)
        # A fixed path before one with a place for anything.
        exact = urlsplit(address).path
        path = exact if exact in wanted else path
        if path is None or path in found.values() or "format=csv" in address:
            continue
        name = re.sub(r"[{}/]+", "-", path.removeprefix("/dashboard")).strip("-") or "overview"
        if name in found:
            continue
        found[name] = address
        await tab.page.goto(address)
        links = await tab.page.locator('a[href^="/dashboard"]').evaluate_all(
            "all => all.map(a => a.getAttribute('href'))"
        )
        for each in (link.partition("#")[0] for link in links):
            if each not in seen:
                seen.add(each)
                left.append(each)
    return found
