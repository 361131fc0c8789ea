"""The contract of erasing what events carried, ours and for operators.

What is done with it is left to `service/api/erasures.py`.
"""

from service.api.contract.operation import Operation, parameter
from service.api.contract.shapes import WORKSPACE, Json, given, ref, text, uuid
from service.auth import Permission

TAG = "Erasure"
_EVENTS = "/events/v1beta1/events"

SCHEMAS: dict[str, Json] = {
    "WorkspaceErasure": given(
        {"workspaceId": text("Whose payloads are erased."), "jobId": uuid("Of the job, as the log names it.")},
        examples=[{"workspaceId": WORKSPACE, "jobId": "0b8f6a52-9a43-4b6e-8f3d-0d3f3f6f1c11"}],
    ),
}

OPERATIONS = (
    Operation(
        method="DELETE",
        path=_EVENTS + "/{id}",
        tag=TAG,
        id="eraseEvent",
        permission=Permission.ERASE,
        summary="Erase what an event carried",
        description="Its body, also in batches, and what was sent and answered at its attempts. Ids, type, times and statuses "
        "stay. What waits of it ends `expired`: after the answer no attempt begins. Of one that was under way the answer is "
        "erased later. May be asked again.",
        names={"id": text("", minLength=1)},
        query=(
            parameter("source", text(), "The event's source, where the publisher chose the id."),
            parameter("workspaceId", text(), "Another workspace than the token's."),
        ),
        success=204,
        errors=(404,),
    ),
    Operation(
        method="DELETE",
        path=_EVENTS,
        tag=TAG,
        id="eraseWorkspace",
        permission=Permission.ERASE,
        summary="Erase what all events of a workspace carried",
        description="Those published up to now, as one by one. A job does it, which the answer does not wait for.",
        query=(parameter("workspaceId", text("", pattern="^[0-9a-f]{32}$"), "Whose.", required=True),),
        success=202,
        answer=ref("WorkspaceErasure"),
        errors=(400,),
    ),
)
