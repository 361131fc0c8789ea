"""Looking at deliveries and events over HTTP: searches, one of each, and what is done with one delivery."""

import base64
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from starlette.datastructures import QueryParams

from delivery.delivery_filter import DeliveryId
from delivery.lifecycle import State
from delivery.reports.delivery_search import Deliveries, DeliverySearch
from delivery.reports.search_steps import SearchPage
from delivery.tickets import Nudge, Ticket
from service.api import search_pages
from service.services import Services
from subscriptions.access.clients import Role
from subscriptions.events.event import Event
from subscriptions.ground import event_keys
from subscriptions.ground.database import Database
from subscriptions.webhooks.webhook import Webhook
from tests.builders import Builder, Result
from tests.clock import Clock
from tests.service.callers import OTHER_WORKSPACE, Callers

EVENTS = "/events/v1beta1"
DELIVERIES = f"{EVENTS}/deliveries"
SIGNED = b'[["HPE-Webhook-Signature","sha256=' + b"a" * 64 + b'"],["X-A","1"],["x-a","2"]]'
WIRE = b'["POST","https://then.example/hook","127.0.0.1",443,false,false,null,10,20,30,40]'
FAILED = Result(state=State.FAILED, status=503, reason="503 Service Unavailable", request_headers=SIGNED, wire=WIRE)


@pytest.fixture
async def hook(builder: Builder) -> Webhook:
    return await builder.webhook()


@pytest.fixture
async def failed(builder: Builder, hook: Webhook) -> Event:
    made = builder.event()
    await builder.tried(made, hook.id, FAILED)
    return made


@pytest.fixture
async def subscriber(api: httpx.AsyncClient, callers: Callers) -> httpx.AsyncClient:
    """The API's client, as a subscriber."""
    api.headers.update(await callers.headers(Role.SUBSCRIBER))
    return api


def id_of(event: Event, hook: Webhook, number: int = 0) -> str:
    return f"{event.key}.{hook.id}.{number}"


async def test_a_search_answers_a_page(
    subscriber: httpx.AsyncClient, builder: Builder, clock: Clock, hook: Webhook, failed: Event
) -> None:
    """Newest first, with where the next one begins; each with what it is about."""
    clock.advance(60)
    arrived = builder.event()
    await builder.tried(arrived, hook.id, Result())

    first = (await subscriber.get(DELIVERIES, params={"limit": 1})).json()
    second = (await subscriber.get(DELIVERIES, params={"limit": 1, "after": first["next"]})).json()
    last = (await subscriber.get(DELIVERIES, params={"limit": 1, "after": second["next"]})).json()
    found = (await subscriber.get(DELIVERIES, params={"state": ["failed", "expired"], "statusClass": "5"})).json()

    assert [each["items"][0]["id"] for each in (first, second)] == [id_of(arrived, hook), id_of(failed, hook)]
    assert (last["items"], last["next"], last["searchedBackTo"]) == ([], None, None)
    [item] = found["items"]
    assert (item["state"], item["httpResponseCode"], item["reason"]) == ("failed", 503, "503 Service Unavailable")
    assert (item["eventId"], item["eventType"], item["source"]) == (failed.id, failed.type, failed.source)
    assert item["webhook"]["resourceUri"] == f"{EVENTS}/webhooks/{hook.id}"


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({"state": "gone"}, ["state"]),
        ({"statusClass": "6"}, ["statusClass"]),
        ({"status": "99"}, ["status"]),
        ({"webhookId": "x"}, ["webhookId"]),
        ({"since": "yesterday"}, ["since"]),
        ({"since": "2026-11-28T14:00:00Z", "until": "2026-11-28T13:00:00Z"}, ["until"]),
        ({"text": "x"}, ["since"]),
        ({"tag": "x", "since": "2026-11-28T14:00:00Z"}, ["tag"]),
        ({"after": "1.2.3", "id": "x"}, ["id", "after"]),
    ],
)
async def test_what_cannot_be_searched_for_is_named(
    subscriber: httpx.AsyncClient, query: dict[str, Any], names: list[str]
) -> None:
    """400, with each parameter that is wrong; payloads are looked into within a time range alone."""
    refused = await subscriber.get(DELIVERIES, params=query)

    assert refused.status_code == 400, refused.text
    assert [issue["subject"] for issue in refused.json()["errorDetails"][0]["issues"]] == names


async def test_others_find_nothing(api: httpx.AsyncClient, callers: Callers, hook: Webhook, failed: Event) -> None:
    """Of another workspace nothing is found, read or moved; operators find all, and narrow it to one."""
    other = await callers.headers(Role.SUBSCRIBER, workspace=OTHER_WORKSPACE)
    operator = await callers.headers(Role.OPERATOR, workspace=OTHER_WORKSPACE)
    await callers.known(OTHER_WORKSPACE)

    assert (await api.get(DELIVERIES, headers=other)).json()["items"] == []
    assert (await api.get(f"{EVENTS}/events", headers=other)).json()["items"] == []
    for path in (f"/deliveries/{id_of(failed, hook)}", f"/event-audiences/{failed.key}"):
        assert (await api.get(EVENTS + path, headers=other)).status_code == 404
        assert (await api.get(EVENTS + path, headers=operator)).status_code == 200
    moved = await api.post(f"{DELIVERIES}/{id_of(failed, hook)}/retry", headers=other)
    assert moved.status_code == 404
    assert len((await api.get(DELIVERIES, headers=operator)).json()["items"]) == 1
    narrowed = await api.get(DELIVERIES, params={"workspaceId": OTHER_WORKSPACE}, headers=operator)
    assert narrowed.json()["items"] == []


async def test_one_delivery_is_shown_to_the_letter(
    api: httpx.AsyncClient, callers: Callers, hook: Webhook, failed: Event
) -> None:
    """The event as it was sent; an inside address to operators alone, signatures to nobody who may only look."""
    path = f"{DELIVERIES}/{id_of(failed, hook)}"
    shown = {
        role: (await api.get(path, headers=await callers.headers(role))).json()
        for role in (Role.OPERATOR, Role.SUBSCRIBER, Role.VIEWER)
    }

    one = shown[Role.SUBSCRIBER]
    assert (one["state"], one["attemptCount"], "wait" in one) == ("failed", 1, False)
    assert failed.body is not None
    assert failed.body in (await api.get(path, headers=await callers.headers(Role.VIEWER))).content
    [tried] = one["attempts"]
    assert tried["requestHeaders"]["X-A"] == ["1", "2"]
    assert tried["signedWith"] == []  # its secrets cannot be unsealed here
    assert tried["wire"] == {
        "method": "POST",
        "url": "https://then.example/hook",
        "peer": "",
        "proxied": False,
        "keptConnection": False,
        "lookUpMicroseconds": 10,
        "connectMicroseconds": 20,
        "tlsMicroseconds": 30,
        "firstByteMicroseconds": 40,
    }
    assert shown[Role.OPERATOR]["attempts"][0]["wire"]["peer"] == "127.0.0.1:443"
    signatures = {role: each["attempts"][0]["requestHeaders"]["HPE-Webhook-Signature"] for role, each in shown.items()}
    assert signatures[Role.VIEWER] == ["***"]
    assert signatures[Role.SUBSCRIBER] == [f"sha256={'a' * 64}"]


async def test_one_delivery_is_moved(
    subscriber: httpx.AsyncClient, callers: Callers, hook: Webhook, failed: Event, announced: list[Nudge]
) -> None:
    """Retried as its next round, which is cancelled, and sent again; who may only look moves nothing (protocol.md 8.4, 8.5)."""
    first, second, third = (id_of(failed, hook, number) for number in range(3))

    forbidden = await subscriber.post(f"{DELIVERIES}/{first}/retry", headers=await callers.headers(Role.VIEWER))
    retried = await subscriber.post(f"{DELIVERIES}/{first}/retry")
    again = await subscriber.post(f"{DELIVERIES}/{first}/retry")
    cancelled = await subscriber.post(f"{DELIVERIES}/{second}/cancel")
    resent = await subscriber.post(f"{DELIVERIES}/{second}/resend")

    assert forbidden.status_code == 403
    assert retried.json() == {"id": second, "resourceUri": f"{DELIVERIES}/{second}", "result": "SUBMITTED"}
    assert announced == [Ticket(failed.key, hook.id, 1, 0), Ticket(failed.key, hook.id, 2, 0)]
    assert again.status_code == 400
    assert second in again.text
    assert cancelled.json()["result"] == "CANCELLED"
    assert resent.json()["id"] == third
    assert (await subscriber.get(f"{DELIVERIES}/{uuid4()}.{hook.id}.0")).status_code == 404
    assert (await subscriber.get(f"{DELIVERIES}/nothing")).status_code == 404


async def test_events_are_searched_by_whoever_has_a_token(
    api: httpx.AsyncClient, callers: Callers, failed: Event
) -> None:
    """A publisher finds what it published, a subscriber what it may be owed."""
    for role in (Role.PUBLISHER, Role.VIEWER, Role.OPERATOR):
        found = await api.get(f"{EVENTS}/events", params={"eventId": failed.id}, headers=await callers.headers(role))
        [item] = found.json()["items"]
        assert (item["messageId"], item["webhooks"], item["bytes"]) == (str(failed.key), 1, len(failed.body or b""))


async def test_an_event_tells_its_audience(
    subscriber: httpx.AsyncClient, builder: Builder, hook: Webhook, failed: Event
) -> None:
    """Who it went to, and of others why not."""
    other = await builder.webhook()

    told = (await subscriber.get(f"{EVENTS}/event-audiences/{failed.key}")).json()

    assert [each["id"] for each in told["deliveries"]] == [id_of(failed, hook)]
    assert [(UUID(each["webhook"]["resourceUri"].rpartition("/")[2]), each["why"]) for each in told["others"]] == [
        (other.id, "UNSUBSCRIBED")
    ]
    assert told["event"]["data"] == {"n": 1.5}


async def test_a_search_tells_nothing_of_others(
    api: httpx.AsyncClient, callers: Callers, services: Services, hook: Webhook, failed: Event
) -> None:
    """Not how many rows they have, nor what the last one read is called: a place of others is sealed, and goes on from there."""
    place = DeliveryId(failed.key, hook.id, 0)
    nobody = await callers.headers(Role.SUBSCRIBER, workspace=OTHER_WORKSPACE)
    own, operator = await callers.headers(Role.VIEWER), await callers.headers(Role.OPERATOR)
    cut: SearchPage[DeliveryId, object] = SearchPage(next=place, read=7)
    mine = search_pages.extent_of(services, OTHER_WORKSPACE, replace(cut, own=True))
    theirs = search_pages.extent_of(services, OTHER_WORKSPACE, cut)
    all_of_it = search_pages.extent_of(services, None, cut)

    for path in (DELIVERIES, f"{EVENTS}/events"):
        empty = (await api.get(path, params={"eventType": "nonesuch"}, headers=nobody)).json()
        assert empty == {"items": [], "count": 0, "next": None, "read": None, "searchedBackTo": None}
        assert (await api.get(path, headers=operator)).json()["read"] == 1
    assert theirs.next is not None
    assert theirs.looked("deliveries") == "The newest deliveries were looked through"
    for told in (str(failed.key), str(hook.id), base64.b64encode(str(place).encode()).decode()[:20]):
        assert told not in theirs.next
    # How far back so many rows reach is how busy all are, unless all of them are the workspace's own.
    assert (theirs.read, theirs.more, theirs.back) == (None, True, None)
    assert (mine.read, mine.more, mine.back) == (None, True, event_keys.time_of(failed.key))
    assert (all_of_it.next, all_of_it.read, all_of_it.back) == (str(place), 7, event_keys.time_of(failed.key))
    on = await api.get(DELIVERIES, params={"after": theirs.next}, headers=nobody)
    for stranger in (own, operator):
        wrong = await api.get(DELIVERIES, params={"after": theirs.next}, headers=stranger)
        assert wrong.status_code == 400
    behind = search_pages.opened(services, OTHER_WORKSPACE, QueryParams({"after": theirs.next, "limit": "5"}))
    assert (on.status_code, behind["after"], behind["limit"]) == (200, str(place), "5")
    asked = {"all": True, "dryRun": True, "filter": {"states": ["failed"]}}
    tried = await api.post(f"{EVENTS}/replays", json=asked, headers=nobody)
    assert (tried.status_code, tried.json()["rowsRead"]) == (200, None)


async def test_a_workspace_without_webhooks_reads_no_row(database: Database, failed: Event) -> None:
    """A search for its deliveries ends at once, whatever others have."""
    assert failed.id
    page = await Deliveries(database).search(DeliverySearch(workspace_id=OTHER_WORKSPACE))
    assert (page.items, page.next, page.read) == ([], None, 0)
