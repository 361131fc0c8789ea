"""What the palette finds, and lists as CSV: no more than the visitor may see."""

from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import UUID

import pytest
from starlette.requests import Request
from starlette.responses import Response

from service.dashboard import routes
from service.dashboard.frame import export, finding
from service.dashboard.frame.export import Rows
from service.dashboard.routes import PageRoute
from service.services import Services
from subscriptions.access.clients import Role
from subscriptions.webhooks.webhook import Registration
from tests import canaries
from tests.builders import OWNER
from tests.dashboard import gallery
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
        *gallery.PAGES,
        PageRoute("GET", "/dashboard/list", exported, None),
        *(each for each in routes.PAGES if each.handler is finding.found),
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
    assert str(theirs) not in by_name[0] + by_id[0].replace(f"“{theirs}”", "")
    assert f"/dashboard/webhooks/{theirs}" in by_name[1]
    assert f"/dashboard/webhooks/{theirs}" in by_id[1]
    assert ("/dashboard/people" in by_title[0], "/dashboard/people" in by_title[1]) == (False, True)
    assert "Nothing is called “no such &lt;i&gt;”" in nothing[0]


async def test_what_is_found_is_a_page_without_a_script(visit: Visit) -> None:
    """The same as a page with a form; strangers find nothing."""
    page = await (await visit(Role.VIEWER)).get(finding.PATH)
    stranger = await (await visit()).get(finding.PATH, headers=SCRIPT)

    assert "<form" in page.text
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
