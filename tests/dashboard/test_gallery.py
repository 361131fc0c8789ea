"""The parts that pages are made of, in a real browser: wide and narrow, light and dark, with a script and without."""

from collections.abc import AsyncIterator

import pytest
from starlette.applications import Starlette

from service.dashboard.routes import PageRoute, routes
from service.server.connection_limits import ConnectionLimits
from service.services import Services
from subscriptions.access.clients import Role
from tests.dashboard import browser, gallery
from tests.dashboard.browser import Chrome
from tests.service.callers import Callers
from tests.service.sockets import Door

pytestmark = browser.needed


@pytest.fixture
def pages() -> tuple[PageRoute, ...]:
    return gallery.PAGES


@pytest.fixture
async def url(services: Services, pages: tuple[PageRoute, ...]) -> AsyncIterator[str]:
    """Where the pages are served, by the connections of the product."""
    app = Starlette(routes=routes(pages))
    app.state.services = services
    door = Door(ConnectionLimits(connections=100, share=1.0, timeout=30.0, message_bytes=1 << 20), app)
    await door.open()
    yield "http://{}:{}".format(*door.address)
    await door.close()


@pytest.fixture
async def chrome() -> AsyncIterator[Chrome]:
    async with browser.chrome() as opened:
        yield opened


async def test_every_part_is_there_for_everybody(chrome: Chrome, url: str, callers: Callers) -> None:
    """Wide and narrow, light and dark: no error, nothing that the policy stops, no barrier, nothing that sticks out."""
    headers = await callers.headers(Role.OPERATOR, name="Ada")

    for size in ("desktop", "phone"):
        for scheme in ("light", "dark"):
            async with chrome.tab(url, size=size, scheme=scheme, headers=headers) as tab:
                await tab.page.goto("/dashboard/gallery")
                await tab.picture("gallery")
                assert await tab.barriers() == []
                assert await tab.sideways() == 0
                await tab.page.goto("/dashboard/no/such/page")
                await tab.picture("missing")
                assert await tab.barriers() == []
