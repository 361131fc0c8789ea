"""Deliveries over all webhooks, as a list that is searched, with a way to send again what was found.

What a filter finds is left to `delivery/reports/delivery_search.py`, one delivery to `delivery_page.py`.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from delivery.delivery_filter import DeliveryId
from delivery.lifecycle import State
from delivery.reports.delivery_search import DeliverySearch, FoundDelivery
from delivery.reports.search_steps import SearchPage
from service import auth
from service.api import searches
from service.auth import Permission
from service.dashboard.deliveries.searched_list import SearchedList
from service.dashboard.frame import navigation, visitors, webhook_choices
from service.dashboard.frame.list_queries import ListQuery
from service.services import Services, services_of

PATH = "/dashboard/deliveries"
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
    return await LIST.answer(request)


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


async def _search(services: Services, asked: DeliverySearch) -> SearchPage[DeliveryId, FoundDelivery]:
    return await services.inspection.deliveries.search(asked)


async def _beside(request: Request, query: ListQuery) -> Mapping[str, Any]:
    states = {*query.every("state")}
    return {
        "views": [(words, query.path(PATH, state=of), None) for words, of in VIEWS],
        "view": next((query.path(PATH, state=of) for _, of in VIEWS if set(of) == states), ""),
        "replay": replay_of(query, services_of(request).clock()),
        "webhooks": await webhook_choices.choices(request),
        # The selection goes to the page of replays.
        "replays": REPLAY in navigation.permissions(request)
        and auth.may(visitors.visitor(request).caller, Permission.UPDATE_WEBHOOKS),
        "classes": CLASSES,
    }


def _row(each: FoundDelivery) -> list[object]:
    return [
        *(str(each.id), each.workspace_id, each.id.webhook, each.webhook_name, each.event_id, each.source, each.type),
        *(each.members or 1, str(each.state), each.attempts, each.status, each.reason),
        *(each.accepted_at, each.due_at, each.ended_at),
    ]


LIST = SearchedList(
    path=PATH,
    name="deliveries",
    filters=FILTERS,
    read=searches.deliveries,
    search=_search,
    columns=COLUMNS,
    row=_row,
    beside=_beside,
)
