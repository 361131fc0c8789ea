"""Deliveries over all webhooks: searched by filters that stand in the URL, a page at a time, newest first.

What a filter finds is left to `delivery/reports/delivery_search.py`, one delivery to `delivery_page.py`.
"""

from collections.abc import AsyncIterator
from datetime import datetime
from urllib.parse import urlencode

from msgspec.structs import replace
from starlette.requests import Request
from starlette.responses import Response

from delivery.delivery_filter import DeliveryId
from delivery.lifecycle import State
from delivery.reports.delivery_search import DeliverySearch, FoundDelivery
from delivery.reports.search_steps import SearchPage
from service import auth
from service.api import search_pages, searches
from service.auth import Permission
from service.dashboard.frame import export, navigation, visitors
from service.dashboard.frame.list_queries import PRESETS, ListQuery
from service.dashboard.frame.rendering import render
from service.services import services_of
from subscriptions.ground.errors import Refused
from subscriptions.webhooks.webhook_list import Sort, WebhookQuery

PATH = "/dashboard/deliveries"
PAGE = 50
#: Of a file: deliveries that are read at once.
CHUNK = 500
#: Webhooks that one can choose from by name.
CHOICE = 50
#: Where deliveries are sent again many at a time.
REPLAY = "/dashboard/replays/new"

FILTERS = (
    *("webhookId", "state", "statusClass", "status", "eventType", "eventId", "source", "reason", "tag", "text", "id"),
)
#: Filters that a replay takes as they are, and those that it does not know.
REPLAYED = frozenset({"webhookId", "state", "statusClass", "reason", "since", "until"})
UNREPLAYED = ("eventId", "status", "source", "tag", "text", "id")
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
    query, scope = ListQuery(request.query_params, FILTERS), auth.scope(visitor.caller)
    wrong: dict[str, str] = {}
    page: SearchPage[DeliveryId, FoundDelivery] = SearchPage()
    try:
        found = search_pages.opened(services, scope, query.searched(services.clock()))
        asked = searches.deliveries(found, visitor.workspace(request), limit=PAGE)
        if export.wanted(request):
            return export.answer(request, "deliveries", COLUMNS, _pages(request, asked))
        page = await services.inspection.deliveries.search(asked)
    except Refused as error:
        wrong = {issue.subject: issue.description for issue in error.issues}
    extent = search_pages.extent_of(services, scope, page)
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
        extent=extent,
        further=query.path(PATH, after=extent.next) if extent.next is not None else "",
        first=query.path(PATH),
        clear=ListQuery(request.query_params, ()).path(PATH, last="", since="", until=""),
        file=query.path(PATH, format="csv"),
        replay=replay_of(query, services.clock()),
        webhooks=await _webhooks(request),
        # The selection goes to the page of replays.
        replays=REPLAY in navigation.permissions(request) and auth.may(visitor.caller, Permission.UPDATE_WEBHOOKS),
        classes=CLASSES,
        times=TIMES,
        saved=await services.people.views.of(visitor.person.id, PATH),
        asked=query.path(PATH).partition("?")[2] if query.asked and not wrong else "",
    )


def replay_of(query: ListQuery, now: datetime) -> str:
    """The page on which all that is found can be sent again; empty where a replay knows less than the filters."""
    if not query.asked or any(query.text(name) for name in UNREPLAYED):
        return ""
    found = query.searched(now)
    pairs = [(name, value) for name, value in found.multi_items() if name in REPLAYED]
    pairs += [("type", value) for value in query.every("eventType")]
    chosen = query.text("workspace")
    pairs += [("workspace", chosen), ("workspaceId", chosen)] if chosen else []
    return f"{REPLAY}?{urlencode(pairs)}"


async def _webhooks(request: Request) -> list[tuple[str, str]]:
    """The webhooks of the workspace that is shown, to choose from; none where all are shown, or there are many."""
    workspace = visitors.visitor(request).workspace(request)
    if workspace is None:
        return []
    page = await services_of(request).webhook_lifecycle.listed(
        WebhookQuery(workspace_id=workspace, sort=Sort.NAME, limit=CHOICE + 1)
    )
    named = [(str(each.id), each.name) for each in page.webhooks]
    asked = request.query_params.get("webhookId", "")
    known = not asked or any(asked == id for id, _ in named)
    return [("", "Any"), *named] if named and known and len(named) <= CHOICE else []


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
