"""What a subscriber receives, for the document's `webhooks` section (greenlake.md 2, 3, D.5, D.6, D.7).

The bytes are made in `delivery/wire`; tests hold the two together.
"""

from service.api.contract.operation import JSON
from service.api.contract.shapes import MOMENT, WORKSPACE, Json, array, given, literal, ref, text

VERIFICATION = "com.hpe.greenlake.events.v1beta1.webhooks.verification"
_ID = "01933b3e-6f00-7000-8000-000000000001"
_HEX = "^sha256=[0-9a-f]{64}$"


def _header(name: str, description: str, *, required: bool, **schema: object) -> Json:
    return {
        "name": name,
        "in": "header",
        "required": required,
        "description": description,
        "schema": text("", **schema),
    }


HEADERS: tuple[Json, ...] = (
    _header(
        "HPE-Webhook-Signature",
        "`sha256=` and the lower-case hexadecimal HMAC-SHA256 of the body's bytes under the secret.",
        required=True,
        pattern=_HEX,
    ),
    _header(
        "HPE-Webhook-Signature2", "The same under the second secret, while there is one.", required=False, pattern=_HEX
    ),
    _header(
        "webhook-id",
        "Names the event or the batch; the same at every attempt: remember it to drop repetitions.",
        required=True,
    ),
    _header("webhook-timestamp", "Seconds since 1970, of this attempt.", required=True, pattern="^[0-9]+$"),
    _header(
        "webhook-signature",
        "Standard Webhooks: `v1,` and the base64 HMAC-SHA256 of `<id>.<timestamp>.<body>`, one for each live secret, apart by "
        "spaces. As the key of a library: `whsec_` and the secret's base64.",
        required=True,
    ),
    _header(
        "Authorization",
        "`Bearer <token>` for authType Oauth, the key to the letter for APIKey, absent without.",
        required=False,
    ),
)

SCHEMAS: dict[str, Json] = {
    "Event": given(
        {
            "specversion": literal("1.0"),
            "id": text("Unique within its source."),
            "source": text("Who tells: `//<region>.api.greenlake.hpe.com/<api group>`."),
            "type": text("The event type."),
        },
        {
            "subject": text("The workspace, 32 hexadecimal digits."),
            "datacontenttype": text("The media type of `data`."),
            "dataschema": text("Where the schema of `data` is described."),
            "time": text("When it happened, RFC 3339.", format="date-time"),
            "data": {"description": "What the publisher gave, key order and number literals untouched."},
        },
        description="A CloudEvent 1.0 in structured mode: compact JSON, raw UTF-8.",
        examples=[
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
    ),
    "VerificationEvent": given(
        {
            "data": given({"challengeRequest": text("What to prove the secret with.", format="uuid")}),
            "id": text("", format="uuid"),
            "source": text(),
            "specversion": literal("1.0"),
            "subject": text("The workspace."),
            "time": text("", format="date-time"),
            "type": literal(VERIFICATION),
        },
        {"datacontenttype": literal(JSON)},
        examples=[
            {
                "data": {"challengeRequest": "8cbecfea-d708-4706-bba3-669225084a10"},
                "datacontenttype": JSON,
                "id": "9d2698f2-0dd4-4870-b026-7e18c755e121",
                "source": "https://global.api.greenlake.hpe.com/events",
                "specversion": "1.0",
                "subject": WORKSPACE,
                "time": "2024-12-12T19:09:05Z",
                "type": VERIFICATION,
            }
        ],
    ),
    "VerificationAnswer": given(
        {
            "verification": text(
                "The lower-case hexadecimal HMAC-SHA256 of `challengeRequest` under the secret.",
                pattern="^[0-9a-fA-F]{64}$",
            )
        },
        # Of the challenge above under the secret s3cr3tKey.
        examples=[{"verification": "085b6a2ea9034fa67de9bba59e667a0bf63c341e7d50ab8015567205cf736e3d"}],
    ),
}

_ANSWERS: Json = {
    "2XX": {"description": "Received; it is not sent again."},
    "410": {"description": "Gone: the webhook is disabled at once."},
    "default": {"description": "Tried again, or a failure for good, as the delivery policy of the deployment says."},
}


def _post(identity: str, summary: str, description: str, content: Json, responses: Json) -> Json:
    return {
        "post": {
            "operationId": identity,
            # Apart from what is asked of the API, in what generators of clients make of it.
            "tags": ["Receiving"],
            "summary": summary,
            "description": description,
            "security": [],
            "parameters": list(HEADERS),
            "requestBody": {"required": True, "content": content},
            "responses": responses,
        }
    }


def _as(schema: Json, *media_types: str) -> Json:
    return {media_type: {"schema": schema} for media_type in media_types}


WEBHOOKS: Json = {
    "verification": _post(
        "receiveVerification",
        "The challenge",
        "Sent when a webhook is registered, changed or enabled, by verify, and to a webhook that has failed. Answer within 5 "
        "seconds; any 2xx with the right `verification` will do, whatever else it holds. With two secrets either may answer.",
        _as(ref("VerificationEvent"), JSON),
        {
            "2XX": {
                "description": "The proof that the receiver knows the secret.",
                "content": {JSON: {"schema": ref("VerificationAnswer")}},
            },
            "default": {
                "description": "Not verified: tried again after 2, 3 and 5 seconds, then the webhook is ERROR."
            },
        },
    ),
    "event": _post(
        "receiveEvent",
        "One event",
        "Answer 2xx within 15 seconds, before doing what takes long. With `contentMode: onap` it is an OnapEnvelope, the "
        "challenge too, and a batch is an array of them.",
        _as(ref("Event"), JSON, "application/cloudevents+json"),
        _ANSWERS,
    ),
    "batch": _post(
        "receiveBatch",
        "Several events",
        "For webhooks with `batching`: up to 10 events, possibly of different types, when the tenth is there or the oldest is a "
        "minute old. One answer and one signature for all; a batch that is sent again is the same bytes.",
        _as(array(ref("Event"), minItems=1, maxItems=10), JSON, "application/cloudevents-batch+json"),
        _ANSWERS,
    ),
}
