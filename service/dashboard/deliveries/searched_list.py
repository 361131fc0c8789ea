"""A list of what a search finds: the filters stand in the URL, and it is read a page at a time, newest first, or whole as a file.

Which lists there are, and what each shows beside, is left to `delivery_list.py` and `event_pages.py`.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar
from uuid import UUID

from msgspec.structs import replace
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response

from delivery.delivery_filter import DeliveryId
from delivery.reports.delivery_search import DeliverySearch, FoundDelivery
from delivery.reports.event_search import EventSearch, FoundEvent
from delivery.reports.search_steps import SearchPage
from service import auth
from service.api import search_pages
from service.dashboard.deliveries import type_names
from service.dashboard.frame import export, visitors, webhook_choices
from service.dashboard.frame.list_queries import PRESETS, ListQuery
from service.dashboard.frame.rendering import redirect, render
from service.services import Services, services_of
from subscriptions.ground.errors import Refused

A = TypeVar("A", DeliverySearch, EventSearch)
A_co = TypeVar("A_co", DeliverySearch, EventSearch, covariant=True)
P = TypeVar("P", DeliveryId, UUID)
F = TypeVar("F", FoundDelivery, FoundEvent)

PAGE = 50
#: Of a file: rows that are read at once.
CHUNK = 500
TIMES = (("", "Any time"), *((value, words) for value, (_, words) in PRESETS.items()))


class QueryReader(Protocol[A_co]):
    """Makes a search of a query and a workspace (None: of any); raises Refused."""

    def __call__(self, query: QueryParams, workspace: str | None, *, limit: int) -> A_co: ...


@dataclass(frozen=True, kw_only=True)
class SearchedList(Generic[A, P, F]):
    """One of the lists, as data."""

    path: str
    #: What is found, in the plural: of the template and of the file.
    name: str
    #: Names of its filters, as the API spells them, but for the time.
    filters: Sequence[str]
    read: QueryReader[A]
    search: Callable[[Services, A], Awaitable[SearchPage[P, F]]]
    #: Of the file, and the cells of one row.
    columns: Sequence[str]
    row: Callable[[F], list[object]]
    #: What the template shows beside what was found.
    beside: Callable[[Request, ListQuery], Awaitable[Mapping[str, Any]]]

    async def answer(self, request: Request) -> Response:
        """The page of the request, or the file; filters that cannot be used are named (400); a webhook's name leads to its id."""
        services, visitor = services_of(request), visitors.visitor(request)
        query, scope = ListQuery(request.query_params, self.filters), auth.scope(visitor.caller)
        wrong: dict[str, str] = {}
        page: SearchPage[P, F] = SearchPage()
        try:
            if elsewhere := await webhook_choices.by_id(request):
                return redirect(elsewhere)
            given = search_pages.opened(services, scope, query.searched(services.clock()))
            asked = self.read(given, visitor.workspace(request), limit=PAGE)
            if export.wanted(request):
                return export.answer(request, self.name, self.columns, self._pages(services, asked))
            page = await self.search(services, asked)
        except Refused as error:
            wrong = {issue.subject: issue.description for issue in error.issues}
        extent = search_pages.extent_of(services, scope, page)
        return render(
            request,
            f"{self.name}/list.html",
            400 if wrong else 200,
            list_path=self.path,
            kind=self.name,
            query=query,
            page=page,
            wrong=wrong,
            extent=extent,
            further=query.path(self.path, after=extent.next) if extent.next is not None else "",
            first=query.path(self.path),
            clear=ListQuery(request.query_params, ()).path(self.path, last="", since="", until=""),
            file=query.path(self.path, format="csv"),
            presets=TIMES,
            types=await type_names.offered(request),
            saved=await services.people.views.of(visitor.person.id, self.path),
            asked=query.path(self.path).partition("?")[2] if query.asked and not wrong else "",
            **await self.beside(request, query),
        )

    async def _pages(self, services: Services, asked: A) -> AsyncIterator[list[list[object]]]:
        """All that is found, in the order of `columns`."""
        asked = replace(asked, limit=CHUNK)
        while True:
            page = await self.search(services, asked)
            yield [self.row(each) for each in page.items]
            if page.next is None:
                return
            asked = replace(asked, after=page.next)
