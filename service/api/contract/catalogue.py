"""The contract of the catalogue: event types, and the tree that they hang in (greenlake.md 1.10).

What is done with them is left to `service/api/catalogue.py`.
"""

from service.api.contract.operation import JSON, MERGE_PATCH, Operation, paging, parameter
from service.api.contract.schemas import VALIDATION
from service.api.contract.shapes import (
    MOMENT,
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
from service.api.contract.subscriptions import EXPIRING
from service.auth import Permission
from subscriptions.events.catalogue import Category

PATH = "/events/v1beta1"
TAG = "Catalogue"
_LINE = r"^[^\x00-\x1f\x7f]*$"
_PROSE = r"^[^\x00-\x08\x0b-\x1f\x7f]*$"

_DATED: dict[str, Json] = {
    "generation": whole("Rises with each update.", minimum=1),
    "createdAt": moment("When it was registered."),
    "updatedAt": moment("When it was changed last."),
}


def _item(kind: str, name: Json, **more: Json) -> Json:
    return {"id": uuid(), "name": name, "type": literal(kind), **more, **_DATED}


_CATEGORY = text(
    "Ours: what follows from the type. `resource`: created, updated or deleted, of a resource; `custom`: any other event of a "
    "resource; `non-resource`; `foreign`: of another prefix, passed on as it came.",
    enum=[str(each) for each in Category],
)

_ENTRY: dict[str, Json] = {
    "eventType": text(),
    "category": _CATEGORY,
    "apiGroup": text("Who publishes it."),
    "serviceManager": text("Whose catalogue it stands in."),
    "friendlyName": text("What people call it."),
    "description": text(),
}

_ORIGIN = text(
    "`registered`; or `published` while nobody has: an event of it was, at one of Kyma's paths. Registering it says otherwise.",
    enum=["registered", "published"],
)

_SAID: dict[str, Json] = {
    name: {"type": ["string", "null"], "maxLength": longest, "pattern": pattern}
    for name, longest, pattern in (
        ("friendlyName", 200, _LINE),
        ("description", 2000, _PROSE),
        ("apiGroup", 200, _LINE),
        ("serviceManager", 200, _LINE),
    )
}
_NAMED = {
    "eventType": text(
        "The event type; what it holds beside letters, digits, `.` and `-` is percent-encoded.", minLength=1
    )
}

SCHEMAS: dict[str, Json] = {
    "ServiceManager": given(
        _item("events/service-manager", text()),
        examples=[
            {
                "id": "00000000-0000-0000-0000-000000000000",
                "name": "HPE GreenLake Platform",
                "type": "events/service-manager",
                "generation": 1,
                "createdAt": MOMENT,
                "updatedAt": MOMENT,
            }
        ],
    ),
    "ApiGroup": given(_item("events/api-group", text("As `apiGroup` in subscriptions."))),
    "CatalogueEvent": given(
        _item("events/event", text("The event type."), friendlyName=text("What people call it.")),
        {"description": text("Ours: what has happened."), "category": _CATEGORY},
    ),
    "EventType": given(
        {**_ENTRY, "validation": VALIDATION, "origin": _ORIGIN, **_DATED},
        {
            "workspaceId": text(
                "Whose it is: shown to that workspace and to operators; absent where it is the operators'."
            )
        },
        examples=[
            {
                "eventType": EXPIRING,
                "category": "non-resource",
                "apiGroup": "subscriptions",
                "serviceManager": "HPE GreenLake Platform",
                "friendlyName": "Expiring subscriptions",
                "description": "A subscription expires in 1, 30, 60 or 90 days.",
                "validation": "off",
                "origin": "registered",
                "generation": 1,
                "createdAt": MOMENT,
                "updatedAt": MOMENT,
            }
        ],
    ),
    "EventTypeInput": taken(
        {
            "eventType": text(
                "`com.hpe.greenlake.<group>.<version>[.<collection>].<event>`, or any other CloudEvents type."
            )
        },
        _SAID,
        examples=[
            {"eventType": "com.hpe.greenlake.compute-ops.v1.servers.rebooted", "friendlyName": "Server rebooted"}
        ],
    ),
    "EventTypeUpdate": taken(
        {},
        {
            **_SAID,
            "workspaceId": {
                "type": ["string", "null"],
                "description": "Whose it is to be; null: the operators'. For operators alone.",
                "pattern": "^[0-9a-f]{32}$",
            },
            "validation": either(VALIDATION, "null: `off`. Anything else asks for a schema."),
        },
        examples=[{"friendlyName": "Server rebooted"}],
    ),
    "ServiceManagerList": page("ServiceManager"),
    "ApiGroupList": page("ApiGroup"),
    "CatalogueEventList": page("CatalogueEvent"),
    "EventTypeList": page("EventType"),
}

_SEARCH = parameter(
    "search", text("", maxLength=200), "Only those with this in their type, friendly name or description, in any case."
)

OPERATIONS = (
    Operation(
        method="GET",
        path=PATH + "/service-managers",
        tag=TAG,
        id="getservicemanagers",
        summary="List the service managers, by name",
        query=paging(200, 200),
        answer=ref("ServiceManagerList"),
        errors=(400,),
    ),
    Operation(
        method="GET",
        path=PATH + "/service-managers/{serviceManagerId}/api-groups",
        tag=TAG,
        id="getapigroups",
        summary="List the API groups of a service manager, by name",
        query=paging(200, 200),
        answer=ref("ApiGroupList"),
        errors=(400, 404),
    ),
    Operation(
        method="GET",
        path=PATH + "/api-groups/{apiGroupId}/events",
        tag=TAG,
        id="getevents",
        summary="List the event types of an API group, in alphabetical order",
        query=paging(200, 200),
        answer=ref("CatalogueEventList"),
        errors=(400, 404),
    ),
    Operation(
        method="GET",
        path=PATH + "/event-types",
        tag=TAG,
        id="listEventTypes",
        permission=Permission.READ_EVENT_TYPES,
        summary="List all event types, in alphabetical order",
        query=(_SEARCH, *paging(200, 200)),
        answer=ref("EventTypeList"),
        errors=(400,),
    ),
    Operation(
        method="POST",
        path=PATH + "/event-types",
        tag=TAG,
        id="registerEventType",
        permission=Permission.CREATE_EVENT_TYPES,
        summary="Register an event type",
        description="201 for a new one, 200 where it stands already, 409 where it stands with other details than are given. It "
        "belongs to the caller's workspace, or to operators: they alone change and retire it. A workspace has so many types "
        "(`HOOKLAKE_MAX_EVENT_TYPES_PER_WORKSPACE`), retired ones included; over it: 403 "
        "`HPE_GL_UNIFIED_EVENTS_REGISTRATION_FORBIDDEN`. Types of the API group `events` under the prefix, and all that end in "
        "`.webhooks.verification`, whatever their case, are sent by this service alone (400).",
        body={JSON: ref("EventTypeInput")},
        success=201,
        answer=ref("EventType"),
        errors=(400, 409, 413, 422),
        others={200: {"description": "It stands already.", "content": {JSON: {"schema": ref("EventType")}}}},
    ),
    Operation(
        method="GET",
        path=PATH + "/event-types/{eventType}",
        tag=TAG,
        id="readEventType",
        permission=Permission.READ_EVENT_TYPES,
        summary="Read one event type",
        description="400 with the right spelling for one that begins with `hpe.greenlake.` or `greenlake.hpe.`, as everywhere.",
        names=_NAMED,
        answer=ref("EventType"),
        errors=(400, 404),
    ),
    Operation(
        method="PATCH",
        path=PATH + "/event-types/{eventType}",
        tag=TAG,
        id="updateEventType",
        permission=Permission.UPDATE_EVENT_TYPES,
        summary="Change what an event type is called, or whose it is",
        description="Only what is given changes; null sets a detail back to what it is when nobody gives it. For the workspace "
        "that it belongs to, and for operators.",
        names=_NAMED,
        body={MERGE_PATCH: ref("EventTypeUpdate")},
        answer=ref("EventType"),
        errors=(400, 404, 413, 415, 422),
    ),
    Operation(
        method="DELETE",
        path=PATH + "/event-types/{eventType}",
        tag=TAG,
        id="retireEventType",
        permission=Permission.DELETE_EVENT_TYPES,
        summary="Retire an event type",
        description="It is in no list any more; within five seconds nothing is published under it, and nobody subscribes to it. "
        "Subscriptions that stand stay. For the workspace that it belongs to, which may register it again, and for operators: "
        "what they retire is theirs from then on.",
        names=_NAMED,
        success=204,
        errors=(400, 404),
    ),
)
