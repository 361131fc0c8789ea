"""What became of an event (greenlake.md 1.11): every attempt for its own workspace, and how many there are for its publisher.

Publishing is left to `events.py`.
"""

from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from delivery.reports.traces import Trace, TracedDelivery
from service import auth
from service.api import deliveries, webhooks, writing
from service.services import services_of
from subscriptions.ground.errors import Absent

SOURCE = "an id that its publisher chose is found with ?source=, which is on the receipt"


async def read_event(request: Request) -> Response:
    """GET /events/v1beta1/events/{id}: what became of an accepted event.

    Every attempt, for its own workspace and for operators; who published it for another one sees how many there are.
    """
    trace, scope = await located(request), auth.scope(auth.caller(request))
    shown = _trace(trace)
    if scope in (None, trace.workspace_id) and any(trace.deliveries.values()):
        shown["webhooks"] = [_line(line) for line in await services_of(request).traces.lines(trace.key)]
    return writing.json(shown)


async def located(request: Request) -> Trace:
    """The event that a path and its query name; raises Absent, also for those of workspaces that the caller does not see.

    `{id}` is the receipt's `messageId` or `id`. Where the publisher chose that, `?source=` has to name the event's source, since
    two sources may share an id (and so may two workspaces: `workspaceId` names another one than the token's); it is found for
    as long as ids are remembered.
    """
    services, caller = services_of(request), auth.caller(request)
    wanted, asked = request.path_params["id"], request.query_params
    # Who may publish for other workspaces may see what became of it.
    scope = None if caller.any_workspace else auth.scope(caller)
    workspace = asked.get("workspaceId", caller.workspace_id)
    trace = None
    if "source" not in asked:
        trace = await services.traces.by_key(_key(wanted), scope)
    elif scope in (None, workspace):
        trace = await services.traces.by_id(workspace, asked["source"], wanted)
    if trace is None:
        raise Absent("Event", wanted, hint="" if "source" in asked else SOURCE)
    return trace


def _key(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise Absent("Event", text, hint=SOURCE) from None


def _trace(trace: Trace) -> dict[str, object]:
    return {
        "id": trace.id,
        "messageId": str(trace.key),
        "type": trace.type,
        "source": trace.source,
        "workspaceId": trace.workspace_id,
        "acceptedAt": writing.moment(trace.accepted_at),
        "deliveries": trace.deliveries,
        "spreading": trace.spreading,
        "erased": trace.erased,
    }


def _line(line: TracedDelivery) -> dict[str, object]:
    return {
        "resourceUri": f"{webhooks.PATH}/{line.webhook}",
        "state": line.state,
        "attempts": [deliveries.attempt(each) for each in line.attempts],
    }
