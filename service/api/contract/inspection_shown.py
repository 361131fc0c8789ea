"""The forms in which deliveries and events are shown to who looks at them: found, one by one, with their attempts.

Which operations answer them is left to `contract/inspection.py`.
"""

from delivery.lifecycle import State
from delivery.reports.waiting import WaitCause
from delivery.reports.why_not import WhyNot
from delivery.upkeep.by_hand import HandResult
from service.api.contract.shapes import (
    Json,
    array,
    composite,
    either,
    flag,
    given,
    literal,
    moment,
    ref,
    text,
    uuid,
    whole,
)

PATH = "/events/v1beta1/deliveries"

ID = text("`<event>.<webhook>.<round>`, of our own ids of both.", examples=[f"{'0' * 8}-0000-7000-8000-{'0' * 12}.…"])
_HEADERS: Json = {"type": "object", "additionalProperties": array(text())}
STATES = [str(each) for each in State]
_EVENT = either(
    composite(""), "The CloudEvent as structured JSON, to the letter; of a batch the array. Null once erased."
)

_NAMED: dict[str, Json] = {
    "messageId": uuid("Our own id of the event, or of the batch: the `webhook-id` of its requests."),
    "eventId": text("The CloudEvent's id, or that of the batch."),
    "source": text("The CloudEvent's source."),
    "eventType": text("The CloudEvent's type; empty for a batch."),
    "workspaceId": text("Whose it is."),
    "acceptedAt": moment("When the event was accepted, or the batch closed."),
}
_STANDS: dict[str, Json] = {
    "webhook": ref("WebhookReference"),
    "state": text("", enum=STATES),
    "attemptCount": whole("Attempts that ended.", minimum=0),
    "httpResponseCode": whole("What the destination answered last; 0: nothing, or it was not tried."),
    "reason": text("What the last attempt came to, or how it ended."),
}
_WHEN: dict[str, Json] = {
    "dueAt": moment("When it is due; there while it is owed."),
    "endedAt": moment("When it ended; there once it has."),
}
_DELIVERY: dict[str, Json] = {
    "id": ID,
    "type": literal("events/delivery"),
    "resourceUri": text(f"`{PATH}/{{id}}`"),
    **_NAMED,
    **_STANDS,
    "round": whole("0 as it was published, n the nth time it was sent again.", minimum=0),
    "erased": flag("Its payload is gone."),
}
_SEARCHED: dict[str, Json] = {
    "count": whole("Items of this page.", minimum=0),
    "next": either(text(), "What `after` takes for the next page; null where everything has been read."),
    "read": either(
        whole("", minimum=0),
        "How many were looked at for this page, of all workspaces: told to operators, null to others.",
    ),
    "searchedBackTo": either(
        moment(""),
        "Where the page is not full and there is more to read: how far it was read. `after` goes on from there. Null to "
        "who is no operator where rows of other workspaces were read, too: how far so many reach is not theirs to know.",
    ),
}
_STEP = "How long it took, in microseconds; absent where it was not taken, as on a connection that was kept."


def _microseconds(what: str) -> Json:
    return whole(f"{what}. {_STEP}", minimum=0)


SCHEMAS: dict[str, Json] = {
    "FoundDelivery": given(_DELIVERY, {"members": whole("How many events a batch has.", minimum=0), **_WHEN}),
    "FoundDeliveries": given({"items": array(ref("FoundDelivery")), **_SEARCHED}),
    "FoundEvent": given(
        {
            "type": literal("events/event"),
            **{name: _NAMED[name] for name in ("messageId", "source", "eventType", "workspaceId", "acceptedAt")},
            "id": _NAMED["eventId"],
            "webhooks": whole("How many webhooks it is owed to, counted up to 101.", minimum=0),
            "erased": flag("Its payload is gone."),
        },
        {"bytes": whole("Of its structured JSON; absent once erased.", minimum=0)},
    ),
    "FoundEvents": given({"items": array(ref("FoundEvent")), **_SEARCHED}),
    "DeliveryDetails": given(
        {
            **_DELIVERY,
            "lostAttemptCount": whole("Attempts whose process was lost.", minimum=0),
            "requestBody": _EVENT,
            "attempts": array(ref("AttemptDetails"), "The newest 50, in their order."),
            "rounds": array(
                given({"id": ID, "state": text("", enum=STATES), "attemptCount": whole("", minimum=0)}),
                "All of them, the newest first.",
            ),
        },
        {
            "wait": given(
                {"cause": text("", enum=[str(each) for each in WaitCause]), "text": text("In a sentence.")},
                {"until": moment("When that is over, as far as is known.")},
                description="Why it has not arrived yet; there while it has not ended.",
            ),
            "batch": given({"resourceUri": text("")}, description="The batch that carries it."),
            "members": whole("How many events a batch has.", minimum=0),
            **_WHEN,
        },
    ),
    "AttemptDetails": given(
        {
            "number": whole("From 1 on.", minimum=1),
            "startedAt": moment("When it began."),
            "milliseconds": whole("How long it took.", minimum=0),
            "status": text("", enum=["SUCCESS", "FAILURE"]),
            "httpResponseCode": whole("What the destination answered; 0: nothing."),
            "reason": text("What it came to, in words."),
            "requestHeaders": {**_HEADERS, "description": "As sent; credentials are shown as `***`."},
            "responseHeaders": {**_HEADERS, "description": "As received."},
            "responseBody": text("As received, cut at the configured length."),
            "truncated": flag("Less is kept of the answer than came."),
            "signedWith": array(
                text("", enum=["primary", "secondary", "replaced"]),
                "For each of HPE's signatures which secret of the webhook it was made with; `replaced`: one that it has no more.",
            ),
        },
        {"wire": ref("AttemptWire")},
    ),
    "AttemptWire": given(
        {
            "method": text(""),
            "url": text("The destination at that time."),
            "peer": text(
                "The address that was dialled; empty for one of an inside network, which operators alone see."
            ),
            "proxied": flag("It was dialled through the operator's proxy."),
            "keptConnection": flag("The connection had been kept since a request before."),
        },
        {
            "waitMicroseconds": _microseconds("Until the process had room for one more connection"),
            "lookUpMicroseconds": _microseconds("Looking the name up"),
            "connectMicroseconds": _microseconds("Connecting, the way through a proxy included"),
            "tlsMicroseconds": _microseconds("TLS"),
            "firstByteMicroseconds": _microseconds("From the request to the first byte of the answer"),
            "certificateUntil": moment("Until when the receiver's certificate holds; of a new connection with TLS."),
        },
        description="Where the request went; absent for attempts of releases that noted nothing.",
    ),
    "EventAudience": given(
        {
            **{name: _NAMED[name] for name in ("messageId", "source", "eventType", "workspaceId", "acceptedAt")},
            "id": _NAMED["eventId"],
            "event": _EVENT,
            "spreading": flag("More deliveries are still being written."),
            "deliveries": array(
                given({"id": ID, "resourceUri": text(""), **_STANDS}, _WHEN),
                "Of each webhook its newest round, by 100.",
            ),
            "next": either(uuid(), "What `after` takes for the next 100."),
            "others": array(
                ref("EventNotDelivered"), "Webhooks of the workspace that it was not owed to; with the first page."
            ),
            "othersCut": flag("There are more of them."),
        }
    ),
    "EventNotDelivered": given(
        {
            "webhook": ref("WebhookReference"),
            "why": text(
                "As far as is kept: of subscriptions, how they are today.", enum=[str(each) for each in WhyNot]
            ),
            "text": text("In a sentence."),
            "eventFilter": text("Today's; empty for none."),
            "version": text("The one version of the type that it understands today; empty for any."),
            "failed": array(
                given(
                    {
                        "condition": text("As it reads in the filter; with `not` before it, it holds and should not."),
                        "property": text(""),
                        "found": text("What the data have there, as JSON, cut; `not there` for nothing."),
                    }
                ),
                "The conditions that say no.",
            ),
            "now": flag("It would be owed to it, if it were published now."),
        }
    ),
    "DeliveryMoved": given(
        {
            "id": ID,
            "resourceUri": text("Of the round that stands now."),
            "result": text(
                "SUBMITTED: due now. UNDERWAY: an attempt is under way, and nothing was changed. WAITING: it goes out once the "
                "webhook may be sent to. CANCELLED: it is not sent.",
                enum=[str(each) for each in HandResult],
            ),
        }
    ),
}
