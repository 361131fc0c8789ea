"""Replays: the list, and one of them with how far it is and what may be done with it.

What is to be sent again is chosen in `replay_forms.py`; what a replay does is left to `delivery/upkeep/replays.py`.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from uuid import UUID

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from delivery.upkeep.replays import Replay, ReplayQuery, ReplayState
from service import auth
from service.api import reading
from service.api import replays as api
from service.api.contract.replays import SKIPPED
from service.auth import Permission
from service.dashboard.frame import export, visitors
from service.dashboard.frame.rendering import redirect, render
from service.services import Services, services_of
from subscriptions.ground.errors import Absent, Conflicting, Issue, Refused

PATH = "/dashboard/replays"
PAGE = 50
COLUMNS = (
    *("Id", "Workspace", "State", "Found", "Waiting", "Under way", "Delivered", "Failed", "Skipped", "Cancelled"),
    *("A second", "By", "Begun", "Ended"),
)
STATES = (("", "Any"), *((str(each), each.capitalize()) for each in ReplayState))
#: What the last attempt came to, by class, in words.
CLASSES = {0: "no answer", 1: "1xx", 2: "2xx", 3: "3xx", 4: "4xx", 5: "5xx"}
#: Webhooks whose names a page tells.
NAMED = 5
SAID = {
    ReplayState.PAUSED: "Paused: nothing more is sent again until it is resumed.",
    ReplayState.RUNNING: "Resumed: it goes on at its rate.",
    ReplayState.CANCELLED: "Cancelled: nothing more is sent again. What was on its way goes on.",
}


async def listed(request: Request) -> Response:
    """GET /dashboard/replays?state=&after="""
    visitor = visitors.visitor(request)
    query = _query(request, visitor.workspace(request))
    if export.wanted(request):
        return export.answer(request, "replays", COLUMNS, _pages(request, query))
    found, total = await services_of(request).replays.listed(msgspec.structs.replace(query, limit=PAGE + 1))
    return render(
        request,
        "replays/list.html",
        query=query,
        found=found[:PAGE],
        following=found[PAGE - 1].id if len(found) > PAGE else None,
        total=total,
        states=STATES,
        summary=summary,
        share=share,
        may_ask=auth.may(visitor.caller, Permission.UPDATE_WEBHOOKS),
    )


async def _pages(request: Request, query: ReplayQuery) -> AsyncIterator[list[list[object]]]:
    before = query.before
    while True:
        found, _ = await services_of(request).replays.listed(msgspec.structs.replace(query, before=before))
        if not found:
            return
        yield [_row(each) for each in found]
        before = found[-1].id


def _row(of: Replay) -> list[object]:
    progress = of.progress
    counts = [progress.found, progress.waiting, progress.underway, progress.delivered, progress.failed]
    skipped = [sum(progress.skipped.values()), progress.cancelled]
    return [
        *(of.id, of.workspace_id, of.state, *counts, *skipped),
        *(of.per_second, of.created_by, of.created_at, of.ended_at),
    ]


def _query(request: Request, workspace: str | None) -> ReplayQuery:
    asked = request.query_params
    state = reading.choice(request, "state", [each.upper() for each in ReplayState]) if asked.get("state") else ""
    try:
        before = UUID(asked["after"]) if asked.get("after") else None
    except ValueError:
        said = "is none that a page of this list has linked to"
        raise Refused(Issue(subject="after", description=said, source="query.parameter")) from None
    found = ReplayState(state.lower()) if state else None
    return ReplayQuery(workspace_id=workspace, state=found, before=before, limit=PAGE)


async def shown(request: Request) -> Response:
    """GET /dashboard/replays/{id}"""
    visitor, services = visitors.visitor(request), services_of(request)
    wanted = reading.identifier(request, "id", "Replay")
    replay = await services.replays.read(auth.scope(visitor.caller), wanted)
    return render(
        request,
        "replays/one.html",
        replay=replay,
        share=share(replay),
        summary=summary(replay),
        meant=meant(replay),
        webhooks=await names(services, replay),
        others=len(replay.wanted.webhooks) - NAMED,
        skipped=[(SKIPPED[why], many) for why, many in replay.progress.skipped.items()],
        may_order=auth.may(visitor.caller, Permission.UPDATE_WEBHOOKS),
    )


def ordering(state: ReplayState) -> Callable[[Request], Awaitable[Response]]:
    """POST /dashboard/replays/{id}/pause, /resume or /cancel"""

    async def ordered(request: Request) -> Response:
        wanted = reading.identifier(request, "id", "Replay")
        said = SAID[state]
        try:
            await api.order(services_of(request), visitors.visitor(request).caller, wanted, state)
        except Conflicting:
            said = "It is over: nothing was changed."
        return redirect(path_of(request, wanted), said=said)

    return ordered


paused, resumed = ordering(ReplayState.PAUSED), ordering(ReplayState.RUNNING)
cancelled = ordering(ReplayState.CANCELLED)


def path_of(request: Request, replay: UUID) -> str:
    """The replay's page, in the workspace that is looked at."""
    chosen = request.query_params.get(visitors.NAME, "")
    return f"{PATH}/{replay}" + (f"?{visitors.NAME}={chosen}" if chosen else "")


def share(replay: Replay) -> float:
    """How much of what was found has been sent again, or was skipped, from 0 to 1: what was cancelled never will be."""
    progress = replay.progress
    if not progress.found:
        return 1.0 if replay.found_all else 0.0
    return (progress.delivered + progress.failed + sum(progress.skipped.values())) / progress.found


def summary(replay: Replay) -> str:
    """What it is of, in a line."""
    wanted = replay.wanted
    if replay.missing:
        said = "What was never owed"
    elif wanted.ids:
        said = f"{len(wanted.ids):,} chosen " + ("delivery" if len(wanted.ids) == 1 else "deliveries")
    elif wanted.states:
        said = "What is " + " or ".join(
            "waiting to be tried again" if each == "owed" else each for each in wanted.states
        )
    else:
        said = "What failed or expired"
    if wanted.ids:
        return said
    many = len(wanted.webhooks)
    return f"{said}, to {'every webhook' if not many else '1 webhook' if many == 1 else f'{many:,} webhooks'}"


def meant(replay: Replay) -> Sequence[tuple[str, object]]:
    """The filter beyond the line: name and value; moments as they are."""
    wanted = replay.wanted
    rows: list[tuple[str, object]] = [
        ("Event types", ", ".join(wanted.types)),
        ("Last answer", ", ".join(CLASSES[each] for each in wanted.status_classes)),
        ("Reason contains", wanted.reason),
        ("Accepted from", wanted.since),
        ("Accepted before", wanted.until),
        ("Ended from", wanted.ended_since),
    ]
    return [(name, value) for name, value in rows if value]


async def names(services: Services, replay: Replay) -> Sequence[tuple[UUID, str]]:
    """The first of its webhooks by name; of one that is gone the id."""
    found = []
    for webhook in replay.wanted.webhooks[:NAMED]:
        try:
            found.append((webhook, (await services.webhook_lifecycle.find(replay.workspace_id, webhook)).name))
        except Absent:
            found.append((webhook, str(webhook)))
    return found
