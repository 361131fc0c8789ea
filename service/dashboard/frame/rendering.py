"""Templates become answers: a whole page, or the one block of it that a script asked for.

What a page shows is left to its module, how it looks to `templates` and `static/dashboard.css`.
"""

import gzip
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any
from urllib.parse import quote, unquote, urlencode
from uuid import UUID

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from service import auth
from service.api.documents import takes_gzip
from service.dashboard.frame import assets, navigation, plotting, visitors, wording
from service.dashboard.frame.visitors import NAME, VISITOR, Visitor
from service.services import services_of

#: Nothing from elsewhere, nothing inline, on nobody's page.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HEADERS: Mapping[str, str] = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
#: The sentence that a redirect carries to the next page, and for how many seconds.
SAID, KEPT = "hooklake_said", 60
#: The event whose next attempt makes the sentence old, where there is one: pages go on by themselves until then.
OF = "hooklake_of"
#: How a sentence begins that is a warning.
WARNED = "!"
#: An id without its dashes.
HEX = re.compile(r"[0-9a-f]{32}\Z")
#: What a person chose of the looks; `dashboard.js` writes it.
THEME = "hooklake_theme"
THEMES = ("light", "dark")
#: Bytes from which packing pays.
SMALL = 1024


def render(request: Request, name: str | Template, status: int = 200, **values: Any) -> Response:
    """The template as an answer, with `values` and what every page has.

    Of a request of htmx with a target, the template's block of the target's id (`-` as `_`) is answered alone, where there
    is one.
    """
    template = environment().get_template(name)
    values = {**_everywhere(request), **values}
    block = _block(request, template)
    text = template.render(values) if block is None else "".join(template.blocks[block](template.new_context(values)))
    headers = {**HEADERS, "Vary": "Accept-Encoding, HX-Request, HX-Target, Cookie"}
    if request.url.scheme == "https":
        # Without it browsers pass it over, and say so on the console.
        headers["Cross-Origin-Opener-Policy"] = "same-origin"
    body = text.encode()
    if len(body) > SMALL and takes_gzip(request.headers.get("accept-encoding", "")):
        body = gzip.compress(body, 5, mtime=0)
        headers["Content-Encoding"] = "gzip"
    response = Response(body, status, headers, media_type="text/html")
    if SAID in request.cookies and block is None:
        for each in (SAID, OF):
            response.delete_cookie(each, path="/dashboard", httponly=True, samesite="lax")
    return response


def redirect(path: str, said: str = "", *, good: bool = True, of: UUID | None = None) -> Response:
    """Leads to the next page (303), which shows the sentence once; not `good`: as a warning.

    The sentence goes as soon as the page shows a newer attempt of the event `of`.
    """
    response = RedirectResponse(path, 303, headers=HEADERS)
    if said:
        leave(response, said, good=good, of=of)
    return response


def leave(response: Response, said: str, *, good: bool, of: UUID | None = None) -> None:
    """Leaves the sentence to the page that comes next."""
    response.set_cookie(
        SAID, quote(("" if good else WARNED) + said[:300]), KEPT, path="/dashboard", httponly=True, samesite="lax"
    )
    # Empty of no event: one of before is none of this sentence.
    named = "" if of is None else of.hex
    response.set_cookie(OF, named, KEPT, path="/dashboard", httponly=True, samesite="lax")


def followed(request: Request) -> str:
    """The event, as hexadecimal digits, that the sentence of before is of; empty: none."""
    of = request.cookies.get(OF, "")
    return of if request.cookies.get(SAID) and HEX.match(of) else ""


@cache
def environment() -> Environment:
    """The templates; `ui` (parts.html) and `plots` (plots.html) are there in all of them, and in each of their blocks."""
    made = Environment(
        loader=PackageLoader("service.dashboard", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals |= {"asset": assets.url, "plotted": plotting.plotted, "spark": plotting.spark}
    made.filters |= wording.FILTERS
    made.globals["ui"] = made.get_template("parts.html").module
    made.globals["plots"] = made.get_template("plots.html").module
    return made


def _block(request: Request, template: Template) -> str | None:
    if request.headers.get("hx-request") != "true" or request.headers.get("hx-history-restore-request") == "true":
        return None
    # htmx 4 names the target as `tag#id`.
    wanted = request.headers.get("hx-target", "").rpartition("#")[2].replace("-", "_")
    return wanted if wanted in template.blocks else None


def _everywhere(request: Request) -> dict[str, Any]:
    """What the frame around every page needs; without a visitor it is a plain page."""
    visitor: Visitor | None = request.scope.get(VISITOR)
    sections = navigation.shown(request, visitor) if visitor else []
    chosen = visitors.chosen(request)
    theme = request.cookies.get(THEME, "")
    said = unquote(request.cookies.get(SAID, ""))
    return {
        "request": request,
        "path": request.url.path,
        "visitor": visitor,
        "live": visitor is not None and services_of(request).live is not None,
        "sections": sections,
        "home": navigation.home(request, visitor) if visitor else navigation.SECTIONS[0],
        "section": navigation.current(request.url.path, sections),
        "operator": visitor is not None and auth.scope(visitor.caller) is None,
        "workspace": chosen,
        "link": _Link(chosen),
        "now": services_of(request).clock().astimezone(UTC).replace(microsecond=0),
        "theme": theme if theme in THEMES else "",
        "said": said.removeprefix(WARNED),
        "followed": followed(request),
        "warned": said.startswith(WARNED),
    }


class _Link:
    """Makes the path of another page, which keeps the chosen workspace: `link("/dashboard/events", type="x")`."""

    def __init__(self, workspace: str) -> None:
        self._workspace = workspace

    def __call__(self, path: str, **query: object) -> str:
        kept = {NAME: self._workspace} if self._workspace and NAME not in query else {}
        pairs = {name: _said(value) for name, value in {**query, **kept}.items() if value not in (None, "")}
        return f"{path}?{urlencode(pairs)}" if pairs else path


def _said(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
