"""`/dashboard/find`: what the palette (Ctrl-K) finds while one types: pages, saved views and webhooks by name, events by id.

How it is shown is left to `templates/find.html`; without a script the page of it is a form.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from service import auth
from service.auth import Permission
from service.dashboard.frame import navigation, visitors
from service.dashboard.frame.rendering import render
from service.dashboard.frame.visitors import Visitor
from service.services import services_of
from subscriptions.webhooks.webhook_list import WebhookQuery

PATH = "/dashboard/find"
#: Characters that are looked for at most, and webhooks that are shown.
LONGEST, SHOWN = 200, 6


@dataclass(frozen=True, kw_only=True)
class Match:
    """One thing that was found."""

    title: str
    path: str
    icon: str
    #: What tells it from others of its name.
    beside: str = ""


async def found(request: Request) -> Response:
    """GET /dashboard/find?text="""
    text = request.query_params.get("text", "").strip()[:LONGEST].replace("\0", "")
    visitor = visitors.visitor(request)
    matches = list(_pages(request, visitor, text))
    if text:
        matches += await _views(request, visitor, text)
        matches += await _webhooks(request, visitor, text)
        matches += await _events(request, visitor, text)
    return render(request, "find.html", text=text, matches=matches)


def _pages(request: Request, visitor: Visitor, text: str) -> Iterator[Match]:
    for each in navigation.shown(request, visitor):
        if text.lower() in each.title.lower():
            yield Match(title=each.title, path=each.path, icon=each.icon, beside=f"g {each.key}")


async def _views(request: Request, visitor: Visitor, text: str) -> list[Match]:
    """The visitor's own, of lists that they may open."""
    titles = {each.path: each.title for each in navigation.shown(request, visitor)}
    return [
        Match(title=view.name, path=f"{page}?{view.query}", icon="filter", beside=f"view of {titles[page].lower()}")
        for page, view in await services_of(request).people.views.every(visitor.person.id)
        if page in titles and text.lower() in view.name.lower()
    ][:SHOWN]


async def _webhooks(request: Request, visitor: Visitor, text: str) -> list[Match]:
    if not _shown(request, visitor, "/dashboard/webhooks") or not auth.may(visitor.caller, Permission.READ_WEBHOOKS):
        return []
    query = WebhookQuery(workspace_id=visitor.workspace(request), search=text, limit=SHOWN)
    page = await services_of(request).webhook_lifecycle.listed(query)
    return [
        Match(title=each.name, path=f"/dashboard/webhooks/{each.id}", icon="webhooks", beside=each.destination)
        for each in page.webhooks
    ]


async def _events(request: Request, visitor: Visitor, text: str) -> list[Match]:
    """The event of this key; a producer's id is left to the list of events, which looks for it."""
    if not _shown(request, visitor, "/dashboard/events"):
        return []
    try:
        key = UUID(text)
    except ValueError:
        return []
    event = await services_of(request).traces.by_key(key, visitor.workspace(request))
    if event is None:
        return []
    return [Match(title=event.id, path=f"/dashboard/events/{event.key}", icon="events", beside=event.type)]


def _shown(request: Request, visitor: Visitor, path: str) -> bool:
    return any(each.path == path for each in navigation.shown(request, visitor))
