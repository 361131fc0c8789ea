"""The contract of test events: to one webhook alone, or published to all who have subscribed.

What is done with them is left to `service/api/testing.py`.
"""

from delivery.lifecycle import State
from service.api.contract import webhooks
from service.api.contract.operation import JSON, Operation
from service.api.contract.shapes import Json, composite, either, given, moment, ref, taken, text
from service.api.contract.subscriptions import EXPIRING
from service.auth import Permission

TAG = "Test events"

_TYPE = text("One of the catalogue's.", minLength=1, examples=[EXPIRING])
_DATA = either(
    composite(""), "The event's data, by the rules of its type's category; made up where nothing is given, or null."
)
_EXAMPLES: list[Json] = [{"eventType": EXPIRING}]

SCHEMAS: dict[str, Json] = {
    "WebhookTestInput": taken({"eventType": _TYPE}, {"data": _DATA}, examples=_EXAMPLES),
    "TestEventInput": taken(
        {"eventType": _TYPE},
        {"data": _DATA, "workspaceId": text("Whose event it is; the token's own where nothing is given.")},
        examples=_EXAMPLES,
    ),
    "WebhookTestReceipt": given(
        {
            "id": text("The event's id."),
            "messageId": text("The `webhook-id` of its delivery, except in arrays.", format="uuid"),
            "source": text("The event's source."),
            "type": text("The event type."),
            "acceptedAt": moment("When it was accepted, for good."),
            "state": text(
                "owed: it is sent now. parked: it is kept until the webhook may be sent to. collecting: it goes with its batch.",
                enum=[str(each) for each in (State.OWED, State.PARKED, State.COLLECTING)],
            ),
            "webhook": ref("WebhookReference"),
        }
    ),
}

OPERATIONS = (
    Operation(
        method="POST",
        path=webhooks.PATH + "/{id}/test",
        tag=TAG,
        id="webhookTest",
        permission=Permission.UPDATE_WEBHOOKS,
        summary="Send a test event to one webhook",
        description="An event of a type of the catalogue, with made-up data or the data given, is owed to this webhook alone, "
        "whether or not it has subscribed, and whatever its filter says. It is signed, retried and recorded as any other, and "
        "has the extension attribute `testevent`. It counts for the workspace's events of the minute.",
        body={JSON: ref("WebhookTestInput")},
        success=202,
        answer=ref("WebhookTestReceipt"),
        errors=(400, 404, 413, 422),
    ),
    Operation(
        method="POST",
        path="/events/v1beta1/test-events",
        tag=TAG,
        id="publishTestEvent",
        permission=Permission.TEST_EVENTS,
        summary="Publish a test event",
        description="An event of a type of the catalogue, with made-up data or the data given, for all of the workspace who "
        "have subscribed to it. It has the extension attribute `testevent`, and is otherwise published as any event is.",
        body={JSON: ref("TestEventInput")},
        success=202,
        answer=ref("Receipt"),
        errors=(400, 413, 422),
    ),
)
