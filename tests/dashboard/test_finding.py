"""What the palette finds, and lists as CSV: no more than the visitor may see."""

from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import UUID

import pytest
from starlette.requests import Request
from starlette.responses import Response

from service.dashboard import routes
from service.dashboard.deliveries import saved_views
from service.dashboard.frame import export, finding
from service.dashboard.frame.export import Rows
from service.dashboard.routes import PageRoute
from service.services import Services
from subscriptions.access.clients import Role
from subscriptions.webhooks.webhook import Registration
from tests import canaries
from tests.builders import OWNER
from tests.dashboard.conftest import Visit
from tests.service.callers import OTHER_WORKSPACE, WORKSPACE

#: What a script asks with.
SCRIPT = {"HX-Request": "true", "HX-Target": "div#palette-found"}


async def exported(request: Request) -> Response:
    """GET /dashboard/list: 2 rows, then as many as are asked for"""

    async def pages() -> AsyncIterator[Rows]:
        yield [("=1+1", None, 'a "b", c'), ("plain", -3, "é")]
        yield [(n, "", "") for n in range(int(request.query_params.get("rows", 0)))]

    return export.answer(request, "things", ["Name", "Number", "Text"], pages())


@pytest.fixture
def pages() -> tuple[PageRoute, ...]:
    return (
        *routes.PAGES,
        PageRoute("GET", "/dashboard/list", exported, None),
    )


async def registered(services: Services, workspace: str) -> UUID:
    """A webhook of this workspace."""
    asked = Registration(name="billing", destination="https://example.com/a", secret=canaries.planted("secret"))
    return (await services.webhook_lifecycle.register(asked, replace(OWNER, workspace_id=workspace))).id


async def test_the_palette_finds_what_the_visitor_may_see(visit: Visit, services: Services) -> None:
    """Pages by title, webhooks by name or id, of the visitor's workspace alone; an operator finds those of all."""
    ours, theirs = await registered(services, WORKSPACE), await registered(services, OTHER_WORKSPACE)
    viewer, operator = await visit(Role.VIEWER), await visit(Role.OPERATOR)

    async def asked(text: str) -> list[str]:
        return [(await who.get(finding.PATH, params={"text": text}, headers=SCRIPT)).text for who in (viewer, operator)]

    by_name, by_id, by_title, nothing = [await asked(each) for each in ("BILLING", str(theirs), "peop", "no such <i>")]

    assert f"/dashboard/webhooks/{ours}" in by_name[0]
    assert f"/dashboard/webhooks/{theirs}" not in by_name[0] + by_id[0]
    assert f"/dashboard/webhooks/{theirs}" in by_name[1]
    assert f"/dashboard/webhooks/{theirs}" in by_id[1]
    assert ("/dashboard/people" in by_title[0], "/dashboard/people" in by_title[1]) == (False, True)
    assert "“no such &lt;i&gt;”" in nothing[0]


async def test_the_palette_finds_saved_views(visit: Visit, services: Services) -> None:
    """One's own by its name, with its filters; nobody else's."""
    ada, bob = await visit(Role.VIEWER), await visit(Role.VIEWER)
    view = {"page": "/dashboard/deliveries", "name": "Late ones", "query": "statusClass=5&last=1h"}
    assert (await ada.post(saved_views.PATH, data=view)).status_code == 303

    mine, theirs = [(await who.get(finding.PATH, params={"text": "late"}, headers=SCRIPT)).text for who in (ada, bob)]

    assert 'href="/dashboard/deliveries?statusClass=5&amp;last=1h"' in mine
    assert "Late ones" not in theirs


async def test_what_no_name_is_may_be_an_event_s_id(visit: Visit) -> None:
    """Where one can look for events, one answer is given: to look for the id; not that there is nothing as well."""
    page = (await (await visit(Role.VIEWER)).get(finding.PATH, params={"text": "login-6"}, headers=SCRIPT)).text

    assert "Events with the id “login-6”" in page
    assert "Nothing is called" not in page


async def test_what_is_found_is_a_page_without_a_script(visit: Visit) -> None:
    """The same as a page with a form; strangers find nothing."""
    viewer = await visit(Role.VIEWER)
    page = await viewer.get(finding.PATH)
    stranger = await (await visit()).get(finding.PATH, headers=SCRIPT)

    assert "<form" in page.text
    # Every page leads there.
    assert f'href="{finding.PATH}" data-find' in (await viewer.get("/dashboard")).text
    assert stranger.status_code == 401


async def test_a_list_is_exported_as_it_is(visit: Visit) -> None:
    """What a spreadsheet would run is a text; quotes, commas and letters are as they were."""
    viewer = await visit(Role.VIEWER)

    answer = await viewer.get("/dashboard/list")

    assert answer.headers["content-disposition"] == 'attachment; filename="things.csv"'
    assert answer.text == '"Name","Number","Text"\r\n"\'=1+1","","a ""b"", c"\r\n"plain","-3","é"\r\n'


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        *((f"{sign}1+1", f"'{sign}1+1") for sign in "=+-@\uff1d\uff0b\uff0d\uff20\u2212"),
        ("a;=1+1", "a;'=1+1"),
        ("a; \u3000=1", "a;' \u3000=1"),
        ("a\t@x;-y|+z", "a\t'@x;'-y|'+z"),
        (" =1", "' =1"),
        ("\tx", "'\tx"),
        ("a\r\n\uff1d1", "a\r\n'\uff1d1"),
        ("a - b = c, d@e.f; 1-2", "a - b = c, d@e.f; 1-2"),
        (-3, "-3"),
    ],
)
def test_no_cell_is_a_formula(value: object, cell: str) -> None:
    """Nor what becomes a cell where another character than the comma parts them."""
    assert export.cell(value) == cell


async def test_a_long_list_ends_with_a_sentence(visit: Visit) -> None:
    """No file has more rows than the bound, and one that was cut says so."""
    viewer = await visit(Role.VIEWER)

    whole = (await viewer.get(f"/dashboard/list?rows={export.MOST - 2}")).text.splitlines()
    cut = (await viewer.get(f"/dashboard/list?rows={export.MOST}")).text.splitlines()

    assert len(whole) == export.MOST + 1
    assert len(cut) == export.MOST + 2
    assert cut[-1].startswith('"There are more than 100,000 rows')
