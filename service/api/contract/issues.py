"""The contract of issues, ours: what is wrong, and what people make of it.

What is done with it is left to `service/api/issues.py`.
"""

from delivery.issue_kinds import IssueKind, IssueState
from service.api.contract.operation import JSON, WITHIN, Operation, parameter
from service.api.contract.shapes import (
    WEBHOOK,
    WORKSPACE,
    Json,
    array,
    given,
    literal,
    moment,
    ref,
    taken,
    text,
    uuid,
    whole,
)
from service.auth import Permission

TAG = "Issues"
PATH = "/events/v1beta1/issues"
_ID = "01a222ac-2220-707f-954d-f9ee92ea0aa7"
_KINDS, _STATES = [str(kind) for kind in IssueKind], [str(state) for state in IssueState]

_EXAMPLE: Json = {
    "id": _ID,
    "type": "events/issue",
    "resourceUri": f"{PATH}/{_ID}",
    "kind": "delivery-failure",
    "state": "open",
    "summary": "214 attempts for billing failed: 503 Service Unavailable.",
    "remedy": "Look at the newest answer and mend the destination. What waits is tried again by itself.",
    "cause": "503 Service Unavailable",
    "reason": "503 Service Unavailable",
    "httpResponseCode": 503,
    "failedAttempts": 214,
    "deliveriesGivenUp": 0,
    "affectedEvents": ["01a222ac-1f00-7d1e-8a55-0c8a3c1b7a10"],
    "openedAt": "2024-04-29T15:25:06.194Z",
    "firstSeenAt": "2024-04-29T15:25:01.007Z",
    "lastSeenAt": "2024-04-29T15:51:40.500Z",
    "handledBy": "",
    "note": "",
    "workspaceId": WORKSPACE,
    "webhook": {"resourceUri": f"/events/v1beta1/webhooks/{WEBHOOK}"},
}

SCHEMAS: dict[str, Json] = {
    "IssueNote": taken(
        {},
        {
            "until": text(
                "Ahead, at most 366 days: the issue is open again then. A snooze asks for it; an issue that is acknowledged "
                "without it stays so for good.",
                format="date-time",
            ),
            "note": text("For people.", maxLength=500),
        },
        examples=[{"until": "2124-04-29T15:25:06.194Z", "note": "The team has been called."}],
    ),
    "DeliveryIssue": given(
        {
            "id": uuid(),
            "type": literal("events/issue"),
            "resourceUri": text("Its path."),
            "kind": text("The kind of fault, the worst first in this list.", enum=_KINDS),
            "state": text(
                "`resolved` comes by itself; what comes back is a new issue.",
                enum=_STATES,
            ),
            "summary": text("What is wrong, as a sentence."),
            "remedy": text("The one thing to do about it."),
            "cause": text(
                "What its failures have in common, `…` where they differ; of other kinds what tells issues apart."
            ),
            "reason": text("What was seen last, in words."),
            "httpResponseCode": whole("Of the last answer; 0 where there was none."),
            "failedAttempts": whole("Attempts that failed so since it was opened.", minimum=0),
            "deliveriesGivenUp": whole("Deliveries that were given up with one of them.", minimum=0),
            "affectedEvents": array(uuid(), "The `messageId` of a few events that it affects, the newest first."),
            "openedAt": moment("When it became an issue."),
            "firstSeenAt": moment("When it was seen first."),
            "lastSeenAt": moment("When it was seen last."),
            "handledBy": text("Who acknowledged, snoozed or reopened it last; empty: nobody."),
            "note": text("What they said."),
        },
        {
            "workspaceId": text("Whose it is; absent where it is the operators'."),
            "webhook": ref("WebhookReference"),
            "handledAt": moment("When they did."),
            "until": moment("When it is open again."),
            "resolvedAt": moment("Since when it is over."),
        },
        examples=[_EXAMPLE],
    ),
    "DeliveryIssues": given(
        {
            "items": array(ref("DeliveryIssue")),
            "count": whole("Items of this page.", minimum=0),
            "next": {
                "type": ["string", "null"],
                "description": "The `after` of the next page; null: this is the last.",
            },
        }
    ),
}


def _many(name: str, words: list[str], description: str) -> Json:
    schema = {"type": "array", "items": {"type": "string", "enum": words}, "maxItems": 100}
    return parameter(name, schema, description, style="form", explode=True)


def _move(name: str, summary: str, description: str) -> Operation:
    return Operation(
        method="POST",
        path=f"{PATH}/{{id}}/{name}",
        tag=TAG,
        id=f"{name}Issue",
        permission=Permission.UPDATE_WEBHOOKS,
        summary=summary,
        description=description,
        body={JSON: ref("IssueNote")},
        answer=ref("DeliveryIssue"),
        errors=(400, 404, 409, 413, 422),
    )


OPERATIONS = (
    Operation(
        method="GET",
        path=PATH,
        tag=TAG,
        id="listIssues",
        permission=Permission.READ_WEBHOOKS,
        summary="List issues",
        description="What is wrong, or was: failures of a webhook that are alike, and what else asks for somebody. The worst "
        "kinds first, and of each kind the newest.",
        query=(
            parameter("webhookId", uuid(), "Of this webhook."),
            _many("state", _STATES, "In any of these states; in any at all without it."),
            _many("kind", _KINDS, "Of any of these kinds."),
            WITHIN,
            parameter("after", text(), "The `next` of the page before."),
            parameter(
                "limit",
                {"type": "integer", "minimum": 1, "maximum": 999_999_999, "default": 50},
                "Items of a page; more than 200 are answered as 200.",
            ),
        ),
        answer=ref("DeliveryIssues"),
        errors=(400,),
    ),
    Operation(
        method="GET",
        path=PATH + "/{id}",
        tag=TAG,
        id="readIssue",
        permission=Permission.READ_WEBHOOKS,
        summary="Read one issue",
        answer=ref("DeliveryIssue"),
        errors=(404,),
    ),
    _move(
        "acknowledge",
        "Acknowledge an issue",
        "Somebody knows of it, until then or for good: it asks for nobody's attention.",
    ),
    _move("snooze", "Snooze an issue", "It is open again when the time comes, unless it has been resolved by then."),
    _move("reopen", "Reopen an issue", "Takes an acknowledgement or a snooze back."),
)
