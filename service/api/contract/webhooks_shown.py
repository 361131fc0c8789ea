"""What the contract shows of a webhook (greenlake.md 1.3).

What may be done with it, and what a registration may say, is left to `webhooks.py`.
"""

from service.api.contract import tls
from service.api.contract.shapes import (
    MOMENT,
    WEBHOOK,
    Json,
    either,
    flag,
    literal,
    made,
    moment,
    ref,
    text,
    uuid,
    whole,
)

PATH = "/events/v1beta1/webhooks"

SHOWN: dict[str, Json] = {
    "id": uuid(),
    "type": literal("events/webhook"),
    "name": text(),
    "description": text("Empty where there is none, as are all fields that are not used."),
    "destination": text("Where deliveries go."),
    "paused": flag("True: somebody halted it; its status is DISABLED."),
    "status": text(
        "PENDING: a challenge is under way. ACTIVE: deliveries go out. WARNING: they do, and some fail. ERROR: too many failed; "
        "a probing delivery heals it. DISABLED: halted. Events for a webhook that is PENDING, ERROR or DISABLED are kept.",
        enum=["ACTIVE", "DISABLED", "PENDING", "WARNING", "ERROR"],
    ),
    "resourceUri": text(f"`{PATH}/{{id}}`"),
    "generation": whole("Rises with each update.", minimum=1),
    **made(updated=False),
    "authType": text("", enum=["Oauth", "APIKey", ""]),
    "clientId": text(),
    "issuerUrl": text(),
    "dualSecret": flag("Whether a second secret is live."),
    "batching": flag("Whether events come in arrays."),
    "challengeRequestEnabled": flag("Whether the destination has to answer challenges."),
}
SHOWN_TOO: dict[str, Json] = {
    "stateReason": text(
        "Why it is not ACTIVE, what failed last, and when it is asked next.",
        examples=["HMAC validation failed. Please verify webhook secret."],
    ),
    "endpointRateLimit": either(
        {"type": "integer"}, "Deliveries per minute that the destination grants; -1: any number; null: it never said."
    ),
    "contentMode": text("Ours: the form that was asked for.", enum=["json", "structured", "binary", "onap"]),
    "tls": tls.SHOWN,
    "secretSince": moment("Ours: since when the secret is what it is; absent where that is older than was kept."),
    "secondarySecretSince": moment("Ours: likewise of the second one, while there is one."),
    "failures": whole(
        "Ours: attempts that failed since one succeeded; absent where none has, but in operators' lists.", minimum=0
    ),
    "lastFailureAt": moment("Ours: when one failed last; absent where none has."),
    "workspaceId": text("Ours, in operators' lists: whose it is."),
    "backlog": {**ref("Backlog"), "description": "Ours: what waits for it; absent where nothing does."},
}
EXAMPLE: Json = {
    "id": WEBHOOK,
    "type": "events/webhook",
    "name": "License Notification",
    "description": "Webhook for receiving license notifications",
    "destination": "https://example.com/new-endpoint",
    "paused": False,
    "status": "ACTIVE",
    "resourceUri": f"{PATH}/{WEBHOOK}",
    "generation": 1,
    "hpePrincipal": "user:0908777a-788f-45da-afb8-295c626e4d14",
    "createdBy": "Licence watch",
    "createdAt": MOMENT,
    "updatedAt": MOMENT,
    "authType": "",
    "clientId": "",
    "issuerUrl": "",
    "dualSecret": False,
    "batching": False,
    "challengeRequestEnabled": True,
    "endpointRateLimit": None,
    "contentMode": "json",
}
