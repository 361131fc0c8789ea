"""Saved views of lists: a person gives the filters of a page a name, and comes back to them.

Which filters a page has is left to it; the views are kept by `subscriptions/access/saved_views.py`.
"""

from collections.abc import Mapping, Sequence

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response

from service.api import reading
from service.dashboard.deliveries import delivery_list, event_pages
from service.dashboard.frame import forms, visitors
from service.dashboard.frame.list_queries import ListQuery
from service.dashboard.frame.rendering import redirect
from service.services import services_of
from subscriptions.access import saved_views
from subscriptions.ground.errors import Absent, Issue, Refused

PATH = "/dashboard/views"
#: The lists that have views, by their paths, and the filters of each.
LISTS: Mapping[str, Sequence[str]] = {each.path: each.filters for each in (delivery_list.LIST, event_pages.LIST)}


async def saved(request: Request) -> Response:
    """POST /dashboard/views: `page`, `name`, and `query` as it stands behind the `?` of the page"""
    form, services = await forms.read(request), services_of(request)
    page = form.line("page")
    if page not in LISTS:
        raise Refused(Issue(subject="page", description="is no list that has saved views"))
    path = ListQuery(QueryParams(form.line("query")), LISTS[page]).path(page)
    view = saved_views.drawn(form.line("name"), path.partition("?")[2])
    person = visitors.visitor(request).person.id
    await services.people.views.save(person, page, view, now=services.clock())
    return redirect(path, said=f"The view {view.name} is saved.")


async def removed(request: Request) -> Response:
    """POST /dashboard/views/{id}/remove"""
    wanted = reading.identifier(request, "id", "View")
    page = await services_of(request).people.views.remove(visitors.visitor(request).person.id, wanted)
    if page is None:
        raise Absent("View", str(wanted))
    return redirect(page, said="The view is removed.")
