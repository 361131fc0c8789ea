"""The contract of event types' schemas.

What is done with them is left to `service/api/schemas.py`.
"""

from service.api.contract.operation import JSON, Operation, parameter
from service.api.contract.shapes import MOMENT, Json, array, either, given, moment, ref, text, whole
from service.auth import Permission

PATH = "/events/v1beta1"
TAG = "Catalogue"
_TYPE = {
    "eventType": text(
        "The event type; what it holds beside letters, digits, `.` and `-` is percent-encoded.", minLength=1
    )
}
_VERSION = parameter(
    "version", text(minLength=1, maxLength=64), "The name of a version; the newest where none is given."
)
_SCHEMA_ID = "01933b3e-6f00-7000-8000-000000000005"

VALIDATION = text(
    "What becomes of events whose `data` does not fit the type's schema: `off`, nothing is checked; `warn`, they are taken and "
    "counted; `reject`, they are refused with 422, each place named by a pointer.",
    enum=["off", "warn", "reject"],
)

SCHEMAS: dict[str, Json] = {
    "JsonSchema": {
        "type": "object",
        "description": "A JSON Schema: 2020-12, 2019-09, draft-07 or draft-04, as its `$schema` says; else 2020-12.",
        "examples": [{"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}}}],
    },
    "Misfits": given(
        {
            "warned": whole("Events that did not fit and were taken.", minimum=0),
            "rejected": whole("And that were refused.", minimum=0),
            "since": moment("When the first did not."),
            "lastAt": moment("When the last did not."),
            "sample": given(
                {
                    "id": text(),
                    "source": text(),
                    "at": text("RFC 3339."),
                    "faults": array(
                        given({"pointer": text("Into `data`."), "message": text()}), "The first five.", maxItems=5
                    ),
                },
                description="One of the newest: which event it was and what was wrong with it; nothing of its data.",
            ),
        }
    ),
    "EventTypeSchema": given(
        {
            "eventType": text(),
            "version": text("Schemas of one version are compatible, each with those before it."),
            "revision": whole("Rises with each schema that the type is given.", minimum=1),
            "dataschema": text(
                "What events that follow it have as `dataschema`; those that name none may follow it too."
            ),
            "resourceUri": text("Where the schema is served, for good."),
            "dialect": text("Its dialect of JSON Schema, as a URI."),
            "validation": VALIDATION,
            "createdAt": moment("When it was given."),
            "schema": ref("JsonSchema"),
        },
        {
            "misfits": either(
                ref("Misfits"),
                "Since the schema was given; null where all events fitted. For the type's workspace, of the events "
                "that it published itself, and for operators, of all; a process tells of its own within two seconds.",
            )
        },
        examples=[
            {
                "eventType": "com.hpe.greenlake.compute-ops.v1.servers.rebooted",
                "version": "1",
                "revision": 1,
                "dataschema": f"https://hooklake.example.com{PATH}/schemas/{_SCHEMA_ID}",
                "resourceUri": f"{PATH}/schemas/{_SCHEMA_ID}",
                "dialect": "https://json-schema.org/draft/2020-12/schema",
                "validation": "reject",
                "createdAt": MOMENT,
                "schema": {"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}}},
            }
        ],
    ),
}

OPERATIONS = (
    Operation(
        method="PUT",
        path=PATH + "/event-types/{eventType}/schema",
        tag=TAG,
        id="putEventTypeSchema",
        permission=Permission.UPDATE_EVENT_TYPES,
        summary="Give an event type a schema",
        description="What the `data` of its events is to be. It is checked against its meta-schema, and its `examples` against "
        "itself; at most 1 MiB, 10,000 values, 64 levels; references lead nowhere else; regular expressions have no look-around "
        "and no back-references; `format` is checked. Refusals name places as `schema` and a JSON pointer.\n\n"
        "Within a version a schema has to be compatible with the last: whatever fits the new one, whoever understood the old one "
        "could have met (members may be added where there was room for others; no type, choice or bound may become wider, no "
        "member may vanish). What is not is a 409 that names each place, and may come as another `version`. Earlier revisions "
        "go on being served, and events that name their `dataschema` are held to them.\n\nFor the workspace that the type "
        "belongs to, and for operators. Events are held to it when `validation` of the type says so.",
        names=_TYPE,
        query=(
            _VERSION,
            parameter(
                "dataschema",
                text(minLength=1),
                "The URI (a URN, too) that events name it by; where none is given, the URL that it is served at.",
            ),
        ),
        body={JSON: ref("JsonSchema")},
        success=201,
        answer=ref("EventTypeSchema"),
        errors=(400, 404, 409, 413, 422),
        others={200: {"description": "It stands already.", "content": {JSON: {"schema": ref("EventTypeSchema")}}}},
    ),
    Operation(
        method="GET",
        path=PATH + "/event-types/{eventType}/schema",
        tag=TAG,
        id="readEventTypeSchema",
        permission=Permission.READ_EVENT_TYPES,
        summary="Read an event type's schema",
        description="The one that was given last, and how many events did not fit.",
        names=_TYPE,
        query=(_VERSION,),
        answer=ref("EventTypeSchema"),
        errors=(400, 404),
    ),
    Operation(
        method="DELETE",
        path=PATH + "/event-types/{eventType}/schema",
        tag=TAG,
        id="deleteEventTypeSchema",
        permission=Permission.UPDATE_EVENT_TYPES,
        summary="Take an event type's schema away",
        description="All revisions that it was given by itself; none while events are held to them. For the workspace that the "
        "type belongs to, and for operators.",
        names=_TYPE,
        success=204,
        errors=(400, 404, 409),
    ),
    Operation(
        method="GET",
        path=PATH + "/schemas/{id}",
        tag=TAG,
        id="readSchema",
        permission=Permission.READ_EVENT_TYPES,
        summary="Read a schema by its URL",
        description="What a `dataschema` of this service leads to: the schema itself.",
        answer=ref("JsonSchema"),
        media_type="application/schema+json",
        errors=(404,),
    ),
)
