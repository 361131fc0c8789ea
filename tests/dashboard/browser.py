"""A real browser for tests: Chromium over Playwright, which complains where a page does, and writes what it looks like.

Which pages are looked at is left to the tests; pictures are written where PICTURES names a folder, for people to look at.
"""

import os
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Literal

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, ConsoleMessage, Error, Page, async_playwright, expect

from service.dashboard.frame import cookies

#: Under these names it is looked for.
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
#: To draw a whole page takes a good part of a second of a core, and no test looks at it.
PICTURES = Path(named) if (named := os.environ.get("PICTURES")) else None
#: Width and height of what one looks through.
SIZES: Mapping[str, tuple[int, int]] = {"desktop": (1280, 800), "phone": (390, 844)}
#: A name of this machine that browsers do not trust as they trust 127.0.0.1.
INSECURE = "hooklake.test"
#: Findings of axe that nobody gets away with.
GRAVE = ("serious", "critical")
#: Says each thing that the page's policy stopped, as an error of its console.
WATCH = """
addEventListener("securitypolicyviolation", (event) =>
  console.error("stopped by the policy: " + event.violatedDirective + " " + event.blockedURI + " " + event.sourceFile));
"""


def program() -> str | None:
    """Where Chromium is; None where there is none."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


#: Put before a test that needs one.
needed = pytest.mark.skipif(program() is None, reason="there is no Chromium on this machine (apt-get install chromium)")


# Facts are waited for: on a busy machine for long.
expect.set_options(timeout=20_000)


class Tab:
    """One tab, and what went wrong in it."""

    def __init__(self, page: Page, size: str, scheme: str) -> None:
        self.page = page
        #: Errors of its console, of its scripts, and of its policy; failed requests.
        self.complaints: list[str] = []
        self._look = f"{size}{'-dark' if scheme == 'dark' else ''}"
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.complaints.append(f"{page.url}: {error}"))

    def _said(self, message: ConsoleMessage) -> None:
        # A page that is refused on purpose is no fault of the page.
        if message.type in ("error", "warning") and "Failed to load resource: the server responded" not in message.text:
            self.complaints.append(f"{self.page.url}: {message.text}")

    async def picture(self, name: str, *, whole: bool = True) -> None:
        """Writes what the page looks like, where that is asked for; not `whole`: what one sees of it at once."""
        if PICTURES:
            PICTURES.mkdir(parents=True, exist_ok=True)
            await self.page.screenshot(path=PICTURES / f"{name}-{self._look}.png", full_page=whole)

    async def barriers(self) -> list[str]:
        """What axe finds that keeps somebody from using the page, one line each."""
        found = await Axe().run(self.page)
        return [
            f"{self.page.url}: {each['id']}: {each['help']}: {node['html'][:160]}"
            for each in found.response["violations"]
            if each["impact"] in GRAVE
            for node in each["nodes"]
        ]

    async def weight(self) -> int:
        """The bytes of the page with all that it has loaded, as they travel."""
        weight: int = await self.page.evaluate(
            "performance.getEntries().reduce((sum, each) => sum + (each.encodedBodySize ?? 0), 0)"
        )
        return weight

    async def sideways(self) -> int:
        """By how many pixels the page is wider than what one looks through."""
        wide: int = await self.page.evaluate("document.documentElement.scrollWidth - innerWidth")
        return max(wide, 0)


class Chrome:
    """A browser that is open."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser

    @asynccontextmanager
    async def tab(
        self,
        url: str,
        *,
        size: Literal["desktop", "phone"] = "desktop",
        scheme: Literal["light", "dark"] = "light",
        script: bool = True,
        session: str = "",
        zone: str = "UTC",
    ) -> AsyncIterator[Tab]:
        """A tab with cookies of its own, signed in with the token of a session.

        Raises AssertionError at the end for whatever it complained of.
        """
        width, height = SIZES[size]
        context = await self._browser.new_context(
            base_url=url,
            viewport={"width": width, "height": height},
            color_scheme=scheme,
            timezone_id=zone,
            java_script_enabled=script,
            has_touch=size == "phone",
            reduced_motion="reduce",
        )
        try:
            if session:
                await context.add_cookies([{"name": cookies.PLAIN, "value": session, "url": url}])
            if script:
                await context.add_init_script(WATCH)
            tab = Tab(await context.new_page(), size, scheme)
            tab.page.set_default_timeout(15_000)
            yield tab
            assert tab.complaints == []
        finally:
            await context.close()


@asynccontextmanager
async def chrome() -> AsyncIterator[Chrome]:
    """Chromium, until the end of the block."""
    flags = [f"--host-resolver-rules=MAP {INSECURE} 127.0.0.1", *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    options: dict[str, Any] = {"executable_path": program(), "args": flags}
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(**options)
        try:
            yield Chrome(browser)
        finally:
            # It may be gone already.
            with suppress(Error):
                await browser.close()
