"""The contract of subscriptions (greenlake.md 1.6).

What is done with them is left to `service/api/subscriptions.py`.
"""

from service.api.contract import webhooks
from service.api.contract.operation import JSON, WITHIN, Operation, paging, parameter
from service.api.contract.shapes import (
    MOMENT,
    WEBHOOK,
    Json,
    array,
    either,
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

PATH = "/events/v1beta1/subscriptions"
TAG = "Subscriptions"
EXPIRING = "com.hpe.greenlake.subscriptions.v1.expiring-subscriptions"
SUBSCRIPTION = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
_URI = f"/events/v1beta1/webhooks/{WEBHOOK}"

FILTER = (
    "A condition on the event's `data`: `eq ne gt ge lt le in`, `startswith contains endswith`, `and or not` and "
    "parentheses over properties such as `status` or `audit_info/username`, with numbers, `'strings'`, timestamps, true, "
    "false and null. Empty: every event of the type. A filter that cannot be read is refused (400), naming the token and "
    "its place. At most 4,096 characters and 32 conditions (`property in (...)` is one). A filter that would take too many "
    "steps of an event (20,000 conditions, elements of arrays, and pieces of text) lets it pass, and its webhook's `stateReason` "
    "says so."
)
_PINNED: Json = {
    "type": ["string", "null"],
    "maxLength": 200,
    "description": "Ours: the version of the type that is understood, of those that event APIs describe: its events have that "
    "version's `dataschema`, or none where it is the current one. Every version for want of it.",
}
_EVENT_TYPE = text("One of the catalogue's.", minLength=1, examples=[EXPIRING])
_FILTER = either({"type": "string", "examples": ["status eq 'active' and quantity gt 4"]}, FILTER)
_EXAMPLE: Json = {
    "id": SUBSCRIPTION,
    "type": "events/subscription",
    "serviceManager": "HPE GreenLake Platform",
    "apiGroup": "subscriptions",
    "eventType": EXPIRING,
    "friendlyName": "Expiring subscriptions",
    "description": "A subscription expires in 1, 30, 60 or 90 days.",
    "resourceUri": f"{PATH}/{SUBSCRIPTION}",
    "webhook": {"resourceUri": _URI},
    "hpePrincipal": "user:0908777a-788f-45da-afb8-295c626e4d14",
    "createdBy": "Licence watch",
    "createdAt": MOMENT,
    "updatedBy": "Licence watch",
    "updatedAt": MOMENT,
    "generation": 1,
}


def reference(path: str) -> Json:
    """A webhook of these, as it is named in what comes in."""
    pattern = f"^{path}/[0-9a-fA-F]{{8}}(-[0-9a-fA-F]{{4}}){{3}}-[0-9a-fA-F]{{12}}$"
    return taken({"resourceUri": text("The path of the webhook.", pattern=pattern, examples=[f"{path}/{WEBHOOK}"])})


SETS = "/events/v1beta1/subscription-sets"
_NAME = {"name": text("The set's name.", minLength=1, maxLength=100, examples=["acm.inventory"])}

SCHEMAS: dict[str, Json] = {
    "WebhookReference": given({"resourceUri": text("The path of the webhook.", examples=[_URI])}),
    "WebhookReferenceInput": reference(webhooks.PATH),
    "SubscriptionInput": taken(
        {"eventType": _EVENT_TYPE, "webhook": ref("WebhookReferenceInput")},
        {"eventFilter": _FILTER, "version": _PINNED},
        examples=[{"eventType": EXPIRING, "webhook": {"resourceUri": _URI}}],
    ),
    "SubscriptionUpdate": taken(
        {
            "subscriptionId": uuid("The subscription to change."),
            "eventType": _EVENT_TYPE,
            "webhook": ref("WebhookReferenceInput"),
        },
        {"eventFilter": _FILTER, "version": _PINNED},
        examples=[
            {
                "subscriptionId": SUBSCRIPTION,
                "eventType": EXPIRING,
                "webhook": {"resourceUri": _URI},
                "eventFilter": "quantity gt 4",
            }
        ],
    ),
    "SubscriptionResponse": given(
        {
            "id": uuid(),
            "type": literal("events/subscription"),
            "serviceManager": text("Whose catalogue the event type stands in."),
            "apiGroup": text("Who publishes it."),
            "eventType": text(),
            "friendlyName": text("What people call the event type."),
            "resourceUri": text(f"`{PATH}/{{id}}`"),
            "webhook": ref("WebhookReference"),
            **made(),
            "generation": whole("Rises with each update.", minimum=0),
        },
        {
            "description": text("What the catalogue says of the type."),
            "category": text(
                "Ours: what follows from the type.", enum=["resource", "custom", "non-resource", "foreign"]
            ),
            "eventFilter": text("There where there is one."),
            "version": text("Ours: the version of the type that it understands; absent: all."),
            "subscriptionSet": text("Ours: the set that it was subscribed to in; absent where it was not."),
            "workspaceId": text("Ours, in operators' lists: whose it is."),
        },
        examples=[_EXAMPLE],
    ),
    "SubscriptionList": page("SubscriptionResponse"),
    "SubscriptionSet": given(
        {
            "name": text(examples=["acm.inventory"]),
            "type": literal("events/subscription-set"),
            "title": text("The consumer that it is made for."),
            "description": text(),
            "eventTypes": array(text(), "What is subscribed to in one go."),
            "resourceUri": text(f"`{SETS}/{{name}}`"),
        }
    ),
    "SubscriptionSetList": page("SubscriptionSet"),
    "SubscriptionSetInput": taken(
        {"webhook": ref("WebhookReferenceInput")}, examples=[{"webhook": {"resourceUri": _URI}}]
    ),
}

FILTERED = parameter(
    "filter",
    text(
        "",
        pattern="^(webhookId eq '[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}')?$",
        examples=[f"webhookId eq '{WEBHOOK}'"],
    ),
    "`webhookId eq '<uuid>'`; without it, those of all webhooks.",
)
_TYPED = parameter("eventType", text("", examples=[EXPIRING]), "Only those to this event type.")
IDS = parameter(
    "id", array(text("", format="uuid"), minItems=1), "Each id once.", required=True, style="form", explode=True
)

OPERATIONS = (
    Operation(
        method="POST",
        path=PATH,
        id="createSubscription",
        tag=TAG,
        permission=Permission.CREATE_SUBSCRIPTIONS,
        summary="Subscribe webhooks to event types",
        description="All of them or none; one object in the place of the array is taken, and answered by an array, too. "
        "Publications that begin after the answer are "
        "matched. At most 100 in one request. `Location` names the first. Over the limit of a webhook: 403 "
        "`HPE_GL_UNIFIED_EVENTS_REGISTRATION_FORBIDDEN`.",
        body={JSON: many("SubscriptionInput")},
        success=201,
        location=True,
        answer=array(ref("SubscriptionResponse")),
        errors=(400, 413, 422),
    ),
    Operation(
        method="GET",
        path=PATH,
        id="retrieveSubscriptions",
        tag=TAG,
        permission=Permission.READ_SUBSCRIPTIONS,
        summary="List subscriptions, newest first",
        query=(FILTERED, _TYPED, WITHIN, *paging(10, 100)),
        answer=ref("SubscriptionList"),
        errors=(400,),
    ),
    Operation(
        method="PATCH",
        path=PATH,
        id="updateSubscription",
        tag=TAG,
        permission=Permission.UPDATE_SUBSCRIPTIONS,
        summary="Replace the event type and the filter of subscriptions",
        description="All of them or none. Without `eventFilter` every event of the type is delivered. What was matched before is "
        "delivered all the same, retries included.",
        body={JSON: array(ref("SubscriptionUpdate"), minItems=1)},
        answer=array(ref("SubscriptionResponse")),
        errors=(400, 404, 413, 415, 422),
    ),
    Operation(
        method="DELETE",
        path=PATH,
        id="DeleteSubscription",
        tag=TAG,
        permission=Permission.DELETE_SUBSCRIPTIONS,
        summary="End subscriptions",
        description="All of them or none: `?id=<uuid>&id=<uuid>`. Publications that begin after the answer are matched without "
        "them. What was matched before is delivered all the same: to have it stopped, pause or delete the webhook.",
        query=(IDS,),
        success=204,
        errors=(400, 404),
    ),
    Operation(
        method="GET",
        path=SETS,
        id="listSubscriptionSets",
        tag=TAG,
        permission=Permission.READ_EVENT_TYPES,
        summary="List the subscription sets",
        description="Ours. A set is what one consumer of a shipped catalogue receives (`HOOKLAKE_CATALOGUES`): its types are "
        "subscribed to in one go, and count as one against the subscriptions that a webhook may have.",
        query=paging(200, 200),
        answer=ref("SubscriptionSetList"),
        errors=(400,),
    ),
    Operation(
        method="POST",
        path=SETS + "/{name}/subscriptions",
        id="createSubscriptionSet",
        tag=TAG,
        permission=Permission.CREATE_SUBSCRIPTIONS,
        summary="Subscribe a webhook to a set",
        description="All of it or nothing; answered with the subscriptions that are new. What the webhook is subscribed to "
        "already stays as it is. Each may be given a filter afterwards (PATCH); with another type it is of the set no more.",
        names=_NAME,
        body={JSON: ref("SubscriptionSetInput")},
        success=201,
        answer=array(ref("SubscriptionResponse")),
        errors=(400, 404, 413, 422),
    ),
    Operation(
        method="DELETE",
        path=SETS + "/{name}/subscriptions",
        id="deleteSubscriptionSet",
        tag=TAG,
        permission=Permission.DELETE_SUBSCRIPTIONS,
        summary="End what a webhook has subscribed to by a set",
        names=_NAME,
        query=(parameter("webhookId", text("", format="uuid"), "The webhook.", required=True),),
        success=204,
        errors=(400, 404),
    ),
    Operation(
        method="GET",
        path="/asyncapi.json",
        id="readAsyncApi",
        tag=TAG,
        permission=Permission.READ_SUBSCRIPTIONS,
        summary="What the webhooks of a workspace can receive, as AsyncAPI 3.0",
        description="Ours. A channel is a webhook, its messages are of the event types that it has subscribed to, in its content "
        "mode, each version with its schema, examples and deprecation. Operators name a workspace; theirs is taken otherwise. "
        "It has at most HOOKLAKE_ASYNCAPI_BYTES: `x-hooklake-left-out` names webhooks and event types that are left out, and a "
        "message's `x-hooklake-schema` is where a schema is that is.",
        query=(
            WITHIN,
            parameter("webhookId", text("", format="uuid"), "Describes this webhook alone."),
            parameter("eventType", array(text("", maxLength=256)), "Describes these types alone.", explode=True),
        ),
        answer={"type": "object", "description": "A document of AsyncAPI 3.0."},
        media_type="application/vnd.aai.asyncapi+json",
        errors=(400, 404),
    ),
)
