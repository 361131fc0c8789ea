"""The contract of what event APIs say beside their documents: how one authenticates, external buses, where a document is fetched.

The members are Kyma's; what is made of them is left to `subscriptions/catalogue/api_access.py`.
"""

from service.api.contract.operation import Operation, parameter
from service.api.contract.shapes import Json, array, given, moment, ref, taken, text
from service.auth import Permission
from subscriptions.catalogue.api_access import MOST as MOST_BUSES
from subscriptions.catalogue.api_auth import LONGEST_URL, MASK, MOST, VALUES

_LINE: Json = {"minLength": 1, "maxLength": 256, "pattern": r"^[^\x00-\x1f\x7f]*$"}
_SECRET = text(f"Answered as `{MASK}`, which a change takes for the one that is kept.", minLength=1, maxLength=16384)
_URL: Json = {"minLength": 1, "maxLength": LONGEST_URL}
_TOKENS = text("The endpoint that gives tokens.", **_URL)
_VALUES: Json = {"type": "array", "items": {"type": "string", "maxLength": 4096}, "minItems": 1, "maxItems": VALUES}


def _nullable(schema: Json, description: str = "") -> Json:
    return {"anyOf": [schema, {"type": "null"}], **({"description": description} if description else {})}


def _bag(what: str) -> Json:
    return {
        "type": "object",
        "maxProperties": MOST,
        "additionalProperties": _VALUES,
        "description": f"{what}, each with its values, which are answered as `{MASK}`.",
    }


_HEADERS, _PARAMS = _bag("Headers"), _bag("Query parameters")
_AUTH = _nullable(ref("ApiAuth"))
_FETCH: dict[str, Json] = {
    "mode": text(
        "Other modes than SINGLE are kept, and fetching by them fails.",
        enum=["SINGLE", "BUNDLE", "PACKAGE", "INDEX"],
        default="SINGLE",
    ),
    "filter": text("One that is not empty is kept, and fetching by it fails.", maxLength=256),
    "auth": _nullable(
        ref("ApiAuth"), "Basic, OAuth with a secret, headers and query parameters; by anything else fetching fails."
    ),
    "namedBy": text("As beside `document`, which gives its default.", enum=["message", "channel"]),
}

SCHEMAS: dict[str, Json] = {
    "ApiCredential": taken(
        {},
        {
            "basic": _nullable(taken({"username": text(**_LINE), "password": _SECRET})),
            "oauth": _nullable(taken({"clientId": text(**_LINE), "clientSecret": _SECRET, "url": _TOKENS})),
            "certificateOAuth": _nullable(taken({"clientId": text(**_LINE), "certificate": _SECRET, "url": _TOKENS})),
        },
        description="One of the three.",
    ),
    "ApiAuth": taken(
        {},
        {
            "credential": _nullable(ref("ApiCredential")),
            "additionalHeaders": _HEADERS,
            "additionalQueryParams": _PARAMS,
            "requestAuth": _nullable(
                taken(
                    {},
                    {
                        "csrf": _nullable(
                            taken(
                                {"tokenEndpointURL": _TOKENS},
                                {
                                    "credential": _nullable(ref("ApiCredential")),
                                    "additionalHeaders": _HEADERS,
                                    "additionalQueryParams": _PARAMS,
                                },
                            )
                        )
                    },
                )
            ),
        },
        description="How one authenticates. A secret that is kept goes to no other origin than it was given for.",
        examples=[{"credential": {"basic": {"username": "reader", "password": "a-password"}}}],
    ),
    "ExternalSubscription": taken(
        {"url": text("Of the bus.", **_URL), "topic": text(**_LINE)},
        {
            "auth": _AUTH,
            "attributes": {
                "type": "object",
                "maxProperties": MOST,
                "additionalProperties": {"type": "string", "maxLength": 4096},
                "description": f"The bus's own settings; all but a few, such as `group.id`, are answered as `{MASK}`.",
            },
        },
    ),
    "FetchRequest": taken({"url": text("http or https.", **_URL)}, _FETCH),
    "FetchRequestShown": given(
        {
            "url": text(),
            "mode": text(),
            "status": given(
                {
                    "condition": text("`INITIAL` until it was tried.", enum=["INITIAL", "SUCCEEDED", "FAILED"]),
                    "message": text("Why it failed; empty where it did not."),
                    "timestamp": moment("Since when it is so."),
                }
            ),
        },
        {"filter": text(), "auth": ref("ApiAuth"), "namedBy": text()},
    ),
}

#: What is answered of it, to the workspace and to operators.
SHOWN: dict[str, Json] = {
    "auth": ref("ApiAuth"),
    "externalSubscriptions": array(ref("ExternalSubscription")),
    "fetchRequest": ref("FetchRequestShown"),
}
#: What may be given of it.
GIVEN: dict[str, Json] = {
    "auth": _nullable(
        ref("ApiAuth"), "How one authenticates to the API. It is kept for whoever may ask, and not used here."
    ),
    "externalSubscriptions": _nullable(
        array(ref("ExternalSubscription"), maxItems=MOST_BUSES),
        "Buses outside that carry the events; kept, and not used here.",
    ),
    "fetchRequest": _nullable(ref("FetchRequest"), "Where the document is fetched from, in the place of `document`."),
}

OPERATIONS = (
    Operation(
        method="POST",
        path="/events/v1beta1/event-apis/{id}/refetch",
        tag="Event APIs",
        id="refetchEventApi",
        permission=Permission.UPDATE_EVENT_TYPES,
        summary="Fetch its document again",
        description="How it went is in `fetchRequest.status`: a fetch that fails leaves the document that there is.",
        query=(
            parameter(
                "force",
                text("", enum=["true", "false"]),
                "Also where webhooks have subscribed to types that are retired by it.",
            ),
        ),
        answer=ref("EventApi"),
        errors=(400, 404),
    ),
)
