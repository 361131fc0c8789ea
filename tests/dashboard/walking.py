"""Walks the dashboard as a browser does that follows every link and knows every form.

What may come of a visit is left to `test_walk.py`.
"""

from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import parse_qsl, urljoin, urlsplit

import httpx
from starlette.routing import compile_path

from service.dashboard.routes import PageRoute

#: Addresses of one route with the same names in the query that are looked at: the rest of a list looks like its first rows.
ALIKE = 2
#: What is typed into a field that is empty.
TYPED = "walked"


@dataclass(frozen=True, kw_only=True)
class Form:
    """A form that changes something, filled in."""

    #: Path and query.
    action: str
    fields: tuple[tuple[str, str], ...]
    #: The address of the page that it stands on.
    on: str

    @property
    def values(self) -> list[str]:
        """What it names: parts of its path, its query and its fields."""
        split = urlsplit(self.action)
        return [
            *split.path.split("/"),
            *(value for _, value in parse_qsl(split.query)),
            *(value for _, value in self.fields),
        ]


class _Page(HTMLParser):
    """The links and the forms of a page."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.forms: list[Form] = []
        self._address = address
        self._action: str | None = None
        self._fields: list[tuple[str, str]] = []
        #: The field that a choice belongs to, until its first option has come.
        self._choice = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Takes what is a link, a form, or a part of one."""
        given = {name: value or "" for name, value in attrs}
        if tag == "a" and "href" in given:
            self.links.append(urljoin(self._address, given["href"]))
        elif tag == "form":
            posts = given.get("method", "get").lower() == "post"
            self._action = urljoin(self._address, given.get("action", "")) if posts else None
            self._fields = []
        elif self._action is not None and given.get("name"):
            self._field(tag, given)
        elif tag == "option" and self._choice:
            self._fields.append((self._choice, given.get("value", "")))
            self._choice = ""

    def handle_endtag(self, tag: str) -> None:
        """A form is complete at its end."""
        if tag == "form" and self._action is not None:
            self.forms.append(Form(action=self._action, fields=tuple(self._fields), on=self._address))
            self._action = None

    def _field(self, tag: str, given: Mapping[str, str]) -> None:
        name, kind = given["name"], given.get("type", "text")
        if tag == "select":
            self._choice = name
        elif tag == "textarea" or (tag == "input" and kind in ("text", "search", "url", "password", "email")):
            self._fields.append((name, given.get("value") or TYPED))
        elif tag == "input":
            self._fields.append((name, given.get("value", "")))


@dataclass(kw_only=True)
class Walk:
    """What one visitor has seen."""

    #: Answers by address.
    seen: dict[str, httpx.Response] = field(default_factory=dict)
    forms: dict[tuple[str, tuple[tuple[str, str], ...]], Form] = field(default_factory=dict)


class Map:
    """Which route an address is of."""

    def __init__(self, pages: Sequence[PageRoute]) -> None:
        # As Starlette has them: the first that fits.
        self._routes = [(page.method, compile_path(page.path)[0], page) for page in pages]

    def route(self, method: str, address: str) -> PageRoute | None:
        """None: there is no such page."""
        path = urlsplit(address).path
        fitting = [page for _, pattern, page in self._routes if pattern.match(path)]
        return next((page for page in fitting if page.path == fitting[0].path and page.method == method), None)


async def walk(
    client: httpx.AsyncClient, pages: Sequence[PageRoute], *, from_: Iterable[str], endless: Iterable[str]
) -> Walk:
    """All that can be reached by links from these addresses; what never ends is not asked for."""
    walked, known, passed = Walk(), Map(pages), Counter[tuple[str, tuple[str, ...]]]()
    queue = deque(from_)
    while queue:
        address = _plain(queue.popleft())
        route = known.route("GET", address)
        if address in walked.seen or route is None or route.path in set(endless):
            continue
        likeness = route.path, tuple(sorted(name for name, _ in parse_qsl(urlsplit(address).query)))
        passed[likeness] += 1
        if passed[likeness] > ALIKE:
            continue
        answer = walked.seen[address] = await client.get(address)
        if "text/html" not in answer.headers.get("content-type", ""):
            continue
        page = _Page(address)
        page.feed(answer.text)
        queue.extend(link for link in page.links if urlsplit(link).path.startswith("/dashboard"))
        for form in page.forms:
            walked.forms.setdefault((form.action, form.fields), form)
    return walked


def _plain(address: str) -> str:
    """Path and query alone."""
    split = urlsplit(address)
    return split.path + (f"?{split.query}" if split.query else "")
