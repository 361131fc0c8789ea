"""The dashboard over ASGI: a visitor's client, with the pages of the product or of a test alone.

What a browser makes of them is left to `browser.py`.
"""

from collections.abc import Awaitable, Callable

import httpx
import pytest
from starlette.applications import Starlette

from service.dashboard.routes import PAGES, PageRoute, routes
from service.services import Services
from subscriptions.access.clients import Role
from tests import canaries
from tests.service import conftest as stage
from tests.service.callers import WORKSPACE, Callers

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

Visit = Callable[..., Awaitable[httpx.AsyncClient]]


@pytest.fixture
def pages() -> tuple[PageRoute, ...]:
    """The pages that are served; a module that needs others has a fixture of this name."""
    return tuple(PAGES)


@pytest.fixture
async def visit(services: Services, callers: Callers, pages: tuple[PageRoute, ...]) -> Visit:
    """A client by role: `await visit(Role.VIEWER)`; without one, a stranger."""
    app = Starlette(routes=routes(pages))
    app.state.services = services

    async def client(*roles: Role, workspace: str = WORKSPACE) -> httpx.AsyncClient:
        headers = await callers.headers(*roles, workspace=workspace, name="Ada") if roles else {}
        way = httpx.ASGITransport(app, raise_app_exceptions=False)
        made = httpx.AsyncClient(transport=way, base_url="http://hooklake", headers=headers)
        made.event_hooks = {"response": [canaries.in_answer]}
        return made

    return client
