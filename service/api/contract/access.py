"""The contract of everything around: tokens, keys, health, and these descriptions themselves.

What is done with them is left to `service/api/tokens.py`, `health.py`, `openapi.py` and `reference.py`.
"""

from service.api.contract.operation import JSON, Operation
from service.api.contract.shapes import WORKSPACE, Json, array, flag, given, literal, ref, text, whole

TAG = "Access"
STATE = "Service"

_FAULT: Json = {"content": {JSON: {"schema": ref("TokenFault")}}}

SCHEMAS: dict[str, Json] = {
    "TokenRequest": given(
        {"grant_type": literal("client_credentials")},
        {"client_id": text("Here or by HTTP Basic."), "client_secret": text("Here or by HTTP Basic.")},
        examples=[
            {
                "grant_type": "client_credentials",
                "client_id": "0908777a-788f-45da-afb8-295c626e4d14",
                "client_secret": "the secret that was shown once",
            }
        ],
    ),
    "Token": given(
        {
            "access_token": text("A JWT, signed with ES256."),
            "token_type": literal("Bearer"),
            "expires_in": whole("Seconds.", minimum=1),
        }
    ),
    "TokenFault": given(
        {
            "error": text("As RFC 6749, 5.2 has it.", examples=["invalid_client"]),
            "error_description": text("What is wrong, in words."),
        }
    ),
    "Jwks": given({"keys": array({"type": "object"}, "Public keys as JWKs; `kid` names one.")}),
    "Health": given({"status": text()}, {"missing": text("What this process lacks.")}),
    "Carriers": given(
        {
            "status": text("`working`, or `not working`."),
            "missing": array(
                text(), "What keeps deliveries from being carried, or the audit log from being told, as sentences."
            ),
            "workers": given(
                {
                    "live": whole("Worker processes that spoke within 5 s."),
                    "slots": whole("Attempts that they could have in flight."),
                    "free": whole(
                        "Those of them that nothing holds: neither an attempt nor an outcome to be recorded."
                    ),
                }
            ),
            "beat": given({"live": whole("Processes of the clock that spoke within 10 s.")}),
            "broker": given(
                {
                    "answers": flag("Whether this process reaches it."),
                    "server": {
                        "type": ["string", "null"],
                        "description": "What it says it is, such as `redis 8.2.1`; null while it does not answer, and for "
                        "whoever asks without a good token.",
                    },
                    "warnings": array(
                        text(), "What about its settings or its memory endangers messages, as sentences."
                    ),
                    "waiting": {
                        "type": "object",
                        "description": "Messages that wait, by queue.",
                        "additionalProperties": {"type": "integer"},
                    },
                    "foreignTickets": whole(
                        "Tickets that the living workers took and that named no delivery of this database: another stack "
                        "uses its queues."
                    ),
                }
            ),
            "lastSweepSecondsAgo": {
                "type": ["number", "null"],
                "description": "Since somebody last looked for what is due; null: nobody knows of one.",
            },
            "clocks": array(
                given(
                    {
                        "process": text("`worker`, `beat` or `api`."),
                        "aheadSeconds": {
                            "type": "number",
                            "description": "How far its machine's clock is ahead of the database's; negative: behind.",
                        },
                    }
                ),
                "Processes whose machines' clocks are more than a second off. Their logs name them (`clock.differs`).",
            ),
        }
    ),
    "Error": given(
        {
            "httpStatusCode": whole("The status, again."),
            "errorCode": text("For programs.", examples=["HPE_GL_ERROR_BAD_REQUEST"]),
            "message": text("For people: what is wrong, and where."),
            "debugId": text("Names this one answer, in our log too.", format="uuid"),
        },
        {
            "errorDetails": array(
                {"anyOf": [ref("BadRequest"), ref("RetryInfo")]}, "What exactly, where there is more to say."
            )
        },
        examples=[
            {
                "httpStatusCode": 400,
                "errorCode": "HPE_GL_ERROR_BAD_REQUEST",
                "message": "name: must be 1 to 50 letters, digits, spaces and - . _ @",
                "debugId": "9d2698f2-0dd4-4870-b026-7e18c755e121",
                "errorDetails": [
                    {
                        "type": "hpe.greenlake.bad_request",
                        "issues": [
                            {
                                "source": "field",
                                "subject": "name",
                                "description": "must be 1 to 50 letters, digits, spaces and - . _ @",
                            }
                        ],
                    }
                ],
            }
        ],
    ),
    "BadRequest": given(
        {
            "type": literal("hpe.greenlake.bad_request"),
            "issues": array(
                given(
                    {
                        "source": text("", enum=["field", "header", "query.parameter"]),
                        "subject": text("Where: `name`, `[3].eventType`, a header, a parameter."),
                        "description": text("What is wrong there and what would be right."),
                    }
                )
            ),
        }
    ),
    "RetryInfo": given({"type": literal("hpe.greenlake.retry_info"), "retryAfterSeconds": whole("", minimum=0)}),
}

_KEPT: dict[int, Json] = {304: {"description": "It is what the tag in If-None-Match names."}}

_ELSEWHERE: dict[int, Json] = {
    303: {
        "description": "It is shown to those who sign in.",
        "headers": {"Location": {"schema": text("The dashboard's page.")}},
    }
}

OPERATIONS = (
    Operation(
        method="POST",
        path="/authorization/v2/oauth2/{workspaceId}/token",
        tag=TAG,
        id="issueToken",
        open=True,
        summary="Get a token",
        description="The client credentials grant (RFC 6749, 4.4). Tokens are good for 15 minutes.",
        names={"workspaceId": text("32 lower-case hexadecimal digits.", minLength=1, examples=[WORKSPACE])},
        body={"application/x-www-form-urlencoded": ref("TokenRequest")},
        answer=ref("Token"),
        errors=(413,),
        others={
            400: {"description": "The form cannot be read, or asks for another grant.", **_FAULT},
            401: {"description": "The client is not known, or its secret is another.", **_FAULT},
            429: {
                "description": "Too many wrong secrets from this address, of this client or of others.",
                "headers": {"Retry-After": {"required": True, "schema": {"type": "integer", "minimum": 1}}},
                **_FAULT,
            },
        },
    ),
    Operation(
        method="GET",
        path="/authorization/v2/jwks",
        tag=TAG,
        id="readKeys",
        open=True,
        summary="Read the public keys of tokens",
        answer=ref("Jwks"),
    ),
    Operation(
        method="GET",
        path="/health/live",
        tag=STATE,
        id="live",
        open=True,
        summary="Does the process live?",
        answer=ref("Health"),
    ),
    Operation(
        method="GET",
        path="/health/ready",
        tag=STATE,
        id="ready",
        open=True,
        summary="Can the process serve?",
        answer=ref("Health"),
        others={503: {"description": "It cannot; `missing` says why.", "content": {JSON: {"schema": ref("Health")}}}},
    ),
    Operation(
        method="GET",
        path="/health/workers",
        tag=STATE,
        id="workers",
        open=True,
        summary="Are deliveries carried?",
        answer=ref("Carriers"),
        others={
            503: {"description": "They are not; `missing` says why.", "content": {JSON: {"schema": ref("Carriers")}}}
        },
    ),
    Operation(
        method="GET",
        path="/openapi.json",
        tag=STATE,
        id="openapi",
        open=True,
        summary="Read this description as OpenAPI 3.1",
        answer={"type": "object"},
        others=_KEPT,
    ),
    Operation(
        method="GET",
        path="/docs",
        tag=STATE,
        id="docs",
        open=True,
        summary="Read this description as a page",
        media_type="text/html",
        answer=text(),
        others=_KEPT,
    ),
    Operation(
        method="GET",
        path="/docs/events",
        tag=STATE,
        id="docsEvents",
        open=True,
        summary="Read the event types as a page",
        description="Ours, where `HOOKLAKE_PUBLIC_CATALOGUE` is true; otherwise 303 to the dashboard's.",
        media_type="text/html",
        answer=text(),
        others=_ELSEWHERE,
    ),
    Operation(
        method="GET",
        path="/docs/events/{eventTypeId}",
        tag=STATE,
        id="docsEvent",
        open=True,
        summary="Read one event type as a page",
        description="Its versions, each with schema, examples and deprecation; its id is that of the catalogue's tree.",
        media_type="text/html",
        answer=text(),
        errors=(404,),
        others=_ELSEWHERE,
    ),
)
