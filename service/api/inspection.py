"""Deliveries and events over HTTP: searched, read one by one, and one delivery retried, sent again or cancelled (ours).

What is found is left to `delivery/reports`, what moving one does to `delivery/upkeep/by_hand.py`.
"""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Literal

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from delivery.delivery_filter import DeliveryId
from delivery.reports import waiting
from delivery.reports.delivery_search import FoundDelivery
from delivery.reports.event_search import FoundEvent
from delivery.reports.one_delivery import OneAttempt, OneDelivery
from delivery.reports.one_event import EventDelivery
from delivery.reports.waiting import Wait, WaitCause
from delivery.reports.why_not import NotDelivered
from delivery.upkeep import by_hand
from delivery.upkeep.by_hand import Moved
from delivery.wire.guard import public
from delivery.wire.notes import WireNotes
from delivery.wire.proxy import joined
from service import auth
from service.api import deliveries, reading, redaction, search_pages, searches, workspaces, writing
from service.api.search_pages import Extent
from service.auth import Permission
from service.services import Services, services_of
from subscriptions.access.access_tokens import Caller

log = logging.getLogger("hooklake.service")

PATH = "/events/v1beta1/deliveries"
EVENTS = "/events/v1beta1/events"
WEBHOOKS = "/events/v1beta1/webhooks"
LIMIT, MOST = 50, 200
HINT = f"GET {PATH} shows the id of each"

Move = Literal["retry", "resend", "cancel"]
#: What each is called in the log.
DONE = {"retry": "retried", "resend": "resent", "cancel": "cancelled"}


async def found(request: Request) -> Response:
    """`GET /events/v1beta1/deliveries`"""
    workspace = await workspaces.within(request)
    limit, _ = reading.paging(request, default=LIMIT, most=MOST)
    services, scope = services_of(request), auth.scope(auth.caller(request))
    query = search_pages.opened(services, scope, request.query_params)
    asked = searches.deliveries(query, workspace, limit=limit)
    searches.spelled(asked.filter.types, "eventType", services.ground.type_prefix)
    page = await services.inspection.deliveries.search(asked)
    return writing.json(_page([_found(each) for each in page.items], search_pages.extent_of(services, scope, page)))


async def events_found(request: Request) -> Response:
    """`GET /events/v1beta1/events`"""
    workspace = await workspaces.within(request)
    limit, _ = reading.paging(request, default=LIMIT, most=MOST)
    services, scope = services_of(request), auth.scope(auth.caller(request))
    query = search_pages.opened(services, scope, request.query_params)
    asked = searches.events(query, workspace, limit=limit)
    searches.spelled(asked.types, "eventType", services.ground.type_prefix)
    page = await services.inspection.events.search(asked)
    return writing.json(_page([_event(each) for each in page.items], search_pages.extent_of(services, scope, page)))


async def audience(request: Request) -> Response:
    """`GET /events/v1beta1/event-audiences/{messageId}`: who an event went to, who not, and why not"""
    key = reading.identifier(request, "messageId", "Event")
    scope = auth.scope(auth.caller(request))
    after = searches.key(request.query_params, "after")
    one = await services_of(request).inspection.event.read(scope, key, after=after)
    return writing.json(
        {
            "messageId": one.key,
            "id": one.id,
            "source": one.source,
            "eventType": one.type,
            "workspaceId": one.workspace_id,
            "acceptedAt": writing.moment(one.accepted_at),
            "event": _raw(one.body),
            "spreading": one.spreading,
            "deliveries": [_owed(each) for each in one.owed],
            "next": one.more,
            "others": [_other(each) for each in one.others],
            "othersCut": one.others_cut,
        }
    )


async def read(request: Request) -> Response:
    """`GET /events/v1beta1/deliveries/{id}`"""
    caller = auth.caller(request)
    one = await details(services_of(request), caller, by_hand.parse(request.path_params["id"], hint=HINT))
    return writing.json(_one(one, operator=auth.scope(caller) is None))


async def details(services: Services, caller: Caller, id: DeliveryId, workspace: str | None = None) -> OneDelivery:
    """One delivery as the caller may see it: who may only look sees no signatures. Raises Absent."""
    one = await services.inspection.delivery.read(auth.scope(caller) or workspace, id)
    if one.wait is not None and one.wait.cause is WaitCause.DUE:
        answers = (await services.carriers.look()).broker is not None
        one = replace(one, wait=waiting.heard_of(one.wait, broker=answers))
    if auth.may(caller, Permission.UPDATE_WEBHOOKS):
        return one
    return replace(one, attempts=[redaction.redacted(each) for each in one.attempts])


def moving(move: Move) -> Callable[[Request], Awaitable[Response]]:
    """`POST /events/v1beta1/deliveries/{id}/retry`, `.../resend` or `.../cancel`"""

    async def moved(request: Request) -> Response:
        wanted = by_hand.parse(request.path_params["id"], hint=HINT)
        done = await act(services_of(request), auth.caller(request), move, wanted)
        return writing.json({"id": str(done.id), "resourceUri": f"{PATH}/{done.id}", "result": done.result})

    return moved


retry, resend, cancel = moving("retry"), moving("resend"), moving("cancel")


async def act(services: Services, caller: Caller, move: Move, id: DeliveryId) -> Moved:
    """Moves one delivery. Raises Forbidden, Absent, Refused."""
    auth.require(caller, Permission.UPDATE_WEBHOOKS)
    moves = {"retry": services.by_hand.retry, "resend": services.by_hand.resend, "cancel": services.by_hand.cancel}
    done = await moves[move](auth.scope(caller), id)
    log.info("delivery.%s delivery=%s result=%s by=%s", DONE[move], done.id, done.result, caller.client_id)
    return done


def peer(wire: WireNotes | None, *, operator: bool) -> str:
    """`192.0.2.3:443`; empty where it is not known, or an address inside, which operators alone see."""
    if wire is None or not wire.address or not (operator or public(wire.address)):
        return ""
    return joined(wire.address, wire.port)


def _page(items: list[dict[str, object]], extent: Extent) -> dict[str, object]:
    back = None if extent.back is None else writing.moment(extent.back)
    return {"items": items, "count": len(items), "next": extent.next, "read": extent.read, "searchedBackTo": back}


def _found(each: FoundDelivery) -> dict[str, object]:
    body = {
        "id": str(each.id),
        "type": "events/delivery",
        "resourceUri": f"{PATH}/{each.id}",
        "messageId": each.id.event,
        "eventId": each.event_id,
        "source": each.source,
        "eventType": each.type,
        "workspaceId": each.workspace_id,
        "webhook": {"resourceUri": f"{WEBHOOKS}/{each.id.webhook}"},
        "round": each.id.round,
        "state": each.state,
        "attemptCount": each.attempts,
        "httpResponseCode": each.status or 0,
        "reason": each.reason,
        "acceptedAt": writing.moment(each.accepted_at),
        "erased": each.erased,
    }
    if each.members is not None:
        body["members"] = each.members
    return body | _moments(due=each.due_at, ended=each.ended_at)


def _moments(**given: object) -> dict[str, object]:
    names = {"due": "dueAt", "ended": "endedAt"}
    return {names[name]: writing.moment(at) for name, at in given.items() if at is not None}  # type: ignore[arg-type]


def _one(one: OneDelivery, *, operator: bool) -> dict[str, object]:
    body: dict[str, object] = {
        "id": str(one.id),
        "type": "events/delivery",
        "resourceUri": f"{PATH}/{one.id}",
        "messageId": one.id.event,
        "eventId": one.event_id,
        "source": one.source,
        "eventType": one.type,
        "workspaceId": one.workspace_id,
        "webhook": {"resourceUri": f"{WEBHOOKS}/{one.id.webhook}"},
        "round": one.id.round,
        "state": one.state,
        "attemptCount": one.attempt_count,
        "lostAttemptCount": one.lost,
        "httpResponseCode": one.status or 0,
        "reason": one.reason,
        "acceptedAt": writing.moment(one.accepted_at),
        "erased": one.body is None,
        "requestBody": _raw(one.body),
        "attempts": [_attempt(each, operator=operator) for each in one.attempts],
        "rounds": [{"id": str(each.id), "state": each.state, "attemptCount": each.attempts} for each in one.rounds],
    }
    if one.wait is not None:
        body["wait"] = _wait(one.wait)
    if one.batch is not None:
        body["batch"] = {"resourceUri": f"{PATH}/{one.batch}"}
    if one.members is not None:
        body["members"] = len(one.members)
    return body | _moments(due=one.due_at, ended=one.ended_at)


def _wait(wait: Wait) -> dict[str, object]:
    until = {} if wait.until is None else {"until": writing.moment(wait.until)}
    return {"cause": wait.cause, "text": wait.text, **until}


def _attempt(each: OneAttempt, *, operator: bool) -> dict[str, object]:
    body: dict[str, object] = {
        "number": each.number,
        "startedAt": writing.moment(each.started_at),
        "milliseconds": each.milliseconds,
        "status": "SUCCESS" if each.success else "FAILURE",
        "httpResponseCode": each.status or 0,
        "reason": each.reason,
        "requestHeaders": deliveries.headers(each.request_headers),
        "responseHeaders": deliveries.headers(each.response_headers),
        "responseBody": each.response_body.decode(errors="replace"),
        "truncated": each.cut,
        "signedWith": list(each.signed_with),
    }
    if each.wire is not None:
        body["wire"] = wire_shown(each.wire, operator=operator)
    return body


def wire_shown(wire: WireNotes, *, operator: bool) -> dict[str, object]:
    """Where a request went, and of each step that was taken the microseconds."""
    steps = {
        "waitMicroseconds": wire.waited,
        "lookUpMicroseconds": wire.looked_up,
        "connectMicroseconds": wire.connected,
        "tlsMicroseconds": wire.secured,
        "firstByteMicroseconds": wire.answered,
    }
    until = wire.certificate_until
    shown = {} if until is None else {"certificateUntil": writing.moment(datetime.fromtimestamp(until, UTC))}
    return {
        "method": wire.method,
        "url": wire.url,
        "peer": peer(wire, operator=operator),
        "proxied": wire.proxied,
        "keptConnection": wire.kept,
        **{name: step for name, step in steps.items() if step is not None},
        **shown,
    }


def _event(each: FoundEvent) -> dict[str, object]:
    body = {
        "type": "events/event",
        "messageId": each.key,
        "id": each.id,
        "source": each.source,
        "eventType": each.type,
        "workspaceId": each.workspace_id,
        "acceptedAt": writing.moment(each.accepted_at),
        "webhooks": each.webhooks,
        "erased": each.size is None,
    }
    return body | ({} if each.size is None else {"bytes": each.size})


def _owed(each: EventDelivery) -> dict[str, object]:
    body = {
        "id": str(each.id),
        "resourceUri": f"{PATH}/{each.id}",
        "webhook": {"resourceUri": f"{WEBHOOKS}/{each.id.webhook}"},
        "state": each.state,
        "attemptCount": each.attempts,
        "httpResponseCode": each.status or 0,
        "reason": each.reason,
    }
    return body | _moments(due=each.due_at, ended=each.ended_at)


def _other(each: NotDelivered) -> dict[str, object]:
    return {
        "webhook": {"resourceUri": f"{WEBHOOKS}/{each.webhook}"},
        "why": each.why,
        "text": each.text,
        "eventFilter": each.event_filter,
        "version": each.version,
        "failed": [part._asdict() for part in each.failed],
        "now": each.now,
    }


def _raw(body: bytes | None) -> msgspec.Raw | None:
    return None if body is None else msgspec.Raw(body)
