"""Webhooks in a real browser: from a form that checks as one types to a first delivery; a rotation; no script."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import expect

from service.services import Services
from subscriptions.access.clients import Role
from subscriptions.webhooks.webhook import Change
from tests.dashboard import browser
from tests.dashboard.browser import Chrome, Tab
from tests.dashboard.conftest import signed_in
from tests.dashboard.test_webhook_pages import REBOOTED, hook, subscribe
from tests.receiver import Receiver
from tests.service.callers import WORKSPACE

pytestmark = browser.needed

SECRET = "chosen-by-hand"


@pytest.fixture
async def session(services: Services) -> str:
    return await signed_in(services, "Ada", WORKSPACE, [Role.SUBSCRIBER])


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver({"/hook": (SECRET,)}, tls=False) as running:
        yield running


async def seen(tab: Tab, name: str) -> None:
    """The page as a picture; nothing keeps anybody from using it, nothing sticks out."""
    await tab.picture(name)
    assert await tab.barriers() == []
    assert await tab.sideways() == 0


async def test_a_webhook_from_its_form_to_its_first_delivery(
    chrome: Chrome, url: str, session: str, receiver: Receiver
) -> None:
    """What is wrong is said as it is typed; then a handler to copy, the challenge, types found by a word, and a test event."""
    async with chrome.tab(url, session=session) as tab:
        page, asked = tab.page, list[str]()
        page.on("request", lambda request: asked.append(request.url))
        await page.goto("/dashboard/webhooks")
        await seen(tab, "webhooks-empty")
        await page.get_by_role("link", name="Register a webhook").first.click()
        await page.get_by_label("Name", exact=True).fill("Licence watch")
        await page.get_by_label("Webhook URL").fill("https://10.0.0.1/hook")
        await page.get_by_text("is not a public address").wait_for()
        await seen(tab, "webhook-new")
        await page.get_by_label("Webhook URL").fill(receiver.url())
        await page.get_by_text("It can be sent to").wait_for()
        checks = [each.partition("/check?")[2] for each in asked if "/check" in each]
        assert checks
        assert all(each.startswith(("name=", "destination=")) and "&" not in each for each in checks)
        assert not await page.get_by_label("API key").is_visible()
        await page.get_by_label("Beside the signature").select_option("APIKey")
        await page.get_by_label("API key").fill("Token abc")
        await page.get_by_label("Shared secret").fill(SECRET)
        await page.get_by_role("button", name="Register").click()

        await page.get_by_text("LICENCE_WATCH_SECRET").first.wait_for()
        await page.get_by_text("Go", exact=True).click()
        assert await page.get_by_text("package main").is_visible()
        await seen(tab, "webhook-handler")
        await page.get_by_role("button", name="Verify now").click()
        await page.get_by_text("it has proved itself").wait_for()
        assert [each.challenge for each in receiver.requests if each.method == "POST"] == [True]

        await page.get_by_role("link", name="Go on: choose event types").click()
        await page.get_by_label("Find a type").fill("rebooted")
        assert not await page.get_by_label("Audit log created").first.is_visible()
        await page.locator(f'input[value="{REBOOTED}"]').check()
        await page.get_by_role("button", name="Subscribe").click()
        await page.get_by_role("button", name="Send", exact=True).click()
        await page.get_by_role("heading", name="Send a first delivery").wait_for()
        # No worker runs beside this page: it promises nothing.
        await page.get_by_text("test event").first.wait_for()
        await seen(tab, "webhook-first-delivery")


async def test_a_rotation_and_the_end_of_a_webhook(chrome: Chrome, url: str, session: str, services: Services) -> None:
    """With the keyboard alone where a question is asked; what follows is named before it happens."""
    webhook = await hook(services)
    await subscribe(services, webhook)
    async with chrome.tab(url, session=session) as tab:
        page = tab.page
        await page.goto(f"/dashboard/webhooks/{webhook.id}/secrets")
        await seen(tab, "webhook-secrets")
        await page.get_by_role("button", name="Sign with both").click()
        await page.get_by_text("Both secrets are live").wait_for()
        await seen(tab, "webhook-secrets-both")
        await page.locator("#promote summary").focus()
        await page.keyboard.press("Enter")
        await page.get_by_role("button", name="End the rotation").focus()
        await page.keyboard.press("Enter")
        await page.get_by_text("The second secret is the only one now").wait_for()
        await page.get_by_role("link", name="licences").first.click()
        await page.get_by_text("Unregister", exact=True).first.click()
        assert "1 subscription ends" in await page.get_by_role("dialog", name="Unregister licences?").inner_text()
        await page.get_by_role("button", name="Unregister for good").click()
        await page.get_by_text("licences is unregistered").wait_for()


async def test_what_moves_by_itself_leaves_a_question_alone(
    chrome: Chrome, url: str, session: str, services: Services
) -> None:
    """A part that is loaded again shows the new state, closes no question that is asked, and can be asked again after it."""
    webhook = await hook(services)
    again = "htmx.trigger(document.querySelector('#standing'), 'again')"
    async with chrome.tab(url, session=session) as tab:
        page = tab.page
        await page.goto(f"/dashboard/webhooks/{webhook.id}")
        question = page.get_by_role("dialog", name="Unregister licences?")
        await page.locator("#unregister summary").click()
        await services.webhook_lifecycle.change(WORKSPACE, webhook.id, Change(paused=True), by="Ada")
        await page.evaluate(again)
        await expect(page.locator(".verdict .state")).to_have_text("Paused")
        await expect(question).to_be_visible()
        await page.keyboard.press("Escape")
        await page.evaluate(again)
        await expect(page.get_by_role("button", name="Resume")).to_be_visible()
        await page.locator("#unregister summary").click()
        await expect(question).to_be_visible()
        await seen(tab, "webhook-paused")


async def test_a_webhook_is_paused_and_resumed_without_a_script(
    chrome: Chrome, url: str, session: str, services: Services
) -> None:
    """Every form is one; a question unfolds below its button."""
    webhook = await hook(services)
    async with chrome.tab(url, script=False, session=session) as tab:
        page = tab.page
        await page.goto(f"/dashboard/webhooks/{webhook.id}")
        await page.get_by_role("button", name="Pause").click()
        assert await page.get_by_text("Paused: what is published meanwhile").is_visible()
        await page.get_by_role("button", name="Resume").click()
        await page.get_by_text("Unregister", exact=True).first.click()
        assert await page.get_by_text("It has no subscriptions.").is_visible()
        await page.goto(f"/dashboard/webhooks/{webhook.id}/subscribe")
        await page.locator(f'input[value="{REBOOTED}"]').check()
        await page.get_by_role("button", name="Subscribe").click()
        assert await page.get_by_text("1 event type is sent to it").is_visible()
