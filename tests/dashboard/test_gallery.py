"""The parts that pages are made of, in a real browser: wide and narrow, light and dark, with a script and without."""

import pytest

from service.dashboard.routes import PageRoute
from service.services import Services
from subscriptions.access.clients import Role
from tests.dashboard import browser, gallery
from tests.dashboard.browser import Chrome
from tests.dashboard.conftest import signed_in
from tests.service.callers import WORKSPACE

pytestmark = browser.needed


@pytest.fixture
def pages() -> tuple[PageRoute, ...]:
    return gallery.PAGES


async def test_every_part_is_there_for_everybody(chrome: Chrome, url: str, services: Services) -> None:
    """Wide and narrow, light and dark: no error, nothing that the policy stops, no barrier, nothing that sticks out."""
    session = await signed_in(services, "Ada", WORKSPACE, [Role.OPERATOR])

    for size in ("desktop", "phone"):
        for scheme in ("light", "dark"):
            async with chrome.tab(url, size=size, scheme=scheme, session=session) as tab:
                await tab.page.goto("/dashboard/gallery")
                await tab.picture("gallery")
                assert await tab.barriers() == []
                assert await tab.sideways() == 0
                await tab.page.goto("/dashboard/no/such/page")
                await tab.picture("missing")
                assert await tab.barriers() == []
