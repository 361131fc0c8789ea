"""Event APIs of the catalogue as a list: searched, by group, as CSV.

One of them is left to `event_api_page.py`, registering and changing to `event_api_forms.py`.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from service import auth
from service.api import reading
from service.api.event_apis import SEARCH
from service.auth import Permission
from service.dashboard.catalogue.event_types import PATH as TYPES
from service.dashboard.frame import export, visitors
from service.dashboard.frame.rendering import render
from service.services import services_of
from subscriptions.catalogue.api_rows import EventApi
from subscriptions.events import json_text

PATH = TYPES + "/apis"
PAGE = 100
COLUMNS = ("Id", "Name", "Version", "Group", "Types", "Protocols", "Deprecated", "Since", "Sunset", "Registered")
#: Protocols of one API that are named.
PROTOCOLS = 5


@dataclass(frozen=True, kw_only=True)
class ListedApi:
    """An event API in the list."""

    of: EventApi
    protocols: Sequence[str]


async def listed(request: Request) -> Response:
    """GET /dashboard/catalogue/apis?search=&group=&offset="""
    search, group = (reading.words(request, name, most=SEARCH) for name in ("search", "group"))
    _, offset = reading.paging(request, default=PAGE, most=PAGE)
    if export.wanted(request):
        return export.answer(request, "event-apis", COLUMNS, _pages(request, search, group))
    found, total = await services_of(request).event_apis.page(limit=PAGE, offset=offset, group=group, search=search)
    return render(
        request,
        "catalogue/apis.html",
        apis=[_listed(each) for each in found],
        search=search,
        group=group,
        total=total,
        offset=offset,
        following=offset + PAGE if offset + PAGE < total else None,
        may_register=auth.may(visitors.visitor(request).caller, Permission.CREATE_EVENT_TYPES),
    )


async def _pages(request: Request, search: str, group: str) -> AsyncIterator[list[list[object]]]:
    """All that are found, a page at a time, in the order of COLUMNS."""
    offset, total = 0, 1
    while offset < total:
        found, total = await services_of(request).event_apis.page(limit=PAGE, offset=offset, group=group, search=search)
        offset += PAGE
        yield [_row(_listed(each)) for each in found]


def _row(each: ListedApi) -> list[object]:
    api, version = each.of, each.of.version
    said: list[object] = [api.id, api.name, version.value, api.group, api.type_count, " ".join(each.protocols)]
    return [*said, version.deprecated, version.deprecated_since, version.sunset, api.created_at]


def _listed(api: EventApi) -> ListedApi:
    servers = json_text.load(api.details.encode()).get("servers", [])
    named = dict.fromkeys(str(each.get("protocol", "")) for each in servers)
    return ListedApi(of=api, protocols=[each for each in named if each][:PROTOCOLS])
