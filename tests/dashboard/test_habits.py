"""What a script adds to the pages, in a real browser: keys, the palette, questions, plots, copying; and pages without one."""

import re

import pytest
from playwright.async_api import expect

from service.dashboard import routes
from service.dashboard.frame import finding
from service.dashboard.routes import PageRoute
from service.services import Services
from subscriptions.access.clients import Role
from tests.dashboard import browser, gallery
from tests.dashboard.browser import Chrome, Tab
from tests.dashboard.conftest import signed_in
from tests.service.callers import WORKSPACE

pytestmark = browser.needed


@pytest.fixture
def pages() -> tuple[PageRoute, ...]:
    return (*gallery.PAGES, *(each for each in routes.PAGES if each.handler is finding.found))


async def test_a_page_is_used_by_keys_alone(chrome: Chrome, url: str, services: Services) -> None:
    """The content, finding, the sections, the list of keys, a question, the values of a plot: all without a mouse."""
    session = await signed_in(services, "Ada", WORKSPACE, [Role.OPERATOR])
    async with chrome.tab(url, session=session) as tab:
        page, press = tab.page, tab.page.keyboard.press
        await page.goto("/dashboard/gallery")
        await press("Tab")
        await expect(page.locator(".skip")).to_be_focused()
        await press("Enter")
        await expect(page.locator("#main")).to_be_focused()

        await press("Control+k")
        await expect(page.locator("#palette-text")).to_be_focused()
        await expect(page.locator("#palette-found a")).not_to_have_count(0)
        await tab.picture("palette", whole=False)
        assert await tab.barriers() == []
        await page.keyboard.type("peop")
        await expect(page.locator("#palette-found a")).to_have_count(1)
        await press("Enter")
        await page.wait_for_url("**/dashboard/people")

        await press("Control+k")
        await page.keyboard.type("zz")
        await press("Escape")
        await expect(page.locator("#palette")).to_be_hidden()

        await press("g")
        await press("w")
        await page.wait_for_url("**/dashboard/webhooks")
        await press("?")
        await expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
        await tab.picture("keys", whole=False)
        assert await tab.barriers() == []
        await press("Escape")

        await _asked(tab)
        await _led_along_a_plot(tab)


async def _asked(tab: Tab) -> None:
    """What cannot be undone asks first; a question that is left does nothing."""
    summary = tab.page.locator("#remove > summary")
    dialog = tab.page.get_by_role("dialog", name="Unregister billing?")
    await summary.focus()
    await tab.page.keyboard.press("Enter")
    await expect(dialog).to_be_visible()
    await tab.picture("question", whole=False)
    assert await tab.barriers() == []
    await tab.page.keyboard.press("Escape")
    await expect(dialog).to_be_hidden()
    await expect(summary).to_be_focused()
    await tab.page.keyboard.press("Enter")
    await dialog.get_by_role("button", name="Unregister").focus()
    await tab.page.keyboard.press("Enter")
    await expect(tab.page.locator(".said")).to_contain_text("It is done: 3 of <3> are on their way.")


async def _led_along_a_plot(tab: Tab) -> None:
    canvas = tab.page.locator(".canvas").first
    value = tab.page.locator(".plot .value").first
    await canvas.focus()
    await tab.page.keyboard.press("End")
    await expect(value).to_have_text(re.compile(r"delivered \d+, retried \d+, failed \d+$"))
    newest = await value.text_content()
    await tab.page.keyboard.press("ArrowLeft")
    await expect(value).not_to_have_text(newest or "")


async def test_times_are_the_readers_and_copies_work_over_plain_http(
    chrome: Chrome, url: str, services: Services
) -> None:
    """A moment is told in the reader's zone with UTC on hover; a copy is made where browsers give no clipboard."""
    session = await signed_in(services, "Ada", WORKSPACE, [Role.VIEWER])
    async with chrome.tab(url.replace("127.0.0.1", browser.INSECURE), session=session, zone="Asia/Kolkata") as tab:
        await tab.page.goto("/dashboard/gallery")
        assert await tab.page.evaluate("isSecureContext") is False
        moment = tab.page.locator(".facts time")
        utc = await moment.get_attribute("title")
        shown = await moment.text_content()
        assert utc is not None
        assert shown is not None
        assert utc.endswith(" UTC")
        assert not shown.endswith("UTC")
        assert (int(shown[14:16]) - int(utc[14:16])) % 60 == 30

        await tab.page.locator(".facts [data-copy]").click()
        await expect(tab.page.locator("#toast")).to_have_text("Copied")
        await tab.page.locator("#field-name").fill("")
        await tab.page.keyboard.press("Control+v")
        await expect(tab.page.locator("#field-name")).to_have_value("123e4567-e89b-12d3-a456-426614174000")


async def test_pages_are_read_and_used_without_a_script(chrome: Chrome, url: str, services: Services) -> None:
    """Values of plots, questions before what cannot be undone, and finding: all are there without JavaScript."""
    session = await signed_in(services, "Ada", WORKSPACE, [Role.SUBSCRIBER])
    async with chrome.tab(url, session=session, script=False) as tab:
        page = tab.page
        await page.goto("/dashboard/gallery")
        await page.locator(".values summary").first.click()
        await expect(page.locator(".values tbody tr").first).to_contain_text("UTC")
        await expect(page.get_by_role("button", name="Copy")).to_have_count(0)
        await page.locator("#remove > summary").click()
        await tab.picture("no-script", whole=False)
        await page.locator("#remove").get_by_role("button", name="Unregister").click()
        await expect(page.locator(".said")).to_contain_text("It is done")
        await page.goto("/dashboard/find")
        await page.get_by_label("What to look for").fill("webh")
        await page.get_by_role("button", name="Find").click()
        await page.locator(".found").get_by_role("link", name="Webhooks").click()
        await page.wait_for_url("**/dashboard/webhooks")
