"""The contract of event APIs: AsyncAPI documents, and the event types that they bring.

What is done with them is left to `service/api/event_apis.py`.
"""

from service.api.contract import api_access
from service.api.contract.operation import JSON, MERGE_PATCH, Operation, paging, parameter
from service.api.contract.shapes import (
    MOMENT,
    Json,
    array,
    composite,
    flag,
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

PATH = "/events/v1beta1/event-apis"
TAG = "Event documents"
_LINE = r"^[^\x00-\x1f\x7f]*$"
_PROSE = r"^[^\x00-\x08\x0b-\x1f\x7f]*$"
_SAMPLE = """asyncapi: 2.6.0
info: {title: Orders, version: '1.0'}
channels:
  com.example.order.placed:
    subscribe:
      message:
        payload: {type: object, properties: {number: {type: integer}}}
"""

_SINCE = text("RFC 3339: since when; the time of the request where nobody says.", format="date-time")
_VALUE = text("Such as 4.6.", minLength=1, maxLength=200, pattern=_LINE)
_FLAG = {"type": ["boolean", "null"], "default": False}
_ABOUT: dict[str, Json] = {
    "deprecated": _FLAG
    | {"description": "Whether others should be used instead: events of it carry CloudEvents' deprecation extension."},
    "deprecatedSince": {**_SINCE, "type": ["string", "null"]},
    "deprecatedIn": {**text("Since which version.", maxLength=200, pattern=_LINE), "type": ["string", "null"]},
    "sunset": {"type": ["string", "null"], "format": "date-time", "description": "RFC 3339: when it goes."},
    "migration": {
        "type": ["string", "null"],
        "maxLength": 200,
        "pattern": _LINE,
        "description": "An absolute URI of https or http: where to go instead.",
    },
    "forRemoval": _FLAG | {"description": "Whether the next version has it no more."},
}
_GIVEN_VERSION: Json = taken({"value": _VALUE}, _ABOUT)
_VERSION: Json = given(
    {
        "value": text("Such as 4.6."),
        "deprecated": flag("Whether others should be used instead."),
        "forRemoval": flag("Whether the next version has it no more."),
    },
    {
        "deprecatedSince": moment("Since when."),
        "deprecatedIn": text("Since which version."),
        "sunset": moment("When it goes."),
        "migration": text("Where to go instead."),
    },
)
_SUMMARY: dict[str, Json] = {
    "id": uuid(),
    "type": literal("events/event-api"),
    "resourceUri": text(),
    "name": text(),
    "description": text(),
    "group": text("What versions of one API have in common; empty: it stands alone."),
    "application": text("The publisher within the workspace that it describes; may be empty."),
    "version": _VERSION,
    "asyncapi": text(
        "The version of AsyncAPI that the document follows; empty where there is none, or its text is none."
    ),
    "format": text("Empty where there is no document yet.", enum=["JSON", "YAML", ""]),
    "error": text("Why its text is no AsyncAPI document; empty where it is one, or none came yet."),
    "origin": text("How it came here: `api`, `builtin` or `kyma`."),
    "digest": text("SHA-256 of the document, in hexadecimal digits."),
    "eventTypeCount": whole("Event types that it describes.", minimum=0),
    "generation": whole("Rises with each change.", minimum=1),
    "createdAt": moment("When it was registered."),
    "updatedAt": moment("When it was changed last."),
}
_OWNER: dict[str, Json] = {
    "workspaceId": text("Whose it is: shown to that workspace and to operators; absent where it is the operators'.")
}
_SECURITY = given({"name": text(), "type": text("Such as `oauth2`."), "description": text()})
_SERVER = given(
    {
        "name": text(),
        "url": text(),
        "protocol": text("Such as `kafka` or `https`."),
        "protocolVersion": text(),
        "description": text(),
        "security": array(_SECURITY),
    }
)
_SAID: dict[str, Json] = {
    "name": {"type": ["string", "null"], "minLength": 1, "maxLength": 200, "pattern": _LINE},
    "description": {"type": ["string", "null"], "maxLength": 2000, "pattern": _PROSE},
    "namedBy": text(
        "Who names the event types where neither `x-cloudevents-type` nor the CloudEvents attribute `type` does: the message, or "
        "its channel, as Kyma's documents do.",
        enum=["message", "channel"],
    ),
}
_WORDS = {"maxLength": 200, "pattern": _LINE}

SCHEMAS: dict[str, Json] = {
    "EventApi": given(
        {**_SUMMARY, "servers": array(_SERVER), "security": array(_SECURITY), "eventTypes": array(text())},
        {**_OWNER, **api_access.SHOWN}
        | {"warnings": array(text("What nothing came of; absent where there is nothing to say."))},
    ),
    "EventApiSummary": given(_SUMMARY, _OWNER),
    "EventApiList": page("EventApiSummary"),
    "EventApiInput": taken(
        {},
        {
            "document": {
                "type": ["string", "null"],
                "description": "AsyncAPI 1.x, 2.0 to 2.6, 3.0 or 3.1 as YAML or JSON; this, or a `fetchRequest`.",
            },
            **_SAID,
            **api_access.GIVEN,
            "group": text("What versions of one API have in common.", **_WORDS),
            "application": text("The publisher within the workspace that it describes.", **_WORDS),
            "version": {
                "anyOf": [_GIVEN_VERSION, {"type": "null"}],
                "description": "The document's own for want of one.",
            },
        },
        examples=[{"document": _SAMPLE, "group": "orders"}],
    ),
    "EventApiUpdate": taken(
        {},
        {
            **_SAID,
            **api_access.GIVEN,
            "name": text(minLength=1, maxLength=200, pattern=_LINE),
            "document": text("Stands in the place of the old one."),
            "group": {"type": ["string", "null"], **_WORDS},
            "version": taken(
                {}, {"value": _VALUE, **_ABOUT}, description="Members that are not given stay (RFC 7396)."
            ),
        },
        examples=[{"version": {"value": "1.0", "deprecated": True, "deprecatedSince": MOMENT}}],
    ),
    "DescribedEvent": given(
        {
            "id": uuid("Of this description of the type."),
            "eventType": text(),
            "version": text(),
            "revision": whole("Counts what was said of the type, from 1.", minimum=1),
            "dataschema": text("What events of this version have as `dataschema`; empty: nothing is said."),
            "contentType": text(),
            "schemaDialect": text("The dialect's URI, or the name of another schema language."),
            "payload": {"description": "The data's JSON Schema, complete in itself; null: there is none."},
            "headers": {"description": "The headers' JSON Schema; null: there is none."},
            "examples": array({}, "Examples of the data."),
            "attributes": array(
                given({"name": text(), "required": flag("Whether every event has it.")}),
                "What is asked of CloudEvents attributes: `const`, `pattern` or `enum` beside these.",
            ),
            "deprecated": flag("Whether other events should be used instead."),
            "title": text(),
            "summary": text(),
            "description": text(),
            "tags": array(text()),
            "channel": text("The channel's address or topic."),
            "correlationId": text("Where it stands, such as `$message.header#/correlationId`."),
            "bindings": composite("By `message`, `operation` and `channel`, as they stand in the document."),
        }
    ),
    "DescribedEventList": page("DescribedEvent"),
}

_FORCE = parameter(
    "force", text("", enum=["true", "false"]), "Also where webhooks have subscribed to types that are retired by it."
)
_BRINGS = (
    "The document is checked against the AsyncAPI Initiative's own JSON Schemas; each message that the application sends is an "
    "event type: `subscribe` in 1.x and 2.x, `send` in 3.x. A type is called as the message's `x-cloudevents-type` says, else as "
    "the CloudEvents attribute `type` is fixed by its headers, else by the message's name (in 1.x, and with `namedBy` `channel`, "
    "by the channel's address). Its subject in `errorDetails` is a JSON pointer into the document, with the line in the words. "
    "At most 1 MiB, 64 levels, 200,000 values, 10,000 aliases; `$ref` within the document alone. "
)

OPERATIONS = (
    Operation(
        method="POST",
        path=PATH,
        tag=TAG,
        id="registerEventApi",
        permission=Permission.CREATE_EVENT_TYPES,
        summary="Register an event API: an AsyncAPI document",
        description=_BRINGS
        + "409 for a type of another workspace, for one that another event API describes otherwise in the same "
        "version, and for a version that the group has. A workspace has so many (`HOOKLAKE_MAX_EVENT_APIS_PER_WORKSPACE`); over "
        "it, over its number of event types, and over its bytes of schemas (`HOOKLAKE_MAX_SCHEMA_BYTES_PER_WORKSPACE`): 403. A "
        "document whose application sends no message is taken, and `warnings` says that no type came of it.",
        body={JSON: ref("EventApiInput")},
        success=201,
        answer=ref("EventApi"),
        location=True,
        errors=(400, 409, 413, 422),
    ),
    Operation(
        method="GET",
        path=PATH,
        tag=TAG,
        id="listEventApis",
        permission=Permission.READ_EVENT_TYPES,
        summary="List event APIs, by name, the newest of a name first",
        query=(
            parameter("group", text("", maxLength=200), "Only the versions of this API."),
            parameter("eventType", text(""), "Only those that describe this event type."),
            parameter(
                "search", text("", maxLength=200), "Only those with this in name, description or group, in any case."
            ),
            *paging(50, 200),
        ),
        answer=ref("EventApiList"),
        errors=(400,),
    ),
    Operation(
        method="GET",
        path=PATH + "/{id}",
        tag=TAG,
        id="readEventApi",
        permission=Permission.READ_EVENT_TYPES,
        summary="Read one event API",
        answer=ref("EventApi"),
        errors=(404,),
    ),
    Operation(
        method="PATCH",
        path=PATH + "/{id}",
        tag=TAG,
        id="updateEventApi",
        permission=Permission.UPDATE_EVENT_TYPES,
        summary="Change an event API",
        description="Only what is given changes. A new document has to be compatible with the old one, or its version another: "
        "409 with a pointer for each change that consumers of the old one might not understand. Members may be added and choices "
        "become fewer; types, enumerations and bounds may not become wider, and nothing may vanish. A type that it leaves out is "
        "retired, with subscriptions by `force` alone. For the workspace that it belongs to, and for operators.",
        query=(_FORCE,),
        body={MERGE_PATCH: ref("EventApiUpdate")},
        answer=ref("EventApi"),
        errors=(400, 404, 409, 413, 415, 422),
    ),
    Operation(
        method="DELETE",
        path=PATH + "/{id}",
        tag=TAG,
        id="removeEventApi",
        permission=Permission.DELETE_EVENT_TYPES,
        summary="Remove an event API",
        description="The event types that it made, and no other event API describes, are retired: 409 where webhooks have "
        "subscribed to some of them, unless `force`. For the workspace that it belongs to, and for operators.",
        query=(_FORCE,),
        success=204,
        errors=(400, 404, 409),
    ),
    Operation(
        method="GET",
        path=PATH + "/{id}/document",
        tag=TAG,
        id="readEventApiDocument",
        permission=Permission.READ_EVENT_TYPES,
        summary="Read its document as it was given",
        description="`application/json` or `application/yaml`. Text that is no document, and one that was fetched with `auth`, "
        "is for its workspace and operators.",
        answer=text(),
        media_type="application/yaml",
        errors=(404,),
    ),
    Operation(
        method="GET",
        path=PATH + "/{id}/events",
        tag=TAG,
        id="listEventApiEvents",
        permission=Permission.READ_EVENT_TYPES,
        summary="List what it says of each event: schemas, examples, attributes",
        description="A page ends at 2 MiB, whatever its limit: the next one begins at `offset` plus `count`.",
        query=paging(50, 200),
        answer=ref("DescribedEventList"),
        errors=(400, 404),
    ),
)
