"""The contract of the system API: reduced forms for services of the platform (greenlake.md 1.9).

What is done with them is left to `service/api/system.py`.
"""

from dataclasses import replace

from service.api.contract import subscriptions, webhooks
from service.api.contract.operation import JSON, MERGE_PATCH, Operation, paging
from service.api.contract.shapes import (
    MOMENT,
    WEBHOOK,
    Json,
    array,
    given,
    literal,
    made,
    many,
    page,
    ref,
    taken,
    text,
    uuid,
    whole,
)
from service.auth import Permission

WEBHOOKS = "/events/v1beta1/system-webhooks"
SUBSCRIPTIONS = "/events/v1beta1/system-subscriptions"
TAG = "System"
_URI = f"{WEBHOOKS}/{WEBHOOK}"
_NAME, _DESTINATION = (
    webhooks.SCHEMAS["WebhookRegistrationInput"]["properties"][name] for name in ("name", "destination")
)
_TYPE = subscriptions.SCHEMAS["SubscriptionInput"]["properties"]["eventType"]

SCHEMAS: dict[str, Json] = {
    "SystemWebhookInput": taken(
        {"name": _NAME, "destination": _DESTINATION},
        examples=[{"name": "Inventory", "destination": "https://example.com/hook"}],
    ),
    "SystemWebhookUpdate": taken(
        {}, {"name": _NAME, "destination": _DESTINATION}, examples=[{"destination": "https://example.com/hook"}]
    ),
    "SystemWebhookResponse": given(
        {
            "id": uuid(),
            "name": text(),
            "type": literal("events/webhook"),
            "destination": text(),
            "resourceUri": text(f"`{WEBHOOKS}/{{id}}`"),
            "generation": whole("Rises with each update.", minimum=1),
            **made(),
        },
        examples=[
            {
                "id": WEBHOOK,
                "name": "Inventory",
                "type": "events/webhook",
                "destination": "https://example.com/hook",
                "hpePrincipal": "user:0908777a-788f-45da-afb8-295c626e4d14",
                "resourceUri": _URI,
                "generation": 1,
                "createdBy": "operations",
                "createdAt": MOMENT,
                "updatedBy": "operations",
                "updatedAt": MOMENT,
            }
        ],
    ),
    "SystemWebhookReferenceInput": subscriptions.reference(WEBHOOKS),
    "SystemSubscriptionInput": taken(
        {"eventType": _TYPE, "webhook": ref("SystemWebhookReferenceInput")},
        examples=[{"eventType": subscriptions.EXPIRING, "webhook": {"resourceUri": _URI}}],
    ),
    "SystemSubscriptionUpdate": taken(
        {"subscriptionId": uuid(), "eventType": _TYPE, "webhook": ref("SystemWebhookReferenceInput")},
        examples=[
            {
                "subscriptionId": subscriptions.SUBSCRIPTION,
                "eventType": subscriptions.EXPIRING,
                "webhook": {"resourceUri": _URI},
            }
        ],
    ),
    "SystemSubscriptionResponse": given(
        {
            "id": uuid(),
            "type": literal("events/subscription"),
            "eventType": text(),
            "resourceUri": text(f"`{SUBSCRIPTIONS}/{{id}}`"),
            "webhook": ref("WebhookReference"),
            **made(),
            "generation": whole("Rises with each update.", minimum=0),
        }
    ),
    "SystemWebhookList": page("SystemWebhookResponse"),
    "SystemSubscriptionList": page("SystemSubscriptionResponse"),
}


_ORDINARY = {operation.id: operation for operation in (*webhooks.OPERATIONS, *subscriptions.OPERATIONS)}
_ABOUT = (
    "A service's own webhook, in the workspace of its operator client: it gets the events of that workspace. It is asked no "
    "challenge, and is signed with a secret that nobody is told; to check signatures, set one by "
    "`PATCH /events/v1beta1/webhooks/{id}`."
)


def _reduced(ordinary: str, identity: str, **more: object) -> Operation:
    """The ordinary operation on the system's path: what GreenLake declares for the one holds for the other."""
    operation = _ORDINARY[ordinary]
    path = operation.path.replace(webhooks.PATH, WEBHOOKS).replace(subscriptions.PATH, SUBSCRIPTIONS)
    given: dict[str, object] = {"path": path, "id": identity, "tag": TAG, "permission": Permission.SYSTEM, **more}
    return replace(operation, **given)  # type: ignore[arg-type]


OPERATIONS = (
    _reduced(
        "createWebhook",
        "createSystemWebhook",
        summary="Register a system webhook",
        description=_ABOUT,
        body={JSON: ref("SystemWebhookInput")},
        answer=ref("SystemWebhookResponse"),
    ),
    _reduced(
        "retrieveWebhooks",
        "retrieveSystemWebhooks",
        summary="List the system webhooks of all workspaces, newest first",
        description="",
        query=paging(100, 200),
        answer=ref("SystemWebhookList"),
    ),
    _reduced(
        "retrieveWebhook",
        "retrieveSystemWebhook",
        summary="Read one system webhook",
        answer=ref("SystemWebhookResponse"),
    ),
    _reduced(
        "updateWebhook",
        "updateSystemWebhook",
        summary="Change a system webhook",
        description="",
        body={MERGE_PATCH: ref("SystemWebhookUpdate")},
        answer=ref("SystemWebhookResponse"),
    ),
    _reduced("deleteWebhook", "deleteSystemWebhook", summary="Delete a system webhook"),
    _reduced(
        "createSubscription",
        "createSystemSubscription",
        summary="Subscribe system webhooks to event types",
        body={JSON: many("SystemSubscriptionInput")},
        answer=array(ref("SystemSubscriptionResponse")),
    ),
    _reduced(
        "retrieveSubscriptions",
        "retrieveSystemSubscriptions",
        summary="List the subscriptions of system webhooks, newest first",
        query=(subscriptions.FILTERED, *paging(10, 100)),
        answer=ref("SystemSubscriptionList"),
    ),
    _reduced(
        "updateSubscription",
        "updateSystemSubscription",
        summary="Replace the event type of system subscriptions",
        description="All of them or none.",
        body={JSON: array(ref("SystemSubscriptionUpdate"), minItems=1)},
        answer=array(ref("SystemSubscriptionResponse")),
    ),
    _reduced("DeleteSubscription", "deleteSystemSubscription", summary="End system subscriptions"),
)
