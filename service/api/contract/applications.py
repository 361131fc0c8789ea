"""The contract of applications: the named publishers of a workspace.

What is done with them is left to `service/api/applications.py`.
"""

from service.api.contract.operation import JSON, MERGE_PATCH, WITHIN, Operation, paging, parameter
from service.api.contract.shapes import (
    MOMENT,
    WEBHOOK,
    WORKSPACE,
    Json,
    either,
    given,
    literal,
    moment,
    page,
    ref,
    taken,
    text,
    uuid,
    whole,
)
from service.auth import Permission
from subscriptions.catalogue.applications import LONGEST, NAME

PATH = "/events/v1beta1/applications"
TAG = "Applications"
_ID = "5b0a5a3e-6f0e-4f0c-9d6e-0a6f1f2b7c11"
_PROSE: Json = {"maxLength": 2000, "pattern": r"^[^\x00-\x08\x0b-\x1f\x7f]*$"}
_HOOK = "Its own webhook, of the same workspace: it is told `eventUrl`. Null: it has none."
_TOLD = (
    "A webhook that is given to it as `webhookId` is sent one event, subscribed or not: "
    "`com.hpe.greenlake.events.v1beta1.applications.event-url`, whose data have the application's `id`, `name` and `eventUrl`."
)

SCHEMAS: dict[str, Json] = {
    "Application": given(
        {
            "id": uuid(),
            "type": literal("events/application"),
            "resourceUri": text(f"`{PATH}/{{id}}`"),
            "workspaceId": text("Whose it is."),
            "name": text("The `source` of its events. It is for good."),
            "description": text(),
            "webhookId": either(uuid(), _HOOK),
            "eventUrl": text("Where it posts its events."),
            "generation": whole("Rises with each change.", minimum=1),
            "createdAt": moment("When it was registered."),
            "updatedAt": moment("When it was changed last."),
        },
        examples=[
            {
                "id": _ID,
                "type": "events/application",
                "resourceUri": f"{PATH}/{_ID}",
                "workspaceId": WORKSPACE,
                "name": "shop",
                "description": "The web shop",
                "webhookId": WEBHOOK,
                "eventUrl": "https://hooklake.example/shop/v1/events",
                "generation": 1,
                "createdAt": MOMENT,
                "updatedAt": MOMENT,
            }
        ],
    ),
    "ApplicationList": page("Application"),
    "ApplicationInput": taken(
        {
            "name": text(
                "Unique in the workspace, by letter and case. First segments of this service's own paths are reserved.",
                pattern=f"^{NAME}$",
                maxLength=LONGEST,
            )
        },
        {
            "description": text(**_PROSE),
            "webhookId": {"anyOf": [uuid(), {"type": "null"}], "description": _HOOK},
            "workspaceId": {
                "type": ["string", "null"],
                "description": "Operators may name any workspace; without it it is the token's.",
            },
        },
        examples=[{"name": "shop", "description": "The web shop"}],
    ),
    "ApplicationUpdate": taken(
        {},
        {
            "description": {"type": ["string", "null"], **_PROSE},
            "webhookId": {"anyOf": [uuid(), {"type": "null"}], "description": _HOOK},
        },
        examples=[{"description": "The shop of the web"}],
    ),
}

OPERATIONS = (
    Operation(
        method="POST",
        path=PATH,
        tag=TAG,
        id="registerApplication",
        permission=Permission.CREATE_EVENT_TYPES,
        summary="Register an application: a named publisher",
        description="Event APIs that name it as their `application` are its own, those that were registered before it too. 409 "
        "for a name that the workspace has. A workspace has so many (`HOOKLAKE_MAX_APPLICATIONS_PER_WORKSPACE`); over it: 403. "
        + _TOLD,
        body={JSON: ref("ApplicationInput")},
        success=201,
        answer=ref("Application"),
        location=True,
        errors=(400, 409, 413, 422),
    ),
    Operation(
        method="GET",
        path=PATH,
        tag=TAG,
        id="listApplications",
        permission=Permission.READ_EVENT_TYPES,
        summary="List applications, by name",
        query=(
            parameter("search", text("", maxLength=200), "Only those with this in name or description, in any case."),
            WITHIN,
            *paging(50, 200),
        ),
        answer=ref("ApplicationList"),
        errors=(400,),
    ),
    Operation(
        method="GET",
        path=PATH + "/{id}",
        tag=TAG,
        id="readApplication",
        permission=Permission.READ_EVENT_TYPES,
        summary="Read one application",
        answer=ref("Application"),
        errors=(404,),
    ),
    Operation(
        method="PATCH",
        path=PATH + "/{id}",
        tag=TAG,
        id="updateApplication",
        permission=Permission.UPDATE_EVENT_TYPES,
        summary="Change an application",
        description="Only what is given changes. A name is for good: events have it as their `source`. " + _TOLD,
        body={MERGE_PATCH: ref("ApplicationUpdate")},
        answer=ref("Application"),
        errors=(400, 404, 413, 415, 422),
    ),
    Operation(
        method="DELETE",
        path=PATH + "/{id}",
        tag=TAG,
        id="removeApplication",
        permission=Permission.DELETE_EVENT_TYPES,
        summary="Remove an application",
        description="Its event APIs stay as they are, with their types, and keep its name: 409 where there are some, unless "
        "`force`.",
        query=(parameter("force", text("", enum=["true", "false"]), "Also where it has event APIs."),),
        success=204,
        errors=(400, 404, 409),
    ),
)
