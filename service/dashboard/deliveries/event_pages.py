"""Events: searched by filters that stand in the URL, and one of them, byte for byte, with who it went to and who not.

What is found is left to `delivery/reports/event_search.py` and `one_event.py`.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from delivery.reports.event_search import COUNTED, EventSearch, FoundEvent
from delivery.reports.search_steps import SearchPage
from service.api import reading, searches
from service.dashboard.deliveries.searched_list import SearchedList
from service.dashboard.frame import payloads, visitors
from service.dashboard.frame.list_queries import ListQuery
from service.dashboard.frame.rendering import render
from service.services import Services, services_of

PATH = "/dashboard/events"
FILTERS = ("eventType", "eventId", "source", "tag", "text")
COLUMNS = ("Message id", "Id", "Source", "Type", "Workspace", "Accepted", "Bytes", "Webhooks")


async def listed(request: Request) -> Response:
    """GET /dashboard/events?eventId=&eventType=&source=&last=&since=&until=&text=&tag=&after="""
    return await LIST.answer(request)


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


async def _search(services: Services, asked: EventSearch) -> SearchPage[UUID, FoundEvent]:
    return await services.inspection.events.search(asked)


async def _beside(_request: Request, _query: ListQuery) -> Mapping[str, Any]:
    return {"counted": COUNTED - 1}


def _row(each: FoundEvent) -> list[object]:
    return [each.key, each.id, each.source, each.type, each.workspace_id, each.accepted_at, each.size, each.webhooks]


LIST = SearchedList(
    path=PATH,
    name="events",
    filters=FILTERS,
    read=searches.events,
    search=_search,
    columns=COLUMNS,
    row=_row,
    beside=_beside,
)
