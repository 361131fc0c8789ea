"""Getting in, one's account, people and the audit log in a real browser: by keyboard, without a script, wide and narrow, dark."""

import re
from typing import Literal

from service.services import Services
from subscriptions.access.clients import Role
from subscriptions.access.people import PersonDraft
from tests import canaries
from tests.dashboard import browser
from tests.dashboard.browser import Chrome
from tests.dashboard.conftest import signed_in
from tests.service.callers import OTHER_WORKSPACE, WORKSPACE

pytestmark = browser.needed

PASSWORD = canaries.planted("in-the-browser")


async def test_in_by_keyboard_and_out(chrome: Chrome, url: str, services: Services) -> None:
    """A name and a password and Enter, wrong and right; where browsers trust no host, by the origin of forms."""
    draft = PersonDraft(name="ada", workspace_id=WORKSPACE, roles=frozenset({Role.VIEWER}))
    await services.people.create(draft, PASSWORD, now=services.clock())
    for host, script in (("127.0.0.1", True), (browser.INSECURE, False)):
        async with chrome.tab(url.replace("127.0.0.1", host), script=script) as tab:
            page = tab.page
            await page.goto("/dashboard/sessions")
            await page.get_by_label("Name").fill("Ada")
            await page.get_by_label("Password").fill("wrong password")
            await page.keyboard.press("Enter")
            await page.get_by_role("alert").get_by_text("The name or the password is wrong.").wait_for()
            if script:
                await tab.picture("sign-in-refused")
                assert await tab.barriers() == []
            await page.get_by_label("Password").fill(PASSWORD)
            await page.keyboard.press("Enter")
            await page.get_by_role("heading", name="Your account").wait_for()
            await page.locator("form[action='/dashboard/sign-out'] button").click()
            await page.get_by_text("You are signed out.").wait_for()
            await page.goto("/dashboard/sessions")
            assert re.search(r"/dashboard/sign-in\?next=/dashboard/sessions$", page.url)


async def test_people_and_the_log(chrome: Chrome, url: str, services: Services) -> None:
    """An operator lets somebody in, who comes by the link and sets a password; the log says all of it, and nothing sticks out."""
    session = await signed_in(services, "grace@example.com", WORKSPACE, [Role.OPERATOR])
    async with chrome.tab(url, session=session) as tab:
        page = tab.page
        await page.goto("/dashboard/people")
        await page.get_by_label("Name").fill("ada@example.com")
        await page.get_by_label("Workspace", exact=True).last.fill(OTHER_WORKSPACE)
        await page.get_by_label("subscriber").check()
        await page.get_by_role("button", name="Let them in").click()
        await page.get_by_role("button", name="Make a sign-in link").click()
        link = await page.locator(".copied code", has_text="/dashboard/sign-in?link=").inner_text()
        await tab.picture("person-link")
        assert await tab.barriers() == []
    async with chrome.tab(url) as tab:
        page = tab.page
        await page.goto(url + link[link.index("/dashboard") :])
        await tab.picture("sign-in-link")
        assert await tab.barriers() == []
        await page.get_by_role("button", name="Sign in as ada@example.com").click()
        await page.goto("/dashboard/sessions")
        await page.get_by_label("New password").fill(PASSWORD)
        await page.get_by_label("The same again").fill(PASSWORD)
        await page.get_by_role("button", name="Set it").click()
        await page.get_by_text("Your password is another one now").wait_for()
    looks: tuple[tuple[Literal["desktop", "phone"], Literal["light", "dark"]], ...] = (
        ("desktop", "light"),
        ("phone", "dark"),
    )
    for size, scheme in looks:
        async with chrome.tab(url, size=size, scheme=scheme, session=session) as tab:
            page = tab.page
            for name, path in (
                ("people", "/dashboard/people"),
                ("sessions", "/dashboard/sessions"),
                ("sessions-everybody", "/dashboard/sessions?everybody=true"),
                ("audit", "/dashboard/audit"),
                ("audit-no-match", "/dashboard/audit?actor=nobody"),
            ):
                await page.goto(path)
                await tab.picture(name)
                assert (await tab.barriers(), await tab.sideways()) == ([], 0)
            await page.goto("/dashboard/audit?action=person.added")
            await page.locator("tbody a").first.click()
            await page.get_by_role("heading", name="Person ada@example.com added").wait_for()
            await tab.picture("audit-entry")
            assert (await tab.barriers(), await tab.sideways()) == ([], 0)
