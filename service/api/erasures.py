"""Erasing payloads on request, for operators: one event's at once, a workspace's by a job.

What is erased is left to `delivery/upkeep/erasure.py`.
"""

import logging

from starlette.requests import Request
from starlette.responses import Response

from service import auth
from service.api import event_traces, writing
from service.services import services_of
from subscriptions.ground.errors import Issue, Refused

log = logging.getLogger("hooklake.service")


async def event(request: Request) -> Response:
    """`DELETE /events/v1beta1/events/{id}`: named as it is read. 204 once no attempt of it begins any more."""
    trace = await event_traces.located(request)
    await services_of(request).erasure.event(trace.key)
    log.info("erasure.event event=%s workspace=%s by=%s", trace.key, trace.workspace_id, auth.caller(request).client_id)
    return Response(status_code=204)


async def workspace(request: Request) -> Response:
    """`DELETE /events/v1beta1/events?workspaceId=`: 202 once it is written down; workers carry it out."""
    named = request.query_params.get("workspaceId", "")
    if not named:
        raise Refused(Issue(subject="workspaceId", description="is required", source="query.parameter"))
    job = await services_of(request).erasure.workspace(named)
    log.info("erasure.workspace workspace=%s job=%s by=%s", named, job, auth.caller(request).client_id)
    return writing.json({"workspaceId": named, "jobId": str(job)}, 202)
