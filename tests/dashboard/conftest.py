"""The dashboard over ASGI: a visitor's client, with the pages of the product or of a test alone.

What a browser makes of them is left to `browser.py`.
"""

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable

import httpx
import pytest
from starlette.applications import Starlette

from service.dashboard.frame import cookies
from service.dashboard.routes import PAGES, PageRoute, routes
from service.server.connection_limits import ConnectionLimits
from service.services import Services
from subscriptions.access.clients import Role
from subscriptions.access.people import PersonDraft
from subscriptions.access.sessions import Browser
from tests import canaries
from tests.dashboard import browser
from tests.dashboard.browser import Chrome
from tests.service import conftest as stage
from tests.service.callers import WORKSPACE
from tests.service.sockets import Door

#: What pages stand on is what the API stands on.
announced = stage.announced
authorities = stage.authorities
callers = stage.callers
configuration = stage.configuration
delivery_settings = stage.delivery_settings
entrance = stage.entrance
lookup = stage.lookup
services = stage.services
transport = stage.transport

#: What a browser says of a form of ours.
BROWSER = {"Sec-Fetch-Site": "same-origin", "User-Agent": "A browser"}

Visit = Callable[..., Awaitable[httpx.AsyncClient]]

_numbers = itertools.count(1)


@pytest.fixture
def pages() -> tuple[PageRoute, ...]:
    """The pages that are served; a module that needs others has a fixture of this name."""
    return tuple(PAGES)


@pytest.fixture
async def visit(services: Services, pages: tuple[PageRoute, ...]) -> Visit:
    """A browser of somebody who is signed in, by role: `await visit(Role.VIEWER)`; without one, a stranger's."""
    app = Starlette(routes=routes(pages))
    app.state.services = services

    async def client(
        *roles: Role, workspace: str = WORKSPACE, name: str = "Ada", address: str = "127.0.0.1"
    ) -> httpx.AsyncClient:
        way = httpx.ASGITransport(app, raise_app_exceptions=False, client=(address, 123))
        made = httpx.AsyncClient(transport=way, base_url="http://hooklake", headers=BROWSER)
        made.event_hooks = {"response": [canaries.in_answer]}
        if roles:
            made.cookies.set(cookies.PLAIN, await signed_in(services, name, workspace, roles), "hooklake.local")
        return made

    return client


async def signed_in(services: Services, name: str, workspace: str, roles: Iterable[Role]) -> str:
    """The token of a session of a new person; people have names of their own, so theirs is the name with a number."""
    draft = PersonDraft(name=f"{name} {next(_numbers)}", workspace_id=workspace, roles=frozenset(roles))
    now = services.clock()
    person = await services.people.create(draft, None, now=now)
    link = await services.people.link(person.id, now=now)
    return await services.people.sign_in_by_link(link, Browser(address="192.0.2.1", agent="A browser"), now=now)


@pytest.fixture
async def url(services: Services, pages: tuple[PageRoute, ...]) -> AsyncIterator[str]:
    """Where the pages are served to browsers, by the connections of the product."""
    app = Starlette(routes=routes(pages))
    app.state.services = services
    door = Door(ConnectionLimits(connections=100, share=1.0, timeout=30.0, message_bytes=1 << 20), app)
    await door.open()
    yield "http://{}:{}".format(*door.address)
    await door.close()


@pytest.fixture
async def chrome() -> AsyncIterator[Chrome]:
    """A browser of the test's own."""
    async with browser.chrome() as opened:
        yield opened
