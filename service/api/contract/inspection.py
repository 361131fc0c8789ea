"""The contract of looking at deliveries and events: searches, one of each, and what is done with one delivery (ours).

What they answer stands in `inspection_shown.py`, what is done with them in `service/api/inspection.py`.
"""

from collections.abc import Mapping

from delivery import delivery_filter
from service.api.contract.inspection_shown import ID, PATH, SCHEMAS, STATES
from service.api.contract.operation import WITHIN, Operation, parameter
from service.api.contract.shapes import Json, ref, text, uuid
from service.auth import Permission

__all__ = ["OPERATIONS", "SCHEMAS"]

TAG = "Deliveries and events"


def _many(name: str, items: Json, description: str) -> Json:
    return parameter(name, {"type": "array", "items": items, "maxItems": 100}, description, style="form", explode=True)


_LIMIT = parameter(
    "limit",
    {"type": "integer", "minimum": 1, "maximum": 999_999_999, "default": 50},
    "Items of a page; more than 200 are answered as 200.",
)
_AFTER = parameter("after", text(), "The `next` of the page before.")
_OF_EVENTS: tuple[Json, ...] = (
    parameter("eventId", text("", maxLength=500), "The event's id as its publisher gave it, or our own id of it."),
    parameter("source", text("", maxLength=500), "Its source; with its id it is found at once."),
    _many("eventType", text("", maxLength=500), "Any of these types."),
    parameter("since", text("", format="date-time"), "Accepted from then on."),
    parameter("until", text("", format="date-time"), "Accepted before then."),
    _many(
        "tag",
        text("", examples=["tenant:acme"]),
        "Attributes that the publisher set, as `name:value`; asks for `since`.",
    ),
    parameter("text", text("", maxLength=500), "A part of the event's data, to the letter; asks for `since`."),
)
_OF_DELIVERIES: tuple[Json, ...] = (
    _many("webhookId", uuid(), "Of any of these webhooks."),
    _many("state", text("", enum=STATES), "In any of these states."),
    _many(
        "statusClass", text("", enum=[str(each) for each in delivery_filter.STATUS_CLASSES]), "2 for 2xx; 0: no answer."
    ),
    _many("status", text("", pattern="^[1-9][0-9]{2}$"), "HTTP status of the last attempt."),
    parameter("reason", text("", maxLength=500), "A part of the reason, in any case."),
    _many("id", text(), "Deliveries by their ids."),
)
_BOUNDED = (
    "Newest first. A page looks at 10,000 deliveries at most, or for as long as a twelfth of a second: where that was not "
    "enough, `searchedBackTo` says how far it came, and `after` goes on from there. Nothing is counted beyond the page."
)
_NAMES: Mapping[str, Json] = {"id": ID}


def _move(name: str, id: str, summary: str, description: str) -> Operation:
    return Operation(
        method="POST",
        path=f"{PATH}/{{id}}/{name}",
        tag=TAG,
        id=id,
        permission=Permission.UPDATE_WEBHOOKS,
        names=_NAMES,
        summary=summary,
        description=description,
        answer=ref("DeliveryMoved"),
        errors=(400, 404),
    )


OPERATIONS = (
    Operation(
        method="GET",
        path=PATH,
        tag=TAG,
        id="searchDeliveries",
        permission=Permission.READ_WEBHOOKS,
        summary="Search deliveries",
        description=f"Over all webhooks. {_BOUNDED} What a batch carries is found with its batch.",
        query=(*_OF_DELIVERIES, *_OF_EVENTS, WITHIN, _AFTER, _LIMIT),
        answer=ref("FoundDeliveries"),
        errors=(400,),
    ),
    Operation(
        method="GET",
        path=PATH + "/{id}",
        tag=TAG,
        id="readDelivery",
        permission=Permission.READ_WEBHOOKS,
        names=_NAMES,
        summary="Read one delivery",
        description="How it stands, why it has not arrived yet, and each attempt with what was sent and answered, where it went, "
        "and how long each step took. Who may only look sees no signatures.",
        answer=ref("DeliveryDetails"),
        errors=(404,),
    ),
    _move(
        "retry",
        "retryDelivery",
        "Retry a delivery now",
        "What waits is due now; what ended without being delivered is owed again, as its next round.",
    ),
    _move(
        "resend",
        "resendDelivery",
        "Send a delivery again",
        "What has ended, delivered too, is owed again, as its next round, under the same `webhook-id`.",
    ),
    _move(
        "cancel",
        "cancelDelivery",
        "Cancel a delivery",
        "What waits is not sent any more. An attempt that is under way is left: it may have arrived.",
    ),
    Operation(
        method="GET",
        path="/events/v1beta1/events",
        tag=TAG,
        id="searchEvents",
        summary="Search events",
        description=_BOUNDED.replace("deliveries", "events"),
        query=(*_OF_EVENTS, WITHIN, _AFTER, _LIMIT),
        answer=ref("FoundEvents"),
        errors=(400, 403),
    ),
    Operation(
        method="GET",
        path="/events/v1beta1/event-audiences/{messageId}",
        tag=TAG,
        id="readEventAudience",
        permission=Permission.READ_WEBHOOKS,
        summary="Who an event went to, and who not",
        description="Its deliveries, and of the workspace's other webhooks why it was not owed to them: which part of a filter "
        "said no, and what the data have there. What is kept of subscriptions is how they are today: what is not known is said.",
        query=(_AFTER,),
        answer=ref("EventAudience"),
        errors=(400, 404),
    ),
)
