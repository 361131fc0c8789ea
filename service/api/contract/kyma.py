"""The contract of Kyma's publishing: the paths, codes and bodies of its publisher proxy.

What is done with them is left to `service/api/kyma.py`.
"""

from service.api.contract.operation import JSON, QUOTA, Operation
from service.api.contract.shapes import Json, array, given, ref, text, whole
from service.auth import Permission
from subscriptions.events.http_binding import STRUCTURED

TAG = "Kyma"
_NAMED = {
    "application": text(
        "The application that publishes. Any text of a URI's path, but none that a path of this service begins with.",
        minLength=1,
        examples=["commerce"],
    )
}
_WORDS = {"text/plain": {"schema": text(examples=["type: MUST be a non-empty string"])}}
_OURS = {JSON: {"schema": ref("Error")}}
_AGAIN = {name: {"required": True, "schema": schema} for name, schema in QUOTA.items()}

SCHEMAS: dict[str, Json] = {
    "LegacyEvent": given(
        {
            "event-type": text("What happened; with the version after a dot it is the event type.", minLength=1),
            "event-type-version": text("Such as `v1`; goes out as `eventtypeversion`, too.", pattern="[a-zA-Z0-9]"),
            "event-time": text("RFC 3339.", format="date-time"),
            "data": {"not": {"enum": [None, ""]}, "description": "Any JSON. Delivered to the letter."},
        },
        {
            "event-id": text(
                "The same one again is the same event. Where there is none, one is made, and answered.",
                pattern=r"^([0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})?$",
            )
        },
        examples=[
            {
                "event-type": "order.created",
                "event-type-version": "v1",
                "event-time": "2026-05-04T12:30:00.5Z",
                "data": {"orderCode": "42"},
            }
        ],
    ),
    "LegacyAnswer": given(
        {"event-id": text("The event's id, the publisher's or the one made here."), "status": text(), "reason": text()},
        examples=[{"event-id": "01933b3e-6f00-7000-8000-000000000001", "status": "", "reason": ""}],
    ),
    "LegacyError": given(
        {"status": whole("The status code.", minimum=400), "message": text("What is wrong.")},
        {
            "type": text(
                "Of a request that is refused.",
                enum=["validation_violation", "bad_payload_syntax", "request_body_too_large"],
            ),
            "moreInfo": text("The same in a sentence, where Kyma has one, or the rule is ours."),
            "details": array(
                given(
                    {
                        "field": text("A member of the event, or `application`."),
                        "type": text(enum=["missing_field", "invalid_field"]),
                        "message": text(),
                    }
                )
            ),
        },
        examples=[
            {
                "status": 400,
                "type": "validation_violation",
                "message": "Missing field",
                "details": [{"field": "event-type", "type": "missing_field", "message": "Missing field"}],
            }
        ],
    ),
    "SubscribedEvents": given(
        {"eventsInfo": array(given({"name": text("`event-type`."), "version": text("`event-type-version`.")}))},
        examples=[{"eventsInfo": [{"name": "order.created", "version": "v1"}]}],
    ),
    "SubscribedError": given({"code": whole("The status code.", minimum=400), "error": text("What is wrong.")}),
}


def _said(description: str, content: Json, **more: object) -> Json:
    return {"description": description, "content": content, **more}


_IN_WORDS = {
    400: _said("The event is refused: a line for each attribute that is wrong.", _WORDS),
    403: _said("The token's roles do not have the permission; or, as text, the catalogue has no room.", _WORDS | _OURS),
    409: _said("The `id` of the `source` has been used for another event.", _WORDS),
}
_LEGACY = {JSON: {"schema": ref("LegacyError")}}
_AS_LEGACY = {
    **{code: _said("The event is refused.", _LEGACY) for code in (400, 409, 413)},
    403: _said(
        "The token's roles do not have the permission; or the catalogue has no room, in the form of the others.",
        {JSON: {"schema": {"anyOf": [ref("Error"), ref("LegacyError")]}}},
    ),
    429: _said("As everywhere.", _LEGACY, headers=_AGAIN),
    503: _said("As everywhere.", _LEGACY, headers={"Retry-After": _AGAIN["Retry-After"]}),
}
_TYPES = (
    "A type that the catalogue does not know joins it, for the caller's workspace: it is marked (`origin` is `published`) until "
    "somebody registers it, and counts against the workspace's limit."
)


def _cloudevents(path: str, name: str, summary: str, description: str) -> Operation:
    return Operation(
        method="POST",
        path=path,
        tag=TAG,
        id=name,
        permission=Permission.PUBLISH,
        summary=summary,
        description=description,
        names=_NAMED if "{" in path else {},
        body={STRUCTURED: ref("CloudEvent")},
        success=204,
        errors=(404,) if "{" in path else (),
        others=_IN_WORDS,
    )


OPERATIONS = (
    _cloudevents(
        "/publish",
        "publishKymaCloudEvent",
        "Publish a CloudEvent as Kyma does",
        "One event, structured or binary, of `HOOKLAKE_MAX_EVENT_BYTES` (65,536) at most. 204 means kept for good. "
        "It is passed on as received, with the extensions of Kyma's "
        "publisher proxy where it does not have them itself: `originaltype`, which is the type, and from the request's headers "
        "`traceparent` and `b3traceid`, `b3parentspanid`, `b3spanid`, `b3sampled`, `b3flags`. " + _TYPES,
    ),
    _cloudevents(
        "/{application}/events",
        "publishApplicationCloudEvent",
        "Publish a CloudEvent under an application's name",
        "As `/publish`: the event's `source` stays what it is.",
    ),
    _cloudevents(
        "/{application}/v2/events",
        "publishApplicationCloudEventV2",
        "The same, by Kyma's other path",
        "As `/{application}/events`.",
    ),
    Operation(
        method="POST",
        path="/{application}/v1/events",
        tag=TAG,
        id="publishLegacyEvent",
        permission=Permission.PUBLISH,
        summary="Publish a legacy event of Kyma",
        description="Becomes a CloudEvent: `type` is `<event-type>.<event-type-version>`, to the letter, `source` the "
        "application, `eventtypeversion` the version; the rest as at `/publish`. The Content-Type is not looked at, and "
        "members beside these are left alone. " + _TYPES,
        names=_NAMED,
        body={JSON: ref("LegacyEvent")},
        answer=ref("LegacyAnswer"),
        errors=(404,),
        others=_AS_LEGACY,
    ),
    Operation(
        method="GET",
        path="/{application}/v1/events/subscribed",
        tag=TAG,
        id="listSubscribedEvents",
        permission=Permission.READ_EVENTS,
        summary="List what somebody has subscribed to",
        description="The types that webhooks of the workspace have subscribed to, those under our own prefix apart. A "
        "subscription here takes a type from any source, so that every application is told the same.",
        names=_NAMED,
        answer=ref("SubscribedEvents"),
        errors=(404,),
        others={
            400: _said("A query, where none is taken.", {JSON: {"schema": ref("SubscribedError")}}),
            503: _said(
                "As everywhere.",
                {JSON: {"schema": ref("SubscribedError")}},
                headers={"Retry-After": _AGAIN["Retry-After"]},
            ),
        },
    ),
)
