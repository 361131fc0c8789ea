"""The contract of publishers, which GreenLake keeps to itself: occurrences, CloudEvents, and what became of an event.

What is done with them is left to `service/api/events.py`.
"""

from delivery.lifecycle import State
from service.api.contract.operation import JSON, Operation, parameter
from service.api.contract.shapes import (
    MOMENT,
    WORKSPACE,
    Json,
    array,
    composite,
    flag,
    given,
    literal,
    many,
    moment,
    ref,
    text,
    whole,
)
from service.auth import Permission
from subscriptions.events.http_binding import STRUCTURED
from subscriptions.events.onap_texts import FIELDS, PAYLOADS

TAG = "Publishing"
_ID = "01933b3e-6f00-7000-8000-000000000001"


def _maybe(description: str, **more: object) -> Json:
    return {"type": ["string", "null"], "description": description, **more}


SCHEMAS: dict[str, Json] = {
    "Occurrence": {
        "type": "object",
        "properties": {
            "apiGroup": text("Who publishes: lower-case letters, digits and single hyphens.", examples=["compute-ops"]),
            "apiVersion": text("Such as `v1`, `v1beta1`.", examples=["v1"]),
            "resourceCollection": _maybe(
                "What kind of resource; none for an event of no resource.", examples=["servers"]
            ),
            "event": text("What happened.", examples=["rebooted"]),
            "data": composite(
                "created and updated: the whole resource; deleted: its `type` and `id`. Delivered to the letter."
            ),
            "id": _maybe(
                "The publisher's own id; the same one again gets the same receipt, and nothing is sent twice."
            ),
            "time": _maybe("When it happened, RFC 3339; now where nothing is given."),
            "region": _maybe("The region in `source`; `global` where nothing is given."),
            "workspaceId": _maybe("Another workspace than the token's, for clients that may publish for any."),
            "correlationId": _maybe("Goes out as `correlationid`."),
            "partitionKey": _maybe("Goes out as `partitionkey`."),
            "dataschema": _maybe("A URI."),
            "traceparent": _maybe("W3C Trace Context."),
        },
        "patternProperties": {"^[a-z0-9]{1,20}$": {}},
        "additionalProperties": False,
        "required": ["apiGroup", "apiVersion", "event", "data"],
        "description": "Names of 1 to 20 lower-case letters and digits beside these are extension attributes, 64 at most.",
        "examples": [
            {
                "apiGroup": "compute-ops",
                "apiVersion": "v1",
                "resourceCollection": "servers",
                "event": "rebooted",
                "data": {"id": "server-1", "uptime": 1.0},
            }
        ],
    },
    "CloudEvent": {
        "type": "object",
        "properties": {
            "specversion": literal("1.0"),
            "id": text("Unique within its source.", minLength=1),
            "source": text("A URI reference.", minLength=1, examples=["//global.api.greenlake.hpe.com/compute-ops"]),
            "type": text("The event type.", minLength=1),
            "subject": _maybe("The workspace."),
            "datacontenttype": _maybe("The media type of `data`."),
            "dataschema": _maybe("A URI."),
            "time": _maybe("RFC 3339."),
            "data": {},
            "data_base64": _maybe("The data where it is bytes."),
        },
        "required": ["specversion", "id", "source", "type"],
        # A choice of types is what generators of clients fail at here.
        "additionalProperties": {},
        "description": "Members beside these are extension attributes: strings, booleans and integers; null is none.",
        "examples": [
            {
                "specversion": "1.0",
                "id": _ID,
                "source": "//global.api.greenlake.hpe.com/compute-ops",
                "type": "com.hpe.greenlake.compute-ops.v1.servers.rebooted",
                "subject": WORKSPACE,
                "datacontenttype": JSON,
                "time": MOMENT,
                "data": {"id": "server-1", "uptime": 1.0},
            }
        ],
    },
    "OnapEnvelope": {
        "type": "object",
        "properties": {
            "eventId": _maybe(
                "Becomes `id`; `eventID` is read too. Without one the event is given an id, and is not idempotent."
            ),
            "eventCorrelationId": _maybe("Becomes `correlationid`."),
            "eventTime": _maybe("`yyyy-MM-dd'T'HH:mm:ss.SSSZ` without a colon, or RFC 3339; becomes `time`."),
            "eventSource": _maybe("Becomes `source`; `ncmp` where there is none. `source` is read too."),
            "eventTarget": _maybe("Becomes `target`."),
            "eventType": _maybe("The event type; where there is none, the last name in eventSchema."),
            "eventSchema": _maybe("With its version it becomes `dataschema`, a URN."),
            "eventSchemaVersion": _maybe("Such as `v1`, `1.0`, `1.0.0`. `version` is read too."),
            "eventID": _maybe("The same as eventId."),
            "source": _maybe("The same as eventSource."),
            "version": _maybe("The same as eventSchemaVersion."),
            **{name: {"description": "The payload; becomes `data`."} for name in PAYLOADS},
        },
        "additionalProperties": False,
        "description": "One of the last four holds the payload; of several the data are an object that has all. null is none.",
        "examples": [
            {
                "eventId": "4c6dd8c2-8e5b-4b8e-9d1a-100000000001",
                "eventCorrelationId": "my-cm-handle-1",
                "eventTime": "2023-08-23T09:00:00.000+0000",
                "eventSource": "org.onap.ncmp",
                "eventType": "org.onap.ncmp.cmhandle-lcm-event.create",
                "eventSchema": "org.onap.ncmp:cmhandle-lcm-event",
                "eventSchemaVersion": "1.0",
                "event": {"cmHandleId": "my-cm-handle-1", "newValues": {"cmHandleState": "ADVISED"}},
            }
        ],
    },
    "Receipt": given(
        {
            "id": text("The event's id: the publisher's, or the one made here."),
            "messageId": text(
                "Our own id of the event, which finds it without `source`: the `webhook-id` of its deliveries, except in arrays.",
                format="uuid",
            ),
            "source": text("The event's source; with `id` it names the event."),
            "type": text("The event type."),
            "acceptedAt": moment("When it was accepted, for good."),
            "duplicate": flag("Whether it was accepted before; nothing is sent twice."),
            "matched": {
                "type": ["integer", "null"],
                "minimum": 0,
                "description": "To how many webhooks it is owed, after their filters; null while there are too many to be known.",
            },
        },
        examples=[
            {
                "id": _ID,
                "messageId": _ID,
                "source": "//global.api.greenlake.hpe.com/compute-ops",
                "type": "com.hpe.greenlake.compute-ops.v1.servers.rebooted",
                "acceptedAt": MOMENT,
                "duplicate": False,
                "matched": 1,
            }
        ],
    ),
    "EventTrace": given(
        {
            "id": text(),
            "messageId": text("Our own id of the event.", format="uuid"),
            "type": text(),
            "source": text(),
            "workspaceId": text(),
            "acceptedAt": moment("When it was accepted."),
            "deliveries": given(
                {str(state): whole("", minimum=0) for state in State},
                description="Webhooks by the state of their delivery.",
            ),
            "spreading": flag("Whether deliveries are still being written."),
            "erased": flag("Whether its payload is gone, by age or on request."),
        },
        {
            "webhooks": array(
                given(
                    {
                        "resourceUri": text("The path of the webhook."),
                        "state": text(
                            "Of its delivery; of several rounds the newest.", enum=[str(state) for state in State]
                        ),
                        "attempts": array(
                            ref("Attempt"), "All of them; those of a batch are in the webhook's recent deliveries."
                        ),
                    }
                ),
                "The first hundred, by id. For the event's own workspace and for operators.",
            )
        },
    ),
}

OPERATIONS = (
    Operation(
        method="POST",
        path="/events/v1beta1/occurrences",
        tag=TAG,
        id="publishOccurrences",
        permission=Permission.PUBLISH,
        summary="Publish what has happened",
        description="An array, taken whole or not at all; or one occurrence, which is answered by one receipt. Each becomes a "
        "CloudEvent of the type "
        "`com.hpe.greenlake.<apiGroup>.<apiVersion>.<resourceCollection>.<event>`, which has to be in the catalogue. 202 means "
        "kept for good. An `id` that is known with other content is a conflict (409) that names what differs; the order of "
        "members, extensions and headers does not count, the spelling of a number does.",
        body={JSON: many("Occurrence")},
        success=202,
        answer={"anyOf": [ref("Receipt"), array(ref("Receipt"))]},
        errors=(400, 409, 413, 422),
    ),
    Operation(
        method="POST",
        path="/events/v1beta1/cloudevents",
        tag=TAG,
        id="publishCloudEvents",
        permission=Permission.PUBLISH,
        summary="Publish CloudEvents made elsewhere",
        description="Structured mode as below; batch mode, an array of them, as `application/cloudevents-batch+json`; with any "
        "other Content-Type binary mode, the attributes in `ce-` headers and the data as the body. Values of these headers are "
        "percent-encoded: a bare `%`, or a character that is not ASCII, is a 400, and the SDKs of Go and JavaScript encode "
        "neither. Events are passed on as received.\n\nOther CloudEvents senders can be pointed here: where the "
        "deployment allows their `WebHook-Request-Origin`, OPTIONS answers with `WebHook-Allowed-Origin` and "
        "`WebHook-Allowed-Rate`, and the token may be given as `?access_token=`.",
        body={STRUCTURED: ref("CloudEvent")},
        success=202,
        answer={"anyOf": [ref("Receipt"), array(ref("Receipt"))]},
        errors=(400, 409, 413, 415, 422),
    ),
    Operation(
        method="POST",
        path="/events/v1beta1/onap",
        tag=TAG,
        id="publishOnapEvents",
        permission=Permission.PUBLISH,
        summary="Publish events in ONAP's legacy envelope",
        description="One envelope, or an array of them that is taken whole or not at all. Its fields stand in the body, or in "
        "headers of the same names (`eventId` ... `eventSchemaVersion`), which then are those of every envelope; where both "
        "tell a field they have to agree. Each becomes a CloudEvent, and a webhook with `contentMode: onap` is sent the envelope "
        "as it came. Its type has to be in the catalogue: ONAP's are, where `HOOKLAKE_CATALOGUES` names `onap`.",
        headers=tuple(
            {
                "name": name,
                "in": "header",
                "required": False,
                "description": f"{name} of each envelope.",
                "schema": text(),
            }
            for name in FIELDS
        ),
        body={JSON: many("OnapEnvelope")},
        success=202,
        answer={"anyOf": [ref("Receipt"), array(ref("Receipt"))]},
        errors=(400, 409, 413, 422),
    ),
    Operation(
        method="GET",
        path="/events/v1beta1/events/{id}",
        tag=TAG,
        id="readEvent",
        permission=Permission.READ_EVENTS,
        summary="See what became of an event",
        description="`id` is the receipt's `messageId`, or its `id`. Where the publisher chose that, `source` has to name the "
        "event's source, which is on the receipt too.",
        names={"id": text("", minLength=1)},
        query=(
            parameter("source", text(), "The event's source, where the publisher chose the id."),
            parameter("workspaceId", text(), "Another workspace than the token's, for those who see others."),
        ),
        answer=ref("EventTrace"),
        errors=(404,),
    ),
)
