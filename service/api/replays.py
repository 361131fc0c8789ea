"""Replays over HTTP: many deliveries are sent again as one job, which is looked at, paused, resumed and cancelled (ours).

What is meant and how it is carried out is left to `delivery/upkeep/replays.py`.
"""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from uuid import UUID

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from delivery.delivery_filter import DeliveryFilter, DeliveryId
from delivery.lifecycle import State
from delivery.upkeep.replays import DryRun, Replay, ReplayQuery, ReplayRequest, ReplayState
from service import auth
from service.api import reading, search_pages, searches, workspaces, writing
from service.auth import Permission
from service.services import Services, services_of
from subscriptions.access.access_tokens import Caller
from subscriptions.ground import event_keys
from subscriptions.ground.errors import Issue, Refused

log = logging.getLogger("hooklake.service")

PATH = "/events/v1beta1/replays"
LIMIT = 100
#: The fields of a filter whose names the API spells within `filter`.
INSIDE = ("types", "ids", "statusClasses", "reason", "since", "until", "endedSince")
NAMELESS = "name webhookIds, or ids in the filter, or say all: true for every webhook of the workspace"


class ReplayFilterInput(msgspec.Struct, forbid_unknown_fields=True, rename="camel", frozen=True, kw_only=True):
    """What narrows it."""

    states: list[str] = []
    status_classes: list[int] = []
    types: list[str] = []
    since: datetime | None = None
    until: datetime | None = None
    ended_since: datetime | None = None
    reason: str = ""
    ids: list[str] = []


class ReplayInput(msgspec.Struct, forbid_unknown_fields=True, rename="camel", frozen=True, kw_only=True):
    """A replay as it is asked for."""

    workspace_id: str | None = None
    webhook_ids: list[UUID] = []
    all: bool = False
    filter: ReplayFilterInput = ReplayFilterInput()
    missing: bool = False
    rate_per_second: float | None = None
    dry_run: bool = False
    after: str = ""


async def create(request: Request) -> Response:
    """`POST /events/v1beta1/replays`: 202 once it is written down; 200 with a count where it is only tried"""
    given = reading.decode(await reading.body(request), ReplayInput)
    caller = auth.caller(request)
    if given.workspace_id is not None and given.workspace_id != caller.workspace_id and auth.scope(caller) is None:
        await workspaces.check(request, given.workspace_id)
    prefix = services_of(request).ground.type_prefix
    searches.spelled(given.filter.types, "filter.types", prefix, source="field")
    asked = _request(given, caller)
    try:
        if given.dry_run:
            services = services_of(request)
            counted = await count(services, caller, asked, given.after)
            following = next_of(services, caller, counted)
            return writing.json(_counted(counted, following, services.replays.rate(asked)))
        if given.after:
            raise Refused(Issue(subject=search_pages.AFTER, description="goes with dryRun: a replay searches all"))
        replay = await ask(services_of(request), caller, asked)
    except Refused as error:
        raise _within(error) from None
    return writing.json(shown(replay, auth.scope(caller)), 202, {"Location": f"{PATH}/{replay.id}"})


async def listed(request: Request) -> Response:
    """`GET /events/v1beta1/replays`"""
    workspace = await workspaces.within(request)
    limit, offset = reading.paging(request, default=LIMIT, most=LIMIT)
    state = reading.choice(request, "state", [each.upper() for each in ReplayState])
    query = ReplayQuery(
        workspace_id=workspace, state=ReplayState(state.lower()) if state else None, limit=limit, offset=offset
    )
    found, total = await services_of(request).replays.listed(query)
    scope = auth.scope(auth.caller(request))
    return await writing.page(request, (shown(each, scope) for each in found), offset=offset, total=total)


async def read(request: Request) -> Response:
    """`GET /events/v1beta1/replays/{id}`"""
    wanted = reading.identifier(request, "id", "Replay")
    scope = auth.scope(auth.caller(request))
    return writing.json(shown(await services_of(request).replays.read(scope, wanted), scope))


def ordering(state: ReplayState) -> Callable[[Request], Awaitable[Response]]:
    """`POST /events/v1beta1/replays/{id}/pause`, `.../resume` or `.../cancel`"""

    async def ordered(request: Request) -> Response:
        wanted = reading.identifier(request, "id", "Replay")
        caller = auth.caller(request)
        return writing.json(shown(await order(services_of(request), caller, wanted, state), auth.scope(caller)))

    return ordered


pause, resume = ordering(ReplayState.PAUSED), ordering(ReplayState.RUNNING)
cancel = ordering(ReplayState.CANCELLED)


async def count(services: Services, caller: Caller, asked: ReplayRequest, after: str = "") -> DryRun:
    """What it would send again now, from where a count before left off (`next_of`). Raises Forbidden, Refused, Absent."""
    auth.require(caller, Permission.UPDATE_WEBHOOKS)
    counted = await services.replays.count(_scoped(caller, asked), _place(services, caller, after))
    if auth.scope(caller) is None:
        return counted
    # How many rows there are, and how far so many reach, is others' doing.
    return replace(counted, read=None, seen_until=None if counted.more else counted.seen_until)


def next_of(services: Services, caller: Caller, counted: DryRun) -> str | None:
    """What `after` takes to count on; None at the end."""
    if counted.next is None:
        return None
    # It may be in another's row.
    return search_pages.sealed(services, auth.scope(caller), str(counted.next))


async def ask(services: Services, caller: Caller, asked: ReplayRequest) -> Replay:
    """Has it carried out. Raises Forbidden, Refused, Absent, LimitReached."""
    auth.require(caller, Permission.UPDATE_WEBHOOKS)
    replay = await services.replays.ask(_scoped(caller, asked), by=caller.name)
    log.info("replay.asked replay=%s workspace=%s by=%s", replay.id, replay.workspace_id, caller.client_id)
    return replay


async def order(services: Services, caller: Caller, wanted: UUID, state: ReplayState) -> Replay:
    """Pauses it, lets it go on or cancels it. Raises Forbidden, Absent, Conflicting."""
    auth.require(caller, Permission.UPDATE_WEBHOOKS)
    replay = await services.replays.order(auth.scope(caller), wanted, state)
    log.info("replay.ordered replay=%s state=%s by=%s", replay.id, replay.state, caller.client_id)
    return replay


def shown(replay: Replay, scope: str | None) -> dict[str, object]:
    """In GreenLake's style; the filter as it was asked for. `scope` is the reader's own, None for operators."""
    progress, wanted = replay.progress, replay.wanted
    body = {
        "id": str(replay.id),
        "type": "events/replay",
        "resourceUri": f"{PATH}/{replay.id}",
        "workspaceId": replay.workspace_id,
        "state": replay.state.upper(),
        "webhookIds": [str(each) for each in wanted.webhooks],
        "filter": _filter(wanted),
        "missing": replay.missing,
        "ratePerSecond": replay.per_second,
        "createdBy": replay.created_by,
        "createdAt": writing.moment(replay.created_at),
        "updatedAt": writing.moment(replay.updated_at),
        "progress": {
            "found": progress.found,
            "foundAll": replay.found_all,
            "limited": replay.full,
            "waiting": progress.waiting,
            "underway": progress.underway,
            "delivered": progress.delivered,
            "failed": progress.failed,
            "skipped": sum(progress.skipped.values()),
            "skippedBecause": dict(progress.skipped),
            "cancelled": progress.cancelled,
        },
    }
    if replay.cursor is not None and scope is None:
        # How fast that moves is how busy all are.
        body["searchedUntil"] = writing.moment(event_keys.time_of(replay.cursor.event))
    return body | ({} if replay.ended_at is None else {"endedAt": writing.moment(replay.ended_at)})


def _filter(wanted: DeliveryFilter) -> dict[str, object]:
    moments = {"since": wanted.since, "until": wanted.until, "endedSince": wanted.ended_since}
    lists = {
        "states": list(wanted.states),
        "statusClasses": list(wanted.status_classes),
        "types": list(wanted.types),
        "ids": [str(each) for each in wanted.ids],
    }
    body: dict[str, object] = {name: values for name, values in lists.items() if values}
    body |= {name: writing.moment(when) for name, when in moments.items() if when is not None}
    return body | ({"reason": wanted.reason} if wanted.reason else {})


def _counted(counted: DryRun, following: str | None, per_second: float) -> dict[str, object]:
    return {
        "dryRun": True,
        "count": counted.count,
        "more": counted.more,
        "next": following,
        "rowsRead": counted.read,
        "searchedUntil": None if counted.seen_until is None else writing.moment(counted.seen_until),
        "ratePerSecond": per_second,
    }


def _place(services: Services, caller: Caller, after: str) -> DeliveryId | None:
    if not after:
        return None
    place = search_pages.unsealed(services, auth.scope(caller), after, source="field")
    try:
        return DeliveryId.parse(place)
    except ValueError:
        raise Refused(Issue(subject=search_pages.AFTER, description="is none that a count has named")) from None


def _scoped(caller: Caller, asked: ReplayRequest) -> ReplayRequest:
    """Raises Refused for another workspace than the caller's own, but of operators."""
    if auth.scope(caller) not in (None, asked.workspace_id):
        raise Refused(Issue(subject="workspaceId", description="is not the workspace of the token"))
    return asked


def _request(given: ReplayInput, caller: Caller) -> ReplayRequest:
    """Raises Refused, which names each field."""
    filtered, issues = given.filter, list[Issue]()
    if given.all is bool(given.webhook_ids or filtered.ids):
        said = "goes without webhookIds and ids" if given.all else NAMELESS
        issues.append(Issue(subject="all", description=said))
    states = [State(each) for each in filtered.states if each in set(State)]
    if len(states) < len(filtered.states):
        issues.append(Issue(subject="filter.states", description=f"are of {', '.join(State)}"))
    ids = []
    for place, each in enumerate(filtered.ids):
        try:
            ids.append(DeliveryId.parse(each))
        except ValueError:
            said = "is no delivery: those are <event>.<webhook>.<round>"
            issues.append(Issue(subject=f"filter.ids[{place}]", description=said))
    if issues:
        raise Refused(*issues[:20])
    wanted = DeliveryFilter(
        webhooks=tuple(given.webhook_ids),
        states=tuple(states),
        status_classes=tuple(filtered.status_classes),
        types=tuple(filtered.types),
        since=filtered.since,
        until=filtered.until,
        ended_since=filtered.ended_since,
        reason=filtered.reason,
        ids=tuple(ids),
    )
    return ReplayRequest(
        workspace_id=given.workspace_id or caller.workspace_id,
        wanted=wanted,
        missing=given.missing,
        per_second=given.rate_per_second,
    )


def _within(error: Refused) -> Refused:
    """Fields of the filter are named where they stand in the body."""
    return type(error)(
        *(
            Issue(subject=f"filter.{each.subject}", description=each.description) if each.subject in INSIDE else each
            for each in error.issues
        )
    )
