"""The contract of webhooks and their deliveries (greenlake.md 1.1, 1.2, 1.3, 1.4, 1.5).

What is done with them is left to `service/api/webhooks.py` and `deliveries.py`.
"""

from service.api.contract import deliveries, tls, webhooks_shown
from service.api.contract.operation import JSON, MERGE_PATCH, WITHIN, Operation, paging, parameter
from service.api.contract.shapes import (
    Json,
    either,
    flag,
    given,
    moment,
    page,
    ref,
    taken,
    text,
    whole,
)
from service.api.contract.webhooks_shown import EXAMPLE, SHOWN, SHOWN_TOO
from service.auth import Permission
from subscriptions.webhooks.webhook_list import Sort

PATH = webhooks_shown.PATH
TAG = "Webhooks"

#: What a webhook can be told, beside `name`, `destination` and `secret`.
_GIVEN: dict[str, Json] = {
    "description": text("Up to 100 characters.", maxLength=100),
    "secondarySecret": text("A second live secret, while the first is being replaced; empty: there is none."),
    "authType": text(
        "`Oauth`, `APIKey` or empty, in any case. `APIKey` sends the key as the Authorization header, to the letter; `Oauth` "
        "fetches a token at `issuerUrl` by the client credentials grant and sends it as a bearer token. The challenge goes "
        "without, and once more with it where the destination answers 401 or 403."
    ),
    "clientId": text("For `Oauth`."),
    "clientSecret": text("For `Oauth`; never shown.", writeOnly=True),
    "issuerUrl": text("For `Oauth`: the token endpoint, whole."),
    "apiKey": text("For `APIKey`; never shown.", writeOnly=True),
    "batching": flag("Up to 10 events in one array, sent when the tenth is there or the oldest is a minute old."),
    "challengeRequestEnabled": flag(
        "Whether the destination has to answer a challenge first. A deployment may refuse false."
    ),
    "contentMode": text(
        "Ours: `json` (application/json), `structured` (application/cloudevents+json), `binary` (data as the body, attributes as "
        "`ce-` headers; arrays, and events without data or its type, go structured), `onap` (application/json in ONAP's legacy "
        "envelope, as `POST /events/v1beta1/onap` takes it; data that are no JSON go structured). Challenges too. In `binary`, "
        "data that are not UTF-8 cannot be verified by Standard Webhooks' libraries for Python and JavaScript, which read a body "
        "as text; of what is not JSON they fail after a right signature, unless told `jsonParse: false` (JavaScript), "
        "`json_parse=False` (Python, where the version has it).",
        examples=["json"],
    ),
}
_NAME = text(
    "1 to 50 letters, digits, spaces and `- . _ @`, unique in the workspace.",
    minLength=1,
    maxLength=50,
    pattern="^[A-Za-z0-9 ._@-]{1,50}$",
)
_DESTINATION = text(
    "An https URL that resolves to public addresses. Names are looked up when they are dialled, not here: one that leads "
    "elsewhere is accepted, fails its challenge, and `stateReason` says `... is not a public address`.",
    minLength=1,
    examples=["https://example.com/hook"],
)
_SECRET = text(
    "What deliveries are signed with, never shown: the UTF-8 bytes of this text are the key, also where it begins with `whsec_`. "
    "Nothing is decoded; libraries of Standard Webhooks are given `whsec_` + base64 of all of it.",
    minLength=4,
    maxLength=100,
    writeOnly=True,
)
#: In a change null sets a field back to what it is when nobody gives it.
_CHANGED = {
    name: either({k: v for k, v in schema.items() if k != "description"}, schema["description"])
    for name, schema in _GIVEN.items()
}

STATUS = parameter(
    "status",
    text("", enum=["PENDING", "ACTIVE", "WARNING", "ERROR", "DISABLED"]),
    "Only those of this status.",
)
_SEARCH = parameter(
    "search", text("", maxLength=200), "Only those with this in their name or destination, or whose id begins so."
)
_SORT = parameter(
    "sort",
    text("", enum=list(Sort), default=str(Sort.NEWEST)),
    "The order: registered last, by name, those that need somebody first (ERROR, WARNING, PENDING, DISABLED, ACTIVE), or by "
    "failures since the last success.",
)
_DRY_RUN = parameter(
    "dryRun", {"type": "boolean", "default": False}, "Registers nothing: 204 where it would, else what would be wrong."
)

SCHEMAS: dict[str, Json] = {
    "WebhookRegistrationInput": taken(
        {"name": _NAME, "destination": _DESTINATION, "secret": _SECRET},
        {**_GIVEN, "tls": tls.TOLD},
        examples=[{"name": "Licences", "destination": "https://example.com/hook", "secret": "a-shared-secret"}],
    ),
    "WebhookRegistrationUpdate": taken(
        {},
        {
            "name": _NAME,
            "destination": _DESTINATION,
            "secret": _SECRET,
            **_CHANGED,
            "tls": tls.TOLD,
            "paused": flag("True halts it (DISABLED), false starts it again with a challenge."),
        },
        examples=[{"secondarySecret": "the-next-secret"}],
    ),
    "WebhookResponse": given(SHOWN, SHOWN_TOO, examples=[EXAMPLE]),
    "WebhookVerification": given(
        {
            **SHOWN,
            "destinationResponse": given(
                {
                    "statusCode": whole("What the destination answered; 0: nothing."),
                    "message": text("The status in words, or why there was no answer.", examples=["OK"]),
                    "requestedRate": either({"type": "integer"}, "Deliveries per minute it asked for."),
                }
            ),
        },
        SHOWN_TOO,
        examples=[{**EXAMPLE, "destinationResponse": {"statusCode": 200, "message": "OK", "requestedRate": None}}],
    ),
    "Backlog": given(
        {
            "owed": whole("Deliveries under way, due, or waiting for their next attempt.", minimum=0),
            "parked": whole("Kept until the webhook may be sent to.", minimum=0),
            "collecting": whole("Waiting for their batch to close.", minimum=0),
            "more": flag("One of these was counted no further: there are more."),
        },
        {"keptSince": moment("When the oldest event of those that are kept was accepted; absent where none is.")},
    ),
    "WebhookList": page("WebhookResponse"),
    "RecentDeliveryList": page("RecentDeliveryResponse"),
    **deliveries.SCHEMAS,
}


def _operation(method: str, rest: str, permission: Permission, **more: object) -> Operation:
    return Operation(method=method, path=PATH + rest, tag=TAG, permission=permission, **more)  # type: ignore[arg-type]


OPERATIONS = (
    _operation(
        "POST",
        "",
        Permission.CREATE_WEBHOOKS,
        id="createWebhook",
        summary="Register a webhook",
        description="It is PENDING until its destination has answered a challenge, and gets events once it is ACTIVE. Over the "
        "limit of the workspace: 403 `HPE_GL_UNIFIED_EVENTS_REGISTRATION_FORBIDDEN`.",
        query=(_DRY_RUN,),
        body={JSON: ref("WebhookRegistrationInput")},
        others={204: {"description": "It would be registered."}},
        success=201,
        location=True,
        answer=ref("WebhookResponse"),
        errors=(400, 413, 422),
    ),
    _operation(
        "GET",
        "",
        Permission.READ_WEBHOOKS,
        id="retrieveWebhooks",
        summary="List the workspace's webhooks",
        description="For operators those of all workspaces, each with `workspaceId` and `backlog` (counted up to 1,000).",
        query=(STATUS, _SEARCH, _SORT, WITHIN, *paging(100, 200)),
        answer=ref("WebhookList"),
        errors=(400,),
    ),
    _operation(
        "GET",
        "/{id}",
        Permission.READ_WEBHOOKS,
        id="retrieveWebhook",
        summary="Read one webhook",
        description="With what waits for it, counted up to 10,000.",
        answer=ref("WebhookResponse"),
        errors=(404,),
    ),
    _operation(
        "PATCH",
        "/{id}",
        Permission.UPDATE_WEBHOOKS,
        id="updateWebhook",
        summary="Change a webhook",
        description="Only what is given changes; null sets a field back to what it is when nobody gives it. A change of the "
        "destination, the secrets or the credentials asks for a new challenge. A `destination` or `issuerUrl` of another origin "
        "(scheme, host or port) needs the `apiKey` or `clientSecret` again: what is stored is sent nowhere else.",
        body={MERGE_PATCH: ref("WebhookRegistrationUpdate")},
        answer=ref("WebhookResponse"),
        errors=(400, 404, 413, 415, 422),
    ),
    _operation(
        "DELETE",
        "/{id}",
        Permission.DELETE_WEBHOOKS,
        id="deleteWebhook",
        summary="Delete a webhook",
        description="Its name is free at once. While it has subscriptions it is refused (400) unless `force=true`.",
        query=(parameter("force", {"type": "boolean", "default": False}, "Delete its subscriptions too."),),
        success=204,
        errors=(400, 404),
    ),
    _operation(
        "POST",
        "/{id}/verify",
        Permission.READ_WEBHOOKS,
        id="webhookVerification",
        summary="Challenge a webhook now",
        description="One challenge, answered inline: 200 whatever the destination said. `status` tells the result, "
        "`destinationResponse` the answer. Of a webhook that is ACTIVE or WARNING a bad answer counts as one failed delivery "
        "and halts nothing. One at a time: while another is under way, 429.",
        answer=ref("WebhookVerification"),
        errors=(404,),
    ),
    _operation(
        "POST",
        "/{id}/promote-secret",
        Permission.UPDATE_WEBHOOKS,
        id="promoteWebhookSecret",
        summary="End a rotation: the second secret becomes the only one",
        description="As a PATCH of `secret` with the value of `secondarySecret`, and of that with null, but that nobody has to "
        "send it again: it asks for a new challenge. Without a second secret it is refused (400).",
        answer=ref("WebhookResponse"),
        errors=(400, 404),
    ),
    _operation(
        "GET",
        "/{id}/recent-deliveries",
        Permission.READ_WEBHOOKS,
        id="recentDeliveries",
        summary="List what was sent lately, with what was answered",
        description="One item per delivery, showing its last attempt whole and all of them in `attempts`, and one per try of a "
        "challenge, or of the OPTIONS that takes its place (its `description` is `OPTIONS`); the last 1,000 of the webhook, "
        "newest event first.",
        query=paging(200, 200),
        answer=ref("RecentDeliveryList"),
        errors=(400, 404),
    ),
    _operation(
        "POST",
        "/{id}/delivery-failures/{failureId}/retry",
        Permission.UPDATE_WEBHOOKS,
        id="deliveryFailuresRetry",
        summary="Send again what did not arrive",
        description="A delivery that waits for its next attempt goes out now; one that was given up begins anew. What has "
        "arrived meanwhile, or whose payload was erased, is refused (400).",
        answer=ref("DeliveryFailureRetry"),
        errors=(400, 404),
    ),
)
