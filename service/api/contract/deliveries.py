"""The contract of recent deliveries: what was sent, what came back, and every attempt (greenlake.md 1.5).

What is done with them is left to `service/api/deliveries.py`; their operations stand with the webhooks.
"""

from service.api.contract.shapes import Json, array, composite, flag, given, literal, moment, ref, text, uuid, whole

PATH = "/events/v1beta1/webhooks"

_HEADERS: Json = {"type": "object", "additionalProperties": array(text())}
_TRIED: dict[str, Json] = {
    "id": text("The CloudEvent's id, or that of the batch."),
    "type": literal("events/deliveryFailure", "Also where it succeeded."),
    "httpResponseCode": whole("What the destination answered; 0: nothing."),
    "createdAt": moment("When the event was accepted."),
    "updatedAt": moment("When the last attempt ended."),
    "generation": whole("Attempts so far.", minimum=0),
    "requestHeaders": {
        **_HEADERS,
        "description": "As sent, each name with all its values; credentials are shown as `***`.",
    },
    "requestBody": composite(
        "The CloudEvent as structured JSON, also where it went in `binary` mode, with its data alone as the body, or in `onap` "
        "mode; an array of them for a batch."
    ),
}
_TRIED_TOO: dict[str, Json] = {
    "attempts": array(ref("Attempt"), "Ours: all of this delivery, in their order."),
    "reason": text("Ours: what the attempt came to, in words."),
    "erased": flag("Ours: its payload is gone, by age or on request; there where that is so."),
    "truncated": flag(
        "Ours, there where so: the page is full, so headers and bodies are cut, and `limit=1` shows them; or not all of "
        "the answer was kept, for it broke off, or was long and one of many: long values are `(482 bytes)` then."
    ),
    "batchId": uuid("The id of the batch."),
    "subject": text("`events.<workspace>.<webhook>`"),
}
_ANSWERED: dict[str, Json] = {
    "responseHeaders": {**_HEADERS, "description": "As received."},
    "responseBody": text("As received, cut at the configured length."),
    "resourceUri": text(f"`{PATH}/{{webhook}}`"),
}
_STATE: dict[str, Json] = {
    "status": text("", enum=["SUCCESS", "FAILURE"]),
    "retryStatus": text("RETRY: another attempt is to come.", enum=["RETRY", "NORETRY"]),
    "description": text("The event type; `Batch of 10 events` for a batch."),
}
_FAILURE = {"failureId": uuid("What a retry names; there while the delivery has not arrived.")}

SCHEMAS: dict[str, Json] = {
    "RecentDeliveryResponse": given(
        {**_TRIED, **_STATE, "responseBody": _ANSWERED["responseBody"]}, _TRIED_TOO | _ANSWERED | _FAILURE
    ),
    "DeliveryFailureRetry": given(
        {**_TRIED, **_ANSWERED, **_FAILURE},
        {**_TRIED_TOO, **_STATE, "message": text("What asking came to: submitted, under way already, or kept.")},
    ),
    "Attempt": given(
        {
            "number": whole("From 1 on.", minimum=1),
            "startedAt": moment("When it began."),
            "milliseconds": whole("How long it took.", minimum=0),
            "status": text("", enum=["SUCCESS", "FAILURE"]),
            "httpResponseCode": whole("What the destination answered; 0: nothing."),
            "reason": text("What it came to, in up to 200 characters."),
            "follows": text("WAIT: another one, once the webhook may be sent to.", enum=["ATTEMPT", "WAIT", "NOTHING"]),
        },
        {"nextAttemptAt": moment("When the next one began, or is due; absent where none is.")},
    ),
}
