"""The contract of replays, ours: many deliveries sent again as one job.

What is done with them is left to `service/api/replays.py`.
"""

from delivery.delivery_filter import REASON, STATUS_CLASSES
from delivery.upkeep.replays import COUNTED, PER_SECOND, STATES, ReplayState, SkipReason
from service.api.contract.operation import JSON, WITHIN, Operation, paging, parameter
from service.api.contract.shapes import (
    MOMENT,
    WEBHOOK,
    WORKSPACE,
    Json,
    array,
    either,
    flag,
    given,
    literal,
    moment,
    page,
    ref,
    taken,
    text,
    uuid,
    whole,
)
from service.auth import Permission

TAG = "Replays"
PATH = "/events/v1beta1/replays"

#: Why what was found was not sent again, by its word.
SKIPPED: dict[SkipReason, str] = {
    SkipReason.DELIVERED: "it was delivered meanwhile",
    SkipReason.UNDERWAY: "it was under way when its turn came",
    SkipReason.WAITING: "it waits for its webhook or its batch",
    SkipReason.ERASED: "its payload was erased",
    SkipReason.GONE: "its records are kept no longer",
    SkipReason.DELETED: "its webhook was deleted",
    SkipReason.HALTED: "its webhook could not be sent to for as long as undelivered events are kept",
    SkipReason.TOO_OFTEN: "it was sent again as often as is counted",
}

_TIME = {"type": "string", "format": "date-time"}
_FILTER: dict[str, Json] = {
    "states": array(
        text("", enum=list(STATES)),
        "How the newest round of a delivery stands. Where none is named: failed and expired; of "
        "`ids` any of these. owed: it waits to be tried again, "
        "and is due at its turn then.",
    ),
    "statusClasses": array(
        {"type": "integer", "enum": list(STATUS_CLASSES)}, "Of the last attempt: 4 for 4xx; 0: no answer."
    ),
    "types": array(text(), "Of events; a batch has none."),
    "since": {**_TIME, "description": "Events that were accepted from then on."},
    "until": {**_TIME, "description": "Events that were accepted before then; what comes after the request never is."},
    "endedSince": {**_TIME, "description": "What ended from then on: all that has failed since a moment."},
    "reason": text("A part of the reason of the last attempt, in any case.", maxLength=REASON),
    "ids": array(text("`<event>.<webhook>.<round>`"), "Deliveries one by one."),
}
_COUNTS: dict[str, Json] = {
    "found": whole("What is meant, so far as it was searched.", minimum=0),
    "foundAll": flag("Whether all was searched."),
    "limited": flag("It left off searching, for it has as many as one may have (`HOOKLAKE_REPLAY_ROWS`)."),
    "waiting": whole("Found, and to be sent.", minimum=0),
    "underway": whole("Owed again, and neither delivered nor failed.", minimum=0),
    "delivered": whole("", minimum=0),
    "failed": whole("Given up again, expired or cancelled.", minimum=0),
    "skipped": whole("Found, and not sent again.", minimum=0),
    "skippedBecause": {
        "type": "object",
        "additionalProperties": {"type": "integer"},
        "description": "How many by reason: " + "; ".join(f"{word}: {said}" for word, said in SKIPPED.items()) + ".",
    },
    "cancelled": whole("Found, and not sent, for the replay was cancelled.", minimum=0),
}

SCHEMAS: dict[str, Json] = {
    "ReplayFilter": taken({}, _FILTER),
    "ReplayInput": taken(
        {},
        {
            "workspaceId": text("Whose deliveries: the token's own where nothing is given; any for operators."),
            "webhookIds": array(uuid(), "To these webhooks."),
            "all": flag(
                "To every webhook of the workspace; to be said where neither webhooks nor deliveries are named."
            ),
            "filter": ref("ReplayFilter"),
            "missing": flag(
                "Not what failed, but what was never owed: events of types that a webhook is subscribed to now, that its event "
                "filter wants, and that it has no delivery of, because it was registered or subscribed later. The filter may "
                "have types, since and until then."
            ),
            "ratePerSecond": {
                "type": "number",
                "exclusiveMinimum": 0,
                "default": PER_SECOND,
                "description": "Deliveries that become due in a second, at most; the deployment sets the highest.",
            },
            "dryRun": flag(f"Nothing is sent: what is meant is counted, up to {COUNTED}."),
            "after": text("With `dryRun`: it is counted on from where a count before left off, which is its `next`."),
        },
        examples=[
            {"webhookIds": [WEBHOOK], "filter": {"endedSince": MOMENT, "statusClasses": [5, 0]}, "dryRun": True},
        ],
    ),
    "ReplayCount": given(
        {
            "dryRun": flag(""),
            "count": whole("How many it would send again now.", minimum=0),
            "more": flag("It left off counting: there may be more."),
            "next": either(text(), "What `after` takes to count on from there; null at the end."),
            "rowsRead": either(
                whole("", minimum=0), "Rows that it read for it, of all workspaces: told to operators, null to others."
            ),
            "searchedUntil": either(
                moment(""),
                "Everything that was accepted before then was looked at. Null to who is no operator where there is `more`.",
            ),
            "ratePerSecond": {"type": "number"},
        }
    ),
    "ReplayProgress": given(_COUNTS),
    "Replay": given(
        {
            "id": uuid(),
            "type": literal("events/replay"),
            "resourceUri": text(f"`{PATH}/{{id}}`"),
            "workspaceId": text("Whose.", examples=[WORKSPACE]),
            "state": text("", enum=[each.upper() for each in ReplayState]),
            "webhookIds": array(uuid(), "Empty: every webhook of the workspace."),
            "filter": ref("ReplayFilter"),
            "missing": flag("Whether it is of what was never owed."),
            "ratePerSecond": {"type": "number"},
            "createdBy": text("The name of the client or person that asked for it."),
            "createdAt": moment("When it was asked for."),
            "updatedAt": moment("When something of it was counted last."),
            "progress": ref("ReplayProgress"),
        },
        {
            "searchedUntil": moment("To operators: up to which acceptance deliveries were searched, once any were."),
            "endedAt": moment("When it had finished, or was cancelled."),
        },
    ),
    "ReplayList": page("Replay"),
}


def _order(word: str, summary: str, description: str) -> Operation:
    return Operation(
        method="POST",
        path=f"{PATH}/{{id}}/{word}",
        tag=TAG,
        id=f"{word}Replay",
        permission=Permission.UPDATE_WEBHOOKS,
        summary=summary,
        description=description + " Asked again it changes nothing.",
        answer=ref("Replay"),
        errors=(404, 409),
    )


OPERATIONS = (
    Operation(
        method="POST",
        path=PATH,
        tag=TAG,
        id="createReplay",
        permission=Permission.UPDATE_WEBHOOKS,
        summary="Send many deliveries again",
        description="Everything that the filter means is owed again, in its next round, at the rate that is asked for, so that "
        "what is fresh waits for none of it: a webhook that takes little is given little. Workers carry it out as a job, and a "
        "crash neither repeats nor loses any of it. `dryRun` counts instead, and answers 200.\n\n"
        "Of what cannot be sent again the reason is counted. A workspace has few replays open at a time: one more is a 403 "
        "`HPE_GL_UNIFIED_EVENTS_REGISTRATION_FORBIDDEN`.",
        body={JSON: ref("ReplayInput")},
        success=202,
        location=True,
        answer=ref("Replay"),
        others={200: {"description": "With `dryRun`: the count.", "content": {JSON: {"schema": ref("ReplayCount")}}}},
        errors=(400, 404, 413, 422),
    ),
    Operation(
        method="GET",
        path=PATH,
        tag=TAG,
        id="listReplays",
        permission=Permission.READ_WEBHOOKS,
        summary="List replays, newest first",
        query=(
            parameter("state", text("", enum=[each.upper() for each in ReplayState]), "Only those in this state."),
            WITHIN,
            *paging(100, 100),
        ),
        answer=ref("ReplayList"),
        errors=(400,),
    ),
    Operation(
        method="GET",
        path=PATH + "/{id}",
        tag=TAG,
        id="readReplay",
        permission=Permission.READ_WEBHOOKS,
        summary="Read a replay and how far it is",
        answer=ref("Replay"),
        errors=(404,),
    ),
    _order("pause", "Pause a replay", "After the answer nothing more is sent again; what was owed again goes on."),
    _order("resume", "Let a replay go on", "At its rate; what was not sent meanwhile is not made up for."),
    _order("cancel", "Cancel a replay", "After the answer nothing more is sent again; what was owed again goes on."),
)
