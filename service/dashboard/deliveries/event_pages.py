"""Events: searched by filters that stand in the URL, and one of them, byte for byte, with who it went to and who not.

What is found is left to `delivery/reports/event_search.py` and `one_event.py`.
"""

from collections.abc import AsyncIterator
from uuid import UUID

from msgspec.structs import replace
from starlette.requests import Request
from starlette.responses import Response

from delivery.reports.event_search import COUNTED, EventSearch, FoundEvent
from delivery.reports.search_steps import SearchPage
from service import auth
from service.api import reading, search_pages, searches
from service.dashboard.deliveries.delivery_list import TIMES
from service.dashboard.frame import export, payloads, visitors
from service.dashboard.frame.list_queries import ListQuery
from service.dashboard.frame.rendering import render
from service.services import services_of
from subscriptions.ground.errors import Refused

PATH = "/dashboard/events"
PAGE = 50
CHUNK = 500
FILTERS = ("eventType", "eventId", "source", "tag", "text")
COLUMNS = ("Message id", "Id", "Source", "Type", "Workspace", "Accepted", "Bytes", "Webhooks")


async def listed(request: Request) -> Response:
    """GET /dashboard/events?eventId=&eventType=&source=&last=&since=&until=&text=&tag=&after="""
    services, visitor = services_of(request), visitors.visitor(request)
    query, scope = ListQuery(request.query_params, FILTERS), auth.scope(visitor.caller)
    wrong: dict[str, str] = {}
    page: SearchPage[UUID, FoundEvent] = SearchPage()
    try:
        found = search_pages.opened(services, scope, query.searched(services.clock()))
        asked = searches.events(found, visitor.workspace(request), limit=PAGE)
        if export.wanted(request):
            return export.answer(request, "events", COLUMNS, _pages(request, asked))
        page = await services.inspection.events.search(asked)
    except Refused as error:
        wrong = {issue.subject: issue.description for issue in error.issues}
    extent = search_pages.extent_of(services, scope, page)
    return render(
        request,
        "events/list.html",
        400 if wrong else 200,
        query=query,
        page=page,
        wrong=wrong,
        extent=extent,
        further=query.path(PATH, after=extent.next) if extent.next is not None else "",
        first=query.path(PATH),
        clear=ListQuery(request.query_params, ()).path(PATH, last="", since="", until=""),
        file=query.path(PATH, format="csv"),
        counted=COUNTED - 1,
        times=TIMES,
        saved=await services.people.views.of(visitor.person.id, PATH),
        asked=query.path(PATH).partition("?")[2] if query.asked and not wrong else "",
    )


async def shown(request: Request) -> Response:
    """GET /dashboard/events/{key}?after="""
    services, visitor = services_of(request), visitors.visitor(request)
    key = reading.identifier(request, "key", "Event")
    after = searches.key(request.query_params, "after")
    one = await services.inspection.event.read(visitor.workspace(request), key, after=after)
    return render(
        request,
        "events/one.html",
        one=one,
        own=f"{PATH}/{key}",
        after=after,
        pretty=payloads.laid_out(one.body) if one.body is not None else "",
        raw=one.body.decode(errors="replace") if one.body is not None else "",
    )


async def _pages(request: Request, asked: EventSearch) -> AsyncIterator[list[list[object]]]:
    """All that is found, in the order of COLUMNS."""
    services, asked = services_of(request), replace(asked, limit=CHUNK)
    while True:
        page = await services.inspection.events.search(asked)
        yield [
            [each.key, each.id, each.source, each.type, each.workspace_id, each.accepted_at, each.size, each.webhooks]
            for each in page.items
        ]
        if page.next is None:
            return
        asked = replace(asked, after=page.next)
