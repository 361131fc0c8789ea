"""The frame around every page: who is let in, what is refused and how, what a page may load, what a script may ask for."""

import gzip
import re
from pathlib import Path

import pytest

from service.dashboard.frame import assets, rendering
from service.dashboard.routes import PageRoute
from subscriptions.access.clients import Role
from tests.dashboard import gallery
from tests.dashboard.conftest import Visit
from tests.service.callers import WORKSPACE

#: Bytes of a page with all that it loads, as they travel.
HEAVIEST = 60_000
#: What an inline style or script looks like; the policy lets a browser do nothing with it.
INLINE = re.compile(r"""<style|\sstyle=|<script(?![^>]*\ssrc=)|\son\w+=|hx-on|["']js:|javascript:""", re.IGNORECASE)


@pytest.fixture
def pages() -> tuple[PageRoute, ...]:
    return gallery.PAGES


def test_words_side_by_side_are_parted_by_more_than_a_style() -> None:
    """Text browsers, readers and copied text know no style: what is small stands behind a blank, and so do buttons and links."""
    close = re.compile(r"[^\s(>]<small|</(?:a|span|button|code)>(?:\{% (?:if|endif)[^%]*%\})*<(?:small|button|a )")
    templates = Path(rendering.__file__).parents[1].joinpath("templates").rglob("*.html")
    assert {each.name: found for each in templates if (found := close.findall(each.read_text()))} == {}


def test_each_column_of_a_table_has_a_name() -> None:
    """That of the buttons, too, which only those hear who do not see it."""
    table = (
        rendering.environment().from_string('{% call ui.table(["Name", ("Size", "num"), ""]) %}{% endcall %}').render()
    )
    heads = re.findall(r"<th scope[^>]*>(.*?)</th>", table)
    assert heads == ["Name", "Size", '<span class="unseen">Actions</span>']


async def test_strangers_are_led_to_sign_in_and_back(visit: Visit) -> None:
    """Whoever is not known is sent to sign in, with the page that was asked for; a script is told to go there itself."""
    stranger = await visit()

    page = await stranger.get("/dashboard/webhooks?state=ERROR&workspace=7")
    written = await stranger.post("/dashboard/gallery")
    script = await stranger.get("/dashboard/webhooks", headers={"HX-Request": "true"})

    assert page.status_code == 303
    assert page.headers["location"] == "/dashboard/sign-in?next=/dashboard/webhooks%3Fstate%3DERROR%26workspace%3D7"
    assert (written.status_code, written.headers["location"]) == (303, "/dashboard/sign-in")
    assert (script.status_code, script.headers["hx-redirect"]) == (401, "/dashboard/sign-in")


async def test_what_may_not_be_done_is_refused_on_the_server(visit: Visit) -> None:
    """A viewer's form is refused with a page that says why, and a section that is not the visitor's is not shown."""
    viewer = await visit(Role.VIEWER)

    refused = await viewer.post("/dashboard/gallery")
    forbidden = await viewer.get("/dashboard/people")
    page = (await viewer.get("/dashboard/gallery")).text

    assert (refused.status_code, forbidden.status_code) == (403, 403)
    assert "Not allowed" in refused.text
    assert "webhooks:update" in refused.text
    assert 'href="/dashboard/webhooks"' in page
    assert 'href="/dashboard/people"' not in page
    assert 'href="/dashboard/people"' in (await (await visit(Role.OPERATOR)).get("/dashboard/gallery")).text


async def test_pages_that_there_are_not(visit: Visit) -> None:
    """404 and 405 are pages, a stranger's too; a defect is one with the id that the log has it under."""
    stranger, viewer = await visit(), await visit(Role.VIEWER)

    missing = await stranger.get("/dashboard/no/such/<page>")
    method = await viewer.post("/dashboard/webhooks")
    broken = await viewer.get("/dashboard/broken")

    assert (missing.status_code, method.status_code, broken.status_code) == (404, 405, 500)
    assert "There is no such page" in missing.text
    assert method.headers["allow"] == "GET, HEAD"
    assert re.search(r"The log has it under <code>[0-9a-f-]{36}</code>", broken.text)
    assert "nobody expected this" not in broken.text


async def test_who_is_signed_in_keeps_the_frame(visit: Visit) -> None:
    """A page that there is not, a method that it has not, what is not allowed, a defect, a workspace that is none: each with the
    navigation around it, and a way on that works."""
    viewer, operator = await visit(Role.VIEWER), await visit(Role.OPERATOR)

    pages = [
        await viewer.get("/dashboard/no/such"),
        await viewer.post("/dashboard/webhooks"),
        await viewer.get("/dashboard/people"),
        await viewer.get("/dashboard/broken"),
        await operator.get("/dashboard/no/such?workspace=none"),
        await viewer.post("/dashboard/gallery", headers={"Sec-Fetch-Site": "cross-site"}),
    ]

    assert [page.status_code for page in pages] == [404, 405, 403, 500, 404, 403]
    for page in pages:
        assert 'aria-label="Sections"' in page.text
        assert 'href="/dashboard/webhooks"' in page.text
        assert "To the overview" in page.text
    # Of roles is spoken only where a role is why.
    assert ["Your role" in page.text for page in pages] == [False, False, True, False, False, False]
    assert "Sign in" in (await (await visit()).get("/dashboard/no/such")).text


async def test_a_page_loads_nothing_from_elsewhere_and_nothing_inline(visit: Visit) -> None:
    """Every page carries the policy, and holds nothing that the policy would stop."""
    page = await (await visit(Role.OPERATOR)).get("/dashboard/gallery")

    assert page.headers["content-security-policy"] == rendering.POLICY
    assert page.headers["cache-control"] == "no-store"
    assert "unsafe" not in rendering.POLICY
    assert INLINE.findall(page.text) == []
    assert re.findall(r'(?:src|href)="(?:https?:)?//', page.text) == []


async def test_what_pages_load_is_kept_under_the_name_of_its_bytes(visit: Visit) -> None:
    """An asset is kept forever under a path with the hash of its bytes, packed; under another hash there is none."""
    stranger = await visit()
    page = (await (await visit(Role.VIEWER)).get("/dashboard/gallery")).text

    for path in set(re.findall(r'"(/dashboard/static/[^"#]+)', page)):
        answer = await stranger.get(path)
        assert answer.status_code == 200, path
        assert "immutable" in answer.headers["cache-control"]
        assert answer.headers["content-encoding"] == "gzip"
        again = await stranger.get(path, headers={"If-None-Match": answer.headers["etag"]})
        assert again.status_code == 304
    stale = assets.url("dashboard.css").replace(assets.digest_of("dashboard.css"), "0" * 16)
    assert (await stranger.get(stale)).status_code == 404
    assert (await stranger.get("/dashboard/static/x/../../routes.py")).status_code == 404


async def test_a_page_is_light(visit: Visit) -> None:
    """The heaviest page that can be made of the parts, with all that it loads, is at most 60 KB as it travels."""
    page = (await (await visit(Role.OPERATOR)).get("/dashboard/gallery")).text
    loaded = set(re.findall(r'(?:src|href)="/dashboard/static/[0-9a-f]+/([^"#]+)', page))

    sizes = {name: len(gzip.compress(assets.contents()[name])) for name in loaded}
    sizes["the page"] = len(gzip.compress(page.encode(), 5))

    assert {"dashboard.css", "dashboard.js", "vendor/htmx-4.0.1/htmx.min.js"} <= loaded
    assert sum(sizes.values()) <= HEAVIEST, sizes


async def test_one_sentence_goes_to_the_next_page(visit: Visit) -> None:
    """What was done is said once on the page that follows, as text."""
    subscriber = await visit(Role.SUBSCRIBER)

    done = await subscriber.post("/dashboard/gallery")
    first = await subscriber.get(done.headers["location"])
    second = await subscriber.get(done.headers["location"])

    assert done.status_code == 303
    assert "It is done: 3 of &lt;3&gt; are on their way." in first.text
    assert "It is done" not in second.text


async def test_a_script_may_ask_for_one_block(visit: Visit) -> None:
    """A request of htmx gets the block of its target's id alone; one that goes back in history gets the page."""
    viewer = await visit(Role.VIEWER)
    asks = {"HX-Request": "true", "HX-Target": "div#list"}

    block = await viewer.get("/dashboard/gallery", headers=asks)
    other = await viewer.get("/dashboard/gallery", headers=asks | {"HX-Target": "div#no-such"})
    back = await viewer.get("/dashboard/gallery", headers=asks | {"HX-History-Restore-Request": "true"})

    assert block.text.lstrip().startswith('<div class="table">')
    assert "<html" not in block.text
    assert "HX-Target" in block.headers["vary"]
    assert "<html" in other.text
    assert "<html" in back.text


async def test_an_operator_narrows_to_one_workspace(visit: Visit) -> None:
    """The chosen workspace stays in the links of the navigation; who has one workspace is not asked."""
    operator, viewer = await visit(Role.OPERATOR), await visit(Role.VIEWER)

    narrowed = (await operator.get(f"/dashboard/gallery?workspace={WORKSPACE}")).text

    assert f'href="/dashboard/webhooks?workspace={WORKSPACE}"' in narrowed
    assert 'class="chooser"' not in (await viewer.get("/dashboard/gallery")).text


async def test_the_theme_is_drawn_by_the_server(visit: Visit) -> None:
    """What was chosen is there with the first byte; anything else is no theme."""
    viewer = await visit(Role.VIEWER)

    viewer.cookies.set(rendering.THEME, "dark", "hooklake.local")
    dark = await viewer.get("/dashboard/gallery")
    viewer.cookies.set(rendering.THEME, '"><script>', "hooklake.local")
    odd = await viewer.get("/dashboard/gallery")

    assert '<html lang="en" data-theme="dark">' in dark.text
    assert '<html lang="en">' in odd.text
