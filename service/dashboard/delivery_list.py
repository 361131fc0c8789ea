"""Deliveries over all webhooks: searched by filters that stand in the URL, a page at a time, newest first.

What a filter finds is left to `delivery/reports/delivery_search.py`, one delivery to `delivery_page.py`.
"""

from collections.abc import AsyncIterator

from msgspec.structs import replace
from starlette.requests import Request
from starlette.responses import Response

from delivery.delivery_filter import DeliveryId
from delivery.lifecycle import State
from delivery.reports.delivery_search import DeliverySearch, FoundDelivery
from delivery.reports.search_steps import SearchPage
from service import auth
from service.api import searches
from service.auth import Permission
from service.dashboard import export, navigation, visitors
from service.dashboard.list_queries import PRESETS, ListQuery
from service.dashboard.rendering import render
from service.services import services_of
from subscriptions.ground import event_keys
from subscriptions.ground.errors import Refused

PATH = "/dashboard/deliveries"
PAGE = 50
#: Of a file: deliveries that are read at once.
CHUNK = 500
#: Where deliveries are sent again many at a time.
REPLAY = "/dashboard/replays/new"

FILTERS = (
    *("webhookId", "state", "statusClass", "status", "eventType", "eventId", "source", "reason", "tag", "text", "id"),
)
#: The views that stand above the list: what each is called, and the states in it.
VIEWS = (
    ("All", ()),
    ("Waiting", (State.OWED, State.PARKED, State.COLLECTING)),
    ("Delivered", (State.DELIVERED,)),
    ("Failed", (State.FAILED,)),
    ("Cancelled or expired", (State.CANCELLED, State.EXPIRED)),
)
CLASSES = (
    ("", "Any"),
    ("2", "2xx"),
    ("3", "3xx"),
    ("4", "4xx"),
    ("5", "5xx"),
    ("0", "No answer"),
)
TIMES = (("", "Any time"), *((value, words) for value, (_, words) in PRESETS.items()))
COLUMNS = (
    *(
        "Id",
        "Workspace",
        "Webhook",
        "Webhook name",
        "Event id",
        "Source",
        "Type",
        "Events",
        "State",
        "Attempts",
        "Status",
    ),
    *("Reason", "Accepted", "Due", "Ended"),
)


async def listed(request: Request) -> Response:
    """GET /dashboard/deliveries?webhookId=&state=&statusClass=&eventType=&eventId=&last=&since=&until=&text=&tag=&after="""
    services, visitor = services_of(request), visitors.visitor(request)
    query = ListQuery(request.query_params, FILTERS)
    wrong: dict[str, str] = {}
    page: SearchPage[DeliveryId, FoundDelivery] = SearchPage()
    try:
        asked = searches.deliveries(query.searched(services.clock()), visitor.workspace(request), limit=PAGE)
        if export.wanted(request):
            return export.answer(request, "deliveries", COLUMNS, _pages(request, asked))
        page = await services.inspection.deliveries.search(asked)
    except Refused as error:
        wrong = {issue.subject: issue.description for issue in error.issues}
    states = tuple(query.every("state"))
    return render(
        request,
        "deliveries/list.html",
        400 if wrong else 200,
        query=query,
        page=page,
        wrong=wrong,
        views=[(words, query.path(PATH, state=of), None) for words, of in VIEWS],
        view=next((query.path(PATH, state=of) for _, of in VIEWS if set(of) == set(states)), ""),
        back=event_keys.time_of(page.next.event) if page.next is not None and not page.full else None,
        further=query.path(PATH, after=str(page.next)) if page.next is not None else "",
        first=query.path(PATH),
        clear=ListQuery(request.query_params, ()).path(PATH, last="", since="", until=""),
        file=query.path(PATH, format="csv"),
        replay=query.path(REPLAY),
        # The selection goes to the page of replays.
        replays=REPLAY in navigation.permissions(request) and auth.may(visitor.caller, Permission.UPDATE_WEBHOOKS),
        classes=CLASSES,
        times=TIMES,
    )


async def _pages(request: Request, asked: DeliverySearch) -> AsyncIterator[list[list[object]]]:
    """All that is found, in the order of COLUMNS."""
    services, asked = services_of(request), replace(asked, limit=CHUNK)
    while True:
        page = await services.inspection.deliveries.search(asked)
        yield [_row(each) for each in page.items]
        if page.next is None:
            return
        asked = replace(asked, after=page.next)


def _row(each: FoundDelivery) -> list[object]:
    return [
        *(str(each.id), each.workspace_id, each.id.webhook, each.webhook_name, each.event_id, each.source, each.type),
        *(each.members or 1, str(each.state), each.attempts, each.status, each.reason),
        *(each.accepted_at, each.due_at, each.ended_at),
    ]
